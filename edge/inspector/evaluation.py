"""Judging a folder of labelled pictures exactly as the line judges parts."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.errors import CameraError
from camera.image_file import ImageLimits, read_image
from edge.core.dataset import Dataset, DatasetError, DatasetImage, parse_dataset
from edge.core.policy import judge_view
from edge.core.types import Decision
from edge.inspector.clock import NS_PER_MS
from edge.inspector.examine import examine
from models.bundle import Bundle
from models.detector import Detector
from models.evaluation import JudgedImage

ANNOTATIONS: Final = "annotations.json"


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


def judge_dataset(folder: Path, dataset: Dataset, bundle: Bundle) -> Iterator[JudgedImage]:
    """Yield one judgement per listed picture, in order; a picture that cannot be read is a cannot-judge."""
    detector = Detector.load(bundle)
    for entry in dataset.images:
        yield _judge(folder, entry, bundle, detector)


def _judge(folder: Path, entry: DatasetImage, bundle: Bundle, detector: Detector) -> JudgedImage:
    try:
        image = read_image(folder / "images" / entry.file, ImageLimits())
    except CameraError as error:
        return JudgedImage(entry=entry, decision=Decision.CANNOT_JUDGE, code=error.code, score=None)
    started_ns = time.monotonic_ns()
    manifest = bundle.manifest
    found = examine(
        image,
        camera=entry.view or "",
        judge=detector,
        quality=manifest.quality.limits(),
        limits=manifest.decision.limits(),
    )
    verdict = judge_view(found.judgement)
    return JudgedImage(
        entry=entry,
        decision=verdict.decision,
        code=verdict.code,
        score=verdict.score,
        boxes=found.judgement.boxes,
        latency_ms=(time.monotonic_ns() - started_ns) / NS_PER_MS,
        mask=_mask(folder, entry, image.shape[:2]),
    )


def _mask(folder: Path, entry: DatasetImage, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return the mask of a picture's defects where the folder holds one of the picture's size."""
    file = (folder / "masks" / entry.file).with_suffix(".png")
    if not file.is_file():
        return None
    mask = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    return None if mask is None or mask.shape != shape else mask > 0
