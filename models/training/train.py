"""A whole training run: pictures in, one bundle out."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from camera.virtual import VirtualLine, VirtualParameters
from models.bundle import Bundle, Manifest
from models.bundle.manifest import Novelty
from models.detector import Detector
from models.errors import ModelError
from models.evaluation import evaluate_dataset
from models.novelty import fit
from models.training.assembly import Findings, as_json, loaded, make_manifest, with_novelty, write
from models.training.calibration import calibrate
from models.training.evidence import (
    ScoredPicture,
    Unseen,
    judged,
    ranking,
    scored,
    teachers_ranking,
    unseen_by_students,
)
from models.training.export import export_float, quantise
from models.training.files import make_folder
from models.training.gathering import Gathered, gather
from models.training.jobs import Job, Outcome, Plan, outcome_of, plan_jobs, rebuilt, run_jobs, settings_key
from models.training.limits import ChosenLimits, choose_limits, decision_limits, nested_counts
from models.training.measures import quality_range
from models.training.network import TEACHER, DefectNetwork, EmbeddingNetwork, parameter_count
from models.training.parity import compare
from models.training.pictures import PictureStore, Progress
from models.training.reading import read_picture
from models.training.report import model_card, report_page
from models.training.settings import TrainingSettings

_GOLDEN_SEED_OFFSET = 90_000
_GOLDEN_PARTS = 40
_GOLDEN_EACH = 2
_RANGE_PICTURES = 96
_NOVELTY_ROOM = 1.25
_NOVELTY_PICTURES = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What the run's networks said of pictures that they never saw.

    ``decisive`` are those that limits and probabilities come from: the photos, or where they show one verdict only,
    all pictures, and then nothing may be claimed.
    """

    unseen: tuple[Unseen, ...]
    decisive: tuple[ScoredPicture, ...]
    photos_decide: bool
    teachers: float | None


def train_bundle(settings: TrainingSettings, progress: Progress, warn: Callable[[str], None]) -> Bundle:
    """Train, calibrate out of fold, quantise, compare, and write the bundle and its model card.

    Probabilities, limits and every figure come from pictures of groups that the scoring network never saw; the network
    that ships is then fitted on all of them. What is fitted is kept in the work folder: a run that was cut short goes
    on where it was. ``warn`` is told what the data check found that does not stop training.

    Raises:
        DatasetError: The data cannot be trained on.
        CalibrationError: The out-of-fold scores say nothing.
        ModelError: The int8 network is not the float one's equal, or the bundle cannot be made or written.
    """
    make_folder(settings.output.parent)
    make_folder(settings.work)
    gathered = gather(settings, progress)
    for check in gathered.checks:
        for finding in check.warnings:
            warn(f"{check.name}: {finding}")
    plan, students = fit_networks(settings, gathered, progress)
    evidence = collect_evidence(settings, plan, students)
    findings, chosen = decide(settings, gathered, evidence)
    outcome = outcome_of(students[-1], plan)
    network = rebuilt(outcome, len(gathered.classes))
    manifest = make_manifest(settings, findings, gathered.classes, gathered.size, gathered.sources)
    detector = quantised(manifest, network, outcome, gathered.store, progress)
    detector = with_novelty(detector, _novelty(detector, gathered.store, evidence.unseen))
    parity = compare(network, detector, gathered.store, settings=settings.parity, seed=settings.seed, progress=progress)
    metrics = _metrics(gathered, evidence, chosen, detector, settings) | {
        "int8_against_float": parity.summary(),
        "parameters": parameter_count(network),
    }
    settings.work.joinpath("metrics.json").write_bytes(as_json(metrics))
    parity.refuse(settings.parity)
    card = model_card(detector.bundle.manifest, metrics, settings.notes)
    page = _report(settings, gathered, evidence, detector.bundle.manifest)
    bundle = write(settings.output, detector, _golden_pictures(settings, gathered.store), metrics, (card, page))
    settings.output.with_name("MODEL_CARD.md").write_text(card, encoding="utf-8")
    return bundle


def fit_networks(
    settings: TrainingSettings, gathered: Gathered, progress: Progress, *, whole: bool = True
) -> tuple[Plan, list[Job]]:
    """Fit what is not fitted yet: the teachers, then the students that learn from them; return the students' jobs.

    The last student is that of everything; without ``whole`` there are those of the folds alone.
    """
    key = settings_key(settings, gathered.folds, gathered.key)
    plan = Plan(
        pictures=gathered.store.folder,
        entries=gathered.store.entries,
        folds=gathered.folds,
        classes=gathered.classes,
        folder=settings.work / f"networks-{key}",
    )
    teachers, students = plan_jobs(settings, len(gathered.folds))
    if teachers:
        run_jobs(teachers, plan, settings, progress, "fitting teachers")
    chosen = students if whole else students[:-1]
    run_jobs(chosen, plan, settings, progress, "fitting students")
    return plan, chosen


def collect_evidence(settings: TrainingSettings, plan: Plan, students: Sequence[Job]) -> Evidence:
    """Return what the students without a fold, and the teachers, said of pictures that they never saw."""
    unseen = unseen_by_students(plan, [job for job in students if job.left_out])
    top_cells = settings.decision.top_cells
    photos = scored([one for one in unseen if one.entry.origin == "photo"], top_cells)
    both = {one.defective for one in photos} == {True, False}
    teachers, _ = plan_jobs(settings, len(plan.folds))
    origin = "photo" if both else "virtual"
    return Evidence(
        unseen=tuple(unseen),
        decisive=tuple(photos if both else scored(unseen, top_cells)),
        photos_decide=both,
        teachers=teachers_ranking(plan, teachers, top_cells, origin=origin) if teachers else None,
    )


