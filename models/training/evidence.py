"""What networks said of pictures whose groups they never saw: the ground of every limit and figure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import DatasetImage
from edge.core.policy import judge_view
from edge.core.statistics import auroc
from edge.core.types import ViewJudgement
from models.bundle import Manifest
from models.evaluation import JudgedImage
from models.postprocess import LogitMap, extract_boxes, picture_score, top_mean
from models.training.jobs import MAP_QUANTISATION, Job, Plan, outcome_of, plan_jobs, teacher_maps
from models.training.pictures import UNKNOWN, PictureEntry, PictureStore
from models.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPicture:
    """A picture's raw score (mean of its highest defect logits) by a network that was not trained on its group."""

    name: str
    group: str
    defective: bool
    logit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unseen:
    """A picture and the map (stored by ``MAP_QUANTISATION``) of a network that never saw its group.

    ``novelty`` is its distance from the pictures which that network saw.
    """

    entry: PictureEntry
    stored: LogitMap
    novelty: float


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


def unseen_by_students(plan: Plan, students: Sequence[Job]) -> list[Unseen]:
    """Return every picture with the map of the student that left out its fold, in the store's order."""
    by_name = {entry.name: entry for entry in plan.entries}
    found: dict[str, Unseen] = {}
    for job in students:
        outcome = outcome_of(job, plan)
        distances = outcome.distances({entry.name: entry.group for entry in plan.entries})
        for name, stored in outcome.maps.items():
            found[name] = Unseen(entry=by_name[name], stored=stored, novelty=distances.get(name, float("nan")))
    return [found[entry.name] for entry in plan.entries if entry.name in found]


def scored(unseen: Iterable[Unseen], top_cells: int) -> list[ScoredPicture]:
    """Return each picture's raw score."""
    return [
        ScoredPicture(
            name=one.entry.name,
            group=one.entry.group,
            defective=one.entry.truth == "reject",
            logit=raw_score(one.stored, top_cells),
        )
        for one in unseen
    ]


def raw_score(stored: LogitMap, top_cells: int) -> float:
    """Return a stored map's raw score, a logit."""
    return MAP_QUANTISATION.real(top_mean(stored[:, :, 0], top_cells))


def ranking(pictures: Sequence[ScoredPicture]) -> float | None:
    """Return the AUROC of raw scores; None without both verdicts."""
    return auroc(
        [picture.logit for picture in pictures if picture.defective],
        [picture.logit for picture in pictures if not picture.defective],
    )


def teachers_ranking(plan: Plan, teachers: Sequence[Job], top_cells: int, *, origin: str) -> float | None:
    """Return the AUROC of the teachers, each picture scored by the mean map of those that never saw its group."""
    maps = teacher_maps(plan, teachers)
    pictures = [
        ScoredPicture(
            name=entry.name,
            group=entry.group,
            defective=entry.truth == "reject",
            logit=float(np.mean([raw_score(stored, top_cells) for stored in maps[entry.name]])),
        )
        for entry in plan.entries
        if entry.origin == origin and entry.name in maps
    ]
    return ranking(pictures)


def judged(unseen: Iterable[Unseen], manifest: Manifest, store: PictureStore) -> Iterator[JudgedImage]:
    """Yield the verdicts on these pictures under a bundle's calibration, limits and novelty limit."""
    limits = manifest.decision.limits()
    for one in unseen:
        boxes = extract_boxes(one.stored, MAP_QUANTISATION, manifest, one.entry.geometry)
        score = picture_score(one.stored, MAP_QUANTISATION, manifest.calibration)
        novelty = None if manifest.novelty is None else one.novelty / manifest.novelty.limit
        verdict = judge_view(ViewJudgement(camera="held-out", score=score, boxes=boxes, limits=limits, novelty=novelty))
        yield JudgedImage(
            entry=listed(one.entry),
            decision=verdict.decision,
            code=verdict.code,
            score=score,
            boxes=boxes,
            mask=_mask(one.entry, store.labels[one.entry.index]),
        )


def listed(entry: PictureEntry) -> DatasetImage:
    """Return a picture as a dataset lists it."""
    return DatasetImage(
        id=entry.name,
        file=entry.name,
        truth=entry.truth,
        group=entry.group,
        part_id=None,
        view=None,
        boxes=entry.boxes,
    )


def _mask(entry: PictureEntry, labels: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Return the defects in pixels of the picture as taken, from the labels at the network's size."""
    if not entry.boxes:
        return None
    geometry = entry.geometry
    _, _, width, height = geometry.region
    columns = np.minimum((np.arange(width) * geometry.scale_x + geometry.left).astype(np.int64), labels.shape[1] - 1)
    rows = np.minimum((np.arange(height) * geometry.scale_y + geometry.top).astype(np.int64), labels.shape[0] - 1)
    found: NDArray[np.bool_] = ((labels > 0) & (labels != UNKNOWN))[np.ix_(rows, columns)]
    return found
