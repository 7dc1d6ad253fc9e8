"""The self-test: golden pictures must give, on this machine, what they gave when the bundle was made."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.types import Box
from models.bundle import Bundle, Golden, GoldenBox, GoldenExpectation
from models.detector import Detector, no_pause
from models.errors import BundleDamagedError, GoldenMismatchError

SCORE_TOLERANCE: Final = 0.02
"""Processors may round differently: int8 outputs were bit-equal wherever measured, a JPEG decoder may not be."""
NOVELTY_TOLERANCE: Final = 0.05
"""As a share of the expected novelty, at least of its limit."""
_OVERLAP_MIN: Final = 0.7


def verify_golden(bundle: Bundle, detector: Detector, pause: Callable[[], None] = no_pause) -> None:
    """Judge every golden picture and compare; ``pause`` is called before each.

    Raises:
        GoldenMismatchError: A score differs by more than 0.02, a novelty by more than 5 %, or a box is missing, moved,
            new or of another class.
        BundleDamagedError: A golden picture cannot be decoded.
        ModelError: The network failed.
    """
    for golden in bundle.golden:
        pause()
        picture = decode(golden, bundle.label)
        found = detector.inspect(picture)
        fault = difference(golden.expected, found.score, found.boxes, found.novelty)
        if fault:
            raise GoldenMismatchError(
                f"{bundle.label}: {golden.expected.picture}: {fault}; {cause(golden, picture)}: do not use this bundle "
                "on this machine, install the software's own packages (OpenCV, ai-edge-litert) again"
            )


def expectation(name: str, encoded: bytes, detector: Detector) -> GoldenExpectation:
    """Return what a golden picture (encoded JPEG or PNG) gives now, to be stored with it.

    Raises:
        BundleDamagedError: The picture cannot be decoded.
        ModelError: The network failed.
    """
    picture = _decoded(encoded, name)
    detection = detector.inspect(picture)
    boxes = tuple(
        GoldenBox(x=box.x, y=box.y, width=box.width, height=box.height, category=box.category, score=box.score)
        for box in detection.boxes
    )
    return GoldenExpectation(
        picture=name, pixels_sha256=_hash(picture), score=detection.score, boxes=boxes, novelty=detection.novelty
    )


def decode(golden: Golden, label: str) -> NDArray[np.uint8]:
    """Return a golden picture, height x width x 3 BGR; raises :class:`BundleDamagedError` where it is none."""
    return _decoded(golden.picture, f"{label}: {golden.expected.picture}")


def _decoded(encoded: bytes, where: str) -> NDArray[np.uint8]:
    try:
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise BundleDamagedError(f"{where} is no picture ({error.err}); make the bundle again") from error
    if picture is None:
        raise BundleDamagedError(f"{where} is no picture; make the bundle again")
    return np.asarray(picture, np.uint8)


def _alike(expected: float, found: float | None) -> bool:
    return found is not None and abs(found - expected) <= NOVELTY_TOLERANCE * max(expected, 1.0)


def _hash(picture: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()


def cause(golden: Golden, picture: NDArray[np.uint8]) -> str:
    """Return what a golden picture, as decoded here, tells of why it gives another output."""
    same = _hash(picture) == golden.expected.pixels_sha256
    return "the network computes differently here" if same else "the picture decodes differently here"


def difference(expected: GoldenExpectation, score: float | None, boxes: Sequence[Box], novelty: float | None) -> str:
    """Return in words how an output differs from the expected one beyond the tolerances; empty where it does not."""
    if score is None or not abs(score - expected.score) <= SCORE_TOLERANCE:  # nor where it is no number
        told = "none" if score is None else f"{score:.4f}"
        return f"score {told} instead of {expected.score:.4f}"
    if expected.novelty is not None and not _alike(expected.novelty, novelty):
        return f"novelty {novelty} instead of {expected.novelty:.3f}"
    if len(boxes) != len(expected.boxes):
        return f"{len(boxes)} boxes instead of {len(expected.boxes)}"
    for box in expected.boxes:
        if not any(other.category == box.category and _overlap(box, other) >= _OVERLAP_MIN for other in boxes):
            return f"no {box.category} at x {box.x}, y {box.y}"
    return ""


def _overlap(one: GoldenBox, other: Box) -> float:
    """Return the intersection over union of two boxes, 0-1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(width, 0) * max(height, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)