def decide(settings: TrainingSettings, gathered: Gathered, evidence: Evidence) -> tuple[Findings, ChosenLimits]:
    """Return calibration and limits from the evidence alone.

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
        boxes=settings.decision.boxes,
        quality=quality_range([entry.quality for entry in gathered.store.entries]),
        teacher=teacher,
    )
    return findings, chosen


def quantised(
    manifest: Manifest, network: DefectNetwork, outcome: Outcome, store: PictureStore, progress: Progress
) -> Detector:
    """Return the int8 network as the station will run it."""
    if outcome.embedding is None:
        raise ModelError("the student of everything has no embedding; delete its result in the work folder")
    progress("quantising", 0, 2)
    whole = EmbeddingNetwork(network, outcome.embedding.projection())
    exported = export_float(whole, manifest.input.height, manifest.input.width)
    progress("quantising", 1, 2)
    model = quantise(exported, _range_pictures(store))
    progress("quantising", 2, 2)
    return loaded(manifest, model, threads=2)


def _novelty(detector: Detector, store: PictureStore, unseen: Sequence[Unseen]) -> Novelty:
    """Return what the int8 network's pictures look like; the limit is that of left-out groups' good pictures.

    Distances of left-out groups are told by the fold's own network, in units of its own spread, and so carry over.
    """
    left_out = [one.novelty for one in unseen if one.entry.truth == "accept" and np.isfinite(one.novelty)]
    photos = [entry for entry in store.entries if entry.origin == "photo"]
    others = [entry for entry in store.entries if entry.origin != "photo"]
    chosen = [*photos, *others][:_NOVELTY_PICTURES]
    summaries = [detector.read(np.asarray(store.pixels[entry.index])).summary for entry in chosen]
    centre, precision = fit(
        np.stack([summary for summary in summaries if summary is not None]), [entry.group for entry in chosen]
    )
    return Novelty(
        centre=tuple(centre.tolist()),
        precision=tuple(tuple(row) for row in precision.tolist()),
        limit=max(left_out, default=1.0) * _NOVELTY_ROOM,
    )


def _range_pictures(store: PictureStore) -> list[NDArray[np.uint8]]:
    """Return pictures for the activation ranges: evenly from all photos and virtual parts, defective ones first."""
    entries = sorted(store.entries, key=lambda entry: entry.truth == "accept")
    return [np.asarray(store.pixels[entry.index]) for entry in entries[:: max(len(entries) // _RANGE_PICTURES, 1)]]


def _metrics(
    gathered: Gathered, evidence: Evidence, chosen: ChosenLimits, detector: Detector, settings: TrainingSettings
) -> dict[str, Any]:
    manifest = detector.bundle.manifest
    limits = manifest.decision.limits()
    figures: dict[str, Any] = {}
    for origin in ("photo", "virtual"):
        own = [one for one in evidence.unseen if one.entry.origin == origin]
        if own:
            figures[f"{origin}_out_of_fold"] = evaluate_dataset(judged(own, manifest, gathered.store), limits)
            figures[f"{origin}_out_of_fold"].pop("latency_ms")  # not measured here
            figures[f"{origin}_novel"] = _novel(own, manifest.novelty)
    return figures | {
        "nested_limits": nested_counts(evidence.decisive, gathered.folds, settings.decision),
        "limits": {"accept_logit": chosen.accept, "reject_logit": chosen.reject, "claimed": asdict(chosen.claimed)},
        "auroc_of_students": ranking(evidence.decisive),
        "auroc_of_teachers": evidence.teachers,
        "folds": [list(groups) for groups in gathered.folds],
        "data_checks": [check.summary() for check in gathered.checks],
    }


def _novel(unseen: Sequence[Unseen], novelty: Novelty | None) -> dict[str, int]:
    """Count the pictures of left-out groups that are held to be unlike the training."""
    limit = float("inf") if novelty is None else novelty.limit
    return {
        "pictures": len(unseen),
        "good_novel": sum(one.entry.truth == "accept" and one.novelty > limit for one in unseen),
        "bad_novel": sum(one.entry.truth == "reject" and one.novelty > limit for one in unseen),
    }


def _report(settings: TrainingSettings, gathered: Gathered, evidence: Evidence, manifest: Manifest) -> str:
    """Return the bundle's report; one with all its pictures is left in the work folder."""
    origin = "photo" if any(one.entry.origin == "photo" for one in evidence.unseen) else "virtual"
    own = [one for one in evidence.unseen if one.entry.origin == origin]
    paths = {one.entry.name: one.entry.path for one in own}
    data = ", ".join(source.name for source in gathered.sources)

    def page(pictures: Callable[[str], NDArray[np.uint8] | None]) -> str:
        return report_page(judged(own, manifest, gathered.store), manifest, data, pictures)

    def picture(name: str) -> NDArray[np.uint8] | None:
        path = paths[name]
        return None if path is None else read_picture(path)

    shown = page(picture)
    settings.work.joinpath("report.html").write_text(shown, encoding="utf-8")
    return page(lambda _name: None) if settings.private_pictures else shown


def _golden_pictures(settings: TrainingSettings, store: PictureStore) -> list[NDArray[np.uint8]]:
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
