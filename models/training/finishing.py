"""From networks and what they said to a detector: probabilities, limits, int8, novelty, pictures to test it with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from camera.virtual import VirtualLine, VirtualParameters
from models.bundle import Manifest
from models.bundle.manifest import Novelty, Quality
from models.detector import Detector
from models.errors import ModelError
from models.novelty import fit
from models.training.assembly import Findings, loaded
from models.training.calibration import calibrate
from models.training.evidence import Evidence, Unseen
from models.training.export import export_float, quantise
from models.training.gathering import Gathered
from models.training.jobs import Outcome, rebuilt
from models.training.limits import ChosenLimits, choose_limits, decision_limits
from models.training.measures import quality_range
from models.training.network import TEACHER, DefectNetwork, EmbeddingNetwork, parameter_count
from models.training.pictures import PictureEntry, PictureStore, Progress
from models.training.reading import read_picture
from models.training.settings import TrainingSettings
from models.training.strips import in_strips

_GOLDEN_SEED_OFFSET = 90_000
_GOLDEN_PARTS = 40
_GOLDEN_EACH = 2
_RANGE_PICTURES = 96
_NOVELTY_ROOM = 1.35
_NOVELTY_PICTURES = 400


def decide(
    settings: TrainingSettings, gathered: Gathered, evidence: Evidence, seen: Sequence[PictureEntry]
) -> tuple[Findings, ChosenLimits]:
    """Return calibration and limits from the evidence alone; the range of frames is that of the pictures ``seen``.

    Raises:
        CalibrationError: The scores say nothing.
    """
    calibration = calibrate(evidence.decisive, settings.decision.top_cells)
    independent = gathered.independent and evidence.photos_decide
    chosen = choose_limits(evidence.decisive, settings.decision, independent=independent)
    teacher = None
    if evidence.teachers is not None:
        parameters = parameter_count(DefectNetwork(len(gathered.classes), TEACHER))
        teacher = (
            f"teachers of {parameters} parameters, each without two folds; out of fold AUROC {evidence.teachers:.4f}"
        )
    findings = Findings(
        calibration=calibration,
        decision=decision_limits(chosen, calibration, settings.decision),
        boxes=settings.decision.boxes.model_copy(
            # What would keep a part from being accepted has a box, and little else.
            update={"peak_logit": chosen.accept, "grow_logit": chosen.accept - settings.decision.grow_below}
        ),
        quality=frames_like(seen),
        teacher=teacher,
    )
    return findings, chosen


def frames_like(seen: Sequence[PictureEntry]) -> Quality:
    """Return the range of frames: of the photos where there are any, as drawn light is no measure of a station."""
    photos = [entry.quality for entry in seen if entry.origin == "photo"]
    return quality_range(photos or [entry.quality for entry in seen])


def quantised(
    manifest: Manifest, outcome: Outcome, store: PictureStore, seen: Sequence[PictureEntry], progress: Progress
) -> Detector:
    """Return a student's int8 network as the station will run it; its ranges come from pictures that it has seen."""
    if outcome.embedding is None:
        raise ModelError(f"{outcome.job.name} has no embedding; delete its result in the work folder")
    progress("quantising", 0, 2)
    network = rebuilt(outcome, len(manifest.classes))
    whole = EmbeddingNetwork(network, outcome.embedding.projection())
    exported = export_float(whole, manifest.input.height, manifest.input.width)
    progress("quantising", 1, 2)
    model, strips = in_strips(quantise(exported, _range_pictures(store, seen)))
    progress("quantising", 2, 2)
    entrance = manifest.input.model_copy(update={"strips": strips})
    return loaded(manifest.model_copy(update={"input": entrance}), model, threads=2)


def novelty_of(
    detector: Detector, store: PictureStore, seen: Sequence[PictureEntry], unseen: Sequence[Unseen]
) -> Novelty:
    """Return what the pictures that a network saw look like to it; the limit is that of left-out groups' good ones.

    Distances of left-out groups are told by the fold's own network, in units of its own spread, and so carry over.
    """
    good = [one for one in unseen if one.entry.truth == "accept" and np.isfinite(one.novelty)]
    # Drawn parts are more varied than any real product: where there are photos, they alone set the limit.
    left_out = [one.novelty for one in good if one.entry.origin == "photo"] or [one.novelty for one in good]
    chosen = like_the_training(seen)
    summaries = [detector.read_prepared(store.prepared(entry)).summary for entry in chosen]
    centre, precision = fit(
        np.stack([summary for summary in summaries if summary is not None]), [entry.group for entry in chosen]
    )
    return Novelty(
        centre=tuple(centre.tolist()),
        precision=tuple(tuple(row) for row in precision.tolist()),
        limit=max(left_out, default=1.0) * _NOVELTY_ROOM,
    )


def like_the_training(seen: Sequence[PictureEntry]) -> list[PictureEntry]:
    """Return up to 400 pictures that tell what the training looks like: photos first, every group of them."""
    photos = [entry for entry in seen if entry.origin == "photo"]
    others = [entry for entry in seen if entry.origin != "photo"]
    if len(photos) > _NOVELTY_PICTURES:
        return _from_every_group(photos, _NOVELTY_PICTURES)
    return [*photos, *others][:_NOVELTY_PICTURES]


def _from_every_group(entries: Sequence[PictureEntry], count: int) -> list[PictureEntry]:
    """Return ``count`` pictures in their order: turn by turn each group gives one more, spread evenly over its own."""
    groups: dict[str, list[PictureEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    share = dict.fromkeys(groups, 0)
    while (left := count - sum(share.values())) > 0:
        giving = [name for name, members in groups.items() if share[name] < len(members)]
        for number in range(min(left, len(giving))):
            share[giving[number * len(giving) // min(left, len(giving))]] += 1
    chosen = {
        members[number * len(members) // share[name]].index
        for name, members in groups.items()
        for number in range(share[name])
    }
    return [entry for entry in entries if entry.index in chosen]


def golden_pictures(settings: TrainingSettings, store: PictureStore) -> list[NDArray[np.uint8]]:
    """Return good and defective pictures to test a station with: the data's own, or where they are private virtual."""
    photos = [entry for entry in store.entries if entry.path is not None]
    if settings.private_pictures or not photos:
        return _virtual_golden(settings)
    chosen = [
        entry
        for truth in ("accept", "reject")
        for entry in [photo for photo in photos if photo.truth == truth][:: max(len(photos) // 2, 1)][:_GOLDEN_EACH]
    ]
    return [read_picture(entry.path) for entry in chosen if entry.path is not None]


def _virtual_golden(settings: TrainingSettings) -> list[NDArray[np.uint8]]:
    first = settings.virtual.first_seed if settings.virtual else 0
    line = VirtualLine(VirtualParameters(seed=first + _GOLDEN_SEED_OFFSET, defects=0.5))
    plans = [line.plan(index) for index in range(_GOLDEN_PARTS)]
    good = [plan.index for plan in plans if plan.verdict == "accept"][:_GOLDEN_EACH]
    bad = [plan.index for plan in plans if plan.verdict == "reject"][:_GOLDEN_EACH]
    return [line.render(index).image for index in good + bad]


def _range_pictures(store: PictureStore, seen: Sequence[PictureEntry]) -> list[NDArray[np.uint8]]:
    """Return pictures for the activation ranges: evenly from all photos and virtual parts, defective ones first."""
    entries = sorted(seen, key=lambda entry: entry.truth == "accept")
    return [np.asarray(store.pixels[entry.index]) for entry in entries[:: max(len(entries) // _RANGE_PICTURES, 1)]]
