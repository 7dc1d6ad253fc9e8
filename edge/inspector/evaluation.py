"""Judging a folder of labelled pictures exactly as the line judges parts, and looking at it in other ways.

Pictures are judged by the views of one recipe: each by the view that it tells, all by the only one.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.errors import CameraError
from camera.image_file import ImageLimits, read_image
from camera.source import Image
from edge.core.dataset import Dataset, DatasetError, DatasetImage, parse_dataset
from edge.core.policy import judge_view
from edge.core.types import Decision
from edge.inspector.clock import NS_PER_MS
from edge.inspector.examine import examine
from edge.inspector.views import LoadedView
from models.audit.classical import Strengths, blob_strengths
from models.audit.pictures import ReportPicture, report_picture
from models.audit.repeat import Shots, jittered
from models.errors import PictureError
from models.evaluation import JudgedImage
from models.preprocess import cropped

ANNOTATIONS: Final = "annotations.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """What a mask file marks (height x width), None without one; ``fault`` tells why one that is there is not used."""

    marks: NDArray[np.bool_] | None = None
    fault: str = ""


def read_dataset(folder: Path, group_field: str | None) -> Dataset:
    """Read a COCO folder's ``annotations.json``.

    Raises:
        DatasetError: it cannot be read or is malformed; the message names the file and the entry.
    """
    file = folder / ANNOTATIONS
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{file}: {error.strerror}; name a folder with images/ and {ANNOTATIONS}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{file}: is not UTF-8 text; export the dataset again") from error
    try:
        return parse_dataset(text, group_field)
    except DatasetError as error:
        raise DatasetError(f"{file}: {error}") from error


def view_of(entry: DatasetImage, views: Sequence[LoadedView]) -> LoadedView:
    """Return the view that judges a picture; raises KeyError where several do and it tells none of them."""
    return views[0] if len(views) == 1 else {view.camera: view for view in views}[entry.view or ""]


def judge_dataset(folder: Path, dataset: Dataset, views: Sequence[LoadedView]) -> Iterator[JudgedImage]:
    """Yield one judgement per listed picture, in order; a picture that cannot be read is a cannot-judge."""
    for entry in dataset.images:
        try:
            image = _read(folder, entry)
        except CameraError as error:
            yield JudgedImage(entry=entry, decision=Decision.CANNOT_JUDGE, code=error.code, score=None)
            continue
        yield _judge(image, entry, view_of(entry, views), read_mask(folder, entry, image.shape[:2]))


def judge_again(
    folder: Path, judged: Sequence[JudgedImage], views: Sequence[LoadedView], times: int
) -> Iterator[Shots]:
    """Yield each picture that was shot but once, judged as it is and ``times`` more with jitter.

    Pictures without a score, and views that were really shot several times, are passed over.
    """
    shots = Counter((image.entry.part_id, image.entry.view) for image in judged)
    for image in judged:
        entry = image.entry
        several = entry.part_id is not None and entry.view is not None and shots[entry.part_id, entry.view] > 1
        if image.score is None or several:
            continue
        try:
            picture = _read(folder, entry)
        except CameraError:
            continue  # it was there a moment ago: the first judgement stands
        view = view_of(entry, views)
        again = [_judge(jittered(picture, entry.file, shot), entry, view, Mask()) for shot in range(times)]
        yield Shots(
            name=entry.file,
            bad=image.bad,
            decisions=(image.decision, *(one.decision for one in again)),
            scores=(image.score, *(one.score for one in again)),
            view=entry.view,
        )


def measure_blobs(folder: Path, dataset: Dataset, views: Sequence[LoadedView]) -> Iterator[Strengths | None]:
    """Yield what the classical detector measures on each listed picture's region of interest.

    None where a picture cannot be read or does not hold the region.
    """
    for entry in dataset.images:
        try:
            yield blob_strengths(cropped(_read(folder, entry), view_of(entry, views).roi))
        except (CameraError, PictureError):
            yield None


def report_pictures(folder: Path, images: Iterable[JudgedImage]) -> dict[str, ReportPicture]:
    """Return pictures for a report by their file names, without those that cannot be read."""
    shown: dict[str, ReportPicture] = {}
    for image in images:
        try:
            shown[image.entry.file] = report_picture(_read(folder, image.entry), image)
        except CameraError:
            continue  # the report shows its figures alone
    return shown


def hash_pictures(folder: Path, dataset: Dataset) -> dict[str, str]:
    """Return the SHA-256 of each listed file that can be read, by its name."""
    hashes: dict[str, str] = {}
    for entry in dataset.images:
        try:
            with (folder / "images" / entry.file).open("rb") as stream:
                hashes[entry.file] = hashlib.file_digest(stream, "sha256").hexdigest()
        except (OSError, ValueError):  # also a name that no file can have
            continue
    return hashes


def _read(folder: Path, entry: DatasetImage) -> Image:
    return read_image(folder / "images" / entry.file, ImageLimits())


def _judge(image: NDArray[np.uint8], entry: DatasetImage, view: LoadedView, mask: Mask) -> JudgedImage:
    started_ns = time.monotonic_ns()
    found = examine(
        image, camera=view.camera, judge=view.detector, quality=view.quality, limits=view.limits, roi=view.roi
    )
    verdict = judge_view(found.judgement)
    return JudgedImage(
        entry=entry,
        decision=verdict.decision,
        code=verdict.code,
        score=verdict.score,
        boxes=found.judgement.boxes,
        latency_ms=(time.monotonic_ns() - started_ns) / NS_PER_MS,
        mask=mask.marks,
        mask_fault=mask.fault,
    )


def read_mask(folder: Path, entry: DatasetImage, shape: tuple[int, ...]) -> Mask:
    """Return the mask of a picture's defects; ``shape`` begins with the picture's height and width."""
    file = (folder / "masks" / entry.file).with_suffix(".png")
    if not file.is_file():
        return Mask()
    marks = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    name = f"masks/{file.relative_to(folder / 'masks')}"
    if marks is None:
        return Mask(fault=f"{name} cannot be read")
    if marks.shape != shape[:2]:
        (height, width), (rows, columns) = marks.shape, shape[:2]
        return Mask(fault=f"{name} has {width} x {height} pixels, its picture {columns} x {rows}")
    return Mask(marks=marks > 0)
