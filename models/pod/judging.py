"""What a study needs of a judge: the verdict of one picture at frozen thresholds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Box, Decision
from models.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict of one picture. ``score`` is 0-1, higher = worse, or None where the judge failed (see ``fault``)."""

    decision: Decision
    score: float | None
    boxes: tuple[Box, ...] = ()
    fault: str = ""


Judge = Callable[[NDArray[np.uint8]], Judgement]
"""Takes a picture, height x width x 3 (BGR) or grey, uint8; may raise :class:`ModelError`."""


def judged(judge: Judge, picture: NDArray[np.uint8]) -> Judgement:
    """Return the verdict; a judge that fails gives cannot-judge with the reason as ``fault``, and no score."""
    try:
        verdict = judge(picture)
    except ModelError as error:
        return Judgement(decision=Decision.CANNOT_JUDGE, score=None, fault=str(error))
    if verdict.score is None and not verdict.fault:
        return Judgement(decision=verdict.decision, score=None, boxes=verdict.boxes, fault="the judge gave no score")
    return verdict
