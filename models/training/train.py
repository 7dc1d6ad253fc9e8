"""A whole training run: pictures in, one bundle out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from camera.virtual import VirtualLine, VirtualParameters
from edge.core.policy import judge_view
from edge.core.types import Decision, Limits, ViewJudgement
from models.bundle import Bundle
from models.detector import Detector
from models.postprocess import probability
from models.training.assembly import Findings, loaded, make_manifest, write
from models.training.calibration import calibrate, choose_limits, nested_counts
from models.training.export import export_float, quantise
from models.training.fitting import float_logits
from models.training.held_out import Unseen, evaluated, scored
from models.training.jobs import Job, Outcome, Pools, rebuilt, run_jobs
from models.training.measures import quality_range
from models.training.network import DefectNetwork, parameter_count
from models.training.pictures import PictureSet, Progress, TrainingPicture, load_photos, load_virtual
from models.training.report import model_card, report_page
from models.training.settings import TrainingSettings

_HELD_OUT_SEED_OFFSET = 50_000
_GOLDEN_SEED_OFFSET = 90_000
_GOLDEN_PARTS = 40
_GOLDEN_EACH = 2
_RANGE_PICTURES = 96


def train_bundle(settings: TrainingSettings, progress: Progress) -> Bundle:
    """Train, calibrate out of fold, quantise, and write ``NAME-VERSION.lgb`` and its model card into the output folder.

    The folds leave whole groups of photos out; probabilities, limits and every figure of the metrics come from
    pictures of groups that the scoring network never saw, and from virtual parts of seeds never trained on. The
    shipped network is then fitted on all photos, which no figure measures.

    Raises:
        DatasetError: A photo folder is malformed.
        ValueError: The out-of-fold scores cannot be calibrated.
        ModelError: The bundle cannot be made or written.
    """
    sets = [load_photos(folder, settings, progress) for folder in settings.photos]
    first = settings.virtual.first_seed
    virtual = load_virtual(first, settings.virtual.parts, settings, progress)
    held_out = load_virtual(first + _HELD_OUT_SEED_OFFSET, settings.virtual.held_out, settings, progress)
    pools = Pools(
        photos=tuple(picture for one in sets for picture in one.pictures),
        virtual=virtual.pictures,
        held_out=held_out.pictures,
    )
    whole, *folds = run_jobs(_jobs(settings), pools, settings, progress)
    return finish(settings, (whole, folds), pools, [*sets, virtual], progress)


def finish(
    settings: TrainingSettings,
    outcomes: tuple[Outcome, Sequence[Outcome]],
    pools: Pools,
    sets: Sequence[PictureSet],
    progress: Progress,
) -> Bundle:
    """Calibrate, quantise and write; ``outcomes`` are the network of everything and those of the folds."""
    whole, folds = outcomes
    photos, virtual = _unseen(whole, folds, pools)
    findings = _findings(settings, photos, virtual, pools)
    manifest = make_manifest(settings, findings, sets)
    progress("quantising", 0, 1)
    network = rebuilt(whole, len(settings.classes))
    model = quantise(export_float(network, settings.height, settings.width), _range_pictures(pools))
    detector = loaded(manifest, model, threads=2)
    metrics = {
        "photos_out_of_fold": evaluated(photos, manifest, by_group=True) if photos else None,
        "photos_nested_limits": nested_counts(
            scored(photos, settings.decision.top_cells), settings.folds, settings.decision
        ),
        "virtual_held_out": evaluated(virtual, manifest, by_group=False),
        "int8_against_float": _parity(network, detector, [*pools.photos, *pools.held_out]),
        "parameters": parameter_count(network),
        "folds": [list(fold.job.left_out) for fold in folds],
    }
    card = model_card(manifest, metrics, settings.notes)
    settings.output.mkdir(parents=True, exist_ok=True)
    bundle = write(settings.output, detector, _golden_pictures(settings), metrics, (card, report_page(manifest, card)))
    (settings.output / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    progress("quantising", 1, 1)
    return bundle


def _jobs(settings: TrainingSettings) -> list[Job]:
    whole = Job(left_out=(), steps=settings.optimiser.steps, seed=settings.seed)
    folds = [
        Job(left_out=groups, steps=settings.fold_steps, seed=settings.seed + number)
        for number, groups in enumerate(settings.folds, 1)
    ]
    return [whole, *folds]


def _unseen(whole: Outcome, folds: Sequence[Outcome], pools: Pools) -> tuple[list[Unseen], list[Unseen]]:
    """Return photos with the map of their own fold, and virtual parts with that of the whole network."""
    by_name = {name: stored for fold in folds for name, stored in fold.maps.items()}
    photos = [(picture, by_name[picture.name]) for picture in pools.photos if picture.name in by_name]
    return photos, [(picture, whole.maps[picture.name]) for picture in pools.held_out]


def _findings(
    settings: TrainingSettings, photos: Sequence[Unseen], virtual: Sequence[Unseen], pools: Pools
) -> Findings:
    decision = settings.decision
    pictures = scored([*photos, *virtual], decision.top_cells)
    calibration = calibrate(pictures, decision.top_cells)
    decisive = scored(photos or virtual, decision.top_cells)
    return Findings(
        calibration=calibration,
        decision=choose_limits(decisive, calibration, decision),
        boxes=decision.boxes,
        quality=quality_range([*pools.photos, *pools.virtual]),
    )


def _range_pictures(pools: Pools) -> list[NDArray[np.uint8]]:
    """Return pictures for the activation ranges: evenly from all photos and virtual parts, defective ones first."""
    pictures = sorted([*pools.photos, *pools.virtual], key=lambda picture: picture.truth == "accept")
    return [picture.pixels for picture in pictures[:: max(len(pictures) // _RANGE_PICTURES, 1)]]


def _parity(network: DefectNetwork, detector: Detector, pictures: Sequence[TrainingPicture]) -> dict[str, Any]:
    """Compare the int8 network with the float one on whole pictures: probabilities and verdicts."""
    manifest, limits = detector.bundle.manifest, detector.bundle.manifest.decision.limits()
    differences, flips = [], 0
    for picture in pictures:
        exact = float_logits(network, picture.pixels)[:, :, 0]
        cells = manifest.calibration.top_cells
        logit = float(np.partition(exact.ravel(), -cells)[-cells:].mean())
        reference = probability(logit, manifest.calibration)
        found = detector.inspect(picture.pixels).score
        differences.append(abs(found - reference))
        flips += _verdict(found, limits) is not _verdict(reference, limits)
    return {"pictures": len(pictures), "probability_difference_max": max(differences), "verdict_flips": flips}


def _verdict(score: float, limits: Limits) -> Decision:
    return judge_view(ViewJudgement(camera="parity", score=score, limits=limits)).decision


def _golden_pictures(settings: TrainingSettings) -> list[NDArray[np.uint8]]:
    """Return virtual parts only: no customer's picture, and no photo of the training set, leaves in a bundle."""
    line = VirtualLine(VirtualParameters(seed=settings.virtual.first_seed + _GOLDEN_SEED_OFFSET, defects=0.5))
    plans = [line.plan(index) for index in range(_GOLDEN_PARTS)]
    good = [plan.index for plan in plans if plan.verdict == "accept"][:_GOLDEN_EACH]
    bad = [plan.index for plan in plans if plan.verdict == "reject"][:_GOLDEN_EACH]
    return [line.render(index).image for index in good + bad]
