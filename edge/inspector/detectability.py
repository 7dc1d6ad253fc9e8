"""What a study of the probability of detection takes from a folder of labelled pictures, judged as the line judges."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from camera.errors import CameraError
from camera.image_file import ImageLimits, read_image
from camera.source import Image
from edge.core.codes import describe
from edge.core.dataset import Dataset, DatasetImage, LabelledBox
from edge.core.policy import judge_view
from edge.core.types import Decision
from edge.inspector.evaluation import hash_pictures, read_dataset, read_mask
from edge.inspector.examine import examine
from edge.inspector.subject import trained_files
from edge.inspector.views import LoadedView
from models.errors import ModelError
from models.pod import (
    Base,
    Judge,
    Judgement,
    Progress,
    Provenance,
    RealDefect,
    StudyError,
    StudyReport,
    measure_labelled,
    run_study,
)
from models.pod.judging import judged

_ROUNDING: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """What is studied: a view, on the good pictures of a COCO folder (of the groups ``only``, all by default)."""

    view: LoadedView
    data: Path
    group: str | None = None
    only: tuple[str, ...] | None = None
    seed: int = 0


def study_detectability(request: StudyRequest, progress: Progress) -> StudyReport:
    """Draw defects on the good pictures, judge them as the line does, and set the folder's own defects beside them.

    Raises:
        DatasetError: The annotations cannot be read.
        StudyError: There is no good picture to draw on, or none is accepted without a drawn defect.
    """
    view, folder = request.view, request.data
    dataset = read_dataset(folder, request.group)
    pictures = [entry for entry in dataset.images if request.only is None or entry.group in request.only]
    bases = good_bases(folder, pictures, view)
    if not bases:
        raise StudyError(f"{folder}: no good picture{' of these groups' if request.only else ''} to draw on")
    judge = line_judge(view)
    masks: list[str] = []
    real = tuple(real_defects(folder, pictures, judge, progress, masks.append))
    return run_study(
        bases,
        judge,
        _provenance(request, replace(dataset, images=tuple(pictures)), len(bases), masks),
        real=real,
        seed=request.seed,
        progress=progress,
    )


def line_judge(view: LoadedView) -> Judge:
    """Return the judge that a view makes: quality of the picture, network, commissioned rules, catalogue, limits."""

    def judge(picture: NDArray[np.uint8]) -> Judgement:
        found = examine(
            picture, camera=view.camera, judge=view.detector, quality=view.quality, limits=view.limits, roi=view.roi
        )
        verdict = judge_view(found.judgement)
        fault = found.failure or (describe(found.judgement.fault) if found.judgement.fault else "")
        return Judgement(decision=verdict.decision, score=verdict.score, boxes=found.judgement.boxes, fault=fault)

    return judge


def good_bases(folder: Path, pictures: Iterable[DatasetImage], view: LoadedView) -> list[Base]:
    """Return the good pictures as bases for implants, which then lie in the view's region of interest."""
    return [
        Base(
            name=entry.file,
            group=entry.group or entry.part_id or entry.file,
            load=partial(_picture, folder / "images" / entry.file),
            region=view.roi,
        )
        for entry in pictures
        if entry.truth == "accept"
    ]


def real_defects(
    folder: Path,
    pictures: Sequence[DatasetImage],
    judge: Judge,
    progress: Progress,
    mask_fault: Callable[[str], None],
) -> Iterator[RealDefect]:
    """Yield the labelled defects that can be measured, with what their picture's verdict was.

    Only pictures with a mask and a single labelled defect tell something of that one; those that cannot be read or
    judged tell nothing. A mask that is there and cannot be used is told to ``mask_fault``.
    """
    known = [(entry, box) for entry in pictures if (box := _only_defect(entry)) is not None]
    for done, (entry, box) in enumerate(known):
        progress("real defects", done, len(known))
        try:
            picture = _picture(folder / "images" / entry.file)
            mask = read_mask(folder, entry, picture.shape)
            if mask.fault:
                mask_fault(mask.fault)
            measured = measure_labelled(picture, _marked(mask.marks, box, picture))
        except ModelError:  # it cannot be read, or has no mask to be measured by
            continue
        verdict = judged(judge, picture)
        if verdict.score is not None and measured.contrast > 0.0:
            yield RealDefect(
                kind=box.category,
                size=measured.length,
                contrast=measured.contrast,
                hit=verdict.decision is not Decision.ACCEPT,
            )
    progress("real defects", len(known), len(known))


def _provenance(request: StudyRequest, pictures: Dataset, bases: int, masks: Sequence[str]) -> Provenance:
    view, limits = request.view, request.view.limits
    joined = [name for name, file in (("commissioned", view.commissioned), ("with catalogue", view.catalogue)) if file]
    judge = ", ".join([view.bundle.label, *joined])
    of_groups = "" if request.only is None else f", groups {', '.join(request.only)}"
    trained = trained_files(hash_pictures(request.data, pictures), [view])
    warnings = []
    if trained:
        warnings.append(
            f"The network was trained on {len(trained)} of the {len(pictures.images)} pictures used here: it knows "
            "these parts, and finds more on them than on parts that it never saw."
        )
    if masks:
        warnings.append(f"{len(masks)} masks cannot be used, so that their defects are not measured: {masks[0]}.")
    return Provenance(
        judge=f"{judge}, accept below {limits.accept_below:.4f}, reject above {limits.reject_above:.4f}",
        bases=f"{bases} good pictures of {request.data.resolve().name}{of_groups}",
        warnings=tuple(warnings),
    )


def _only_defect(entry: DatasetImage) -> LabelledBox | None:
    defects = [box for box in entry.boxes if not box.ignore]
    return defects[0] if entry.truth == "reject" and len(defects) == 1 else None


def _marked(marks: NDArray[np.bool_] | None, box: LabelledBox, picture: Image) -> NDArray[np.bool_]:
    """Return what the mask marks in a box, empty where there is no mask."""
    inside = np.zeros(picture.shape[:2], np.bool_)
    if marks is not None:
        left, top = max(round(box.x) - _ROUNDING, 0), max(round(box.y) - _ROUNDING, 0)
        right, bottom = round(box.x + box.width) + _ROUNDING, round(box.y + box.height) + _ROUNDING
        inside[top:bottom, left:right] = marks[top:bottom, left:right]
    return inside


def _picture(path: Path) -> Image:
    try:
        return read_image(path, ImageLimits())
    except CameraError as error:
        raise ModelError(str(error)) from error
