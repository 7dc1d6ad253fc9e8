"""From a frame to the judgement of its view: quality, then detector. Shared by the line, ``evaluate`` and tests."""

import math
import time
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

from camera.quality import half_size, measure
from camera.source import Image
from edge.core.codes import Code
from edge.core.quality import QualityLimits, quality_fault
from edge.core.types import Limits, ViewJudgement
from edge.inspector.judging import Judge, Roi
from models.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A view's judgement and what its stages took, in nanoseconds; ``failure`` tells what a stage complained of."""

    judgement: ViewJudgement
    stages_ns: dict[str, int] = field(default_factory=dict)
    failure: str | None = None


def examine(
    image: Image,
    *,
    camera: str,
    judge: Judge,
    quality: QualityLimits,
    limits: Limits,
    roi: Roi | None = None,
    beside: Executor | None = None,
) -> Examination:
    """Judge one picture (height x width x 3, BGR, uint8) of one view; never raises, a fault is a judgement too.

    A frame whose quality is outside the limits is not judged. ``beside`` measures it while the network looks, to save
    time; without it, such a frame is not shown to the network at all.
    """
    started_ns = time.monotonic_ns()
    try:
        half = half_size(image)
        halved_ns = time.monotonic_ns() - started_ns
        measured = beside.submit(measure, image, half).result if beside else partial(measure, image, half)
        found = judge.inspect(image, roi, half) if beside else None
        fault = quality_fault(measured(), quality)
        if fault:
            return Examination(judgement=ViewJudgement(camera=camera, fault=fault))
        if found is None:
            found = judge.inspect(image, roi, half)
        if not (math.isfinite(found.score) and 0.0 <= found.score <= 1.0):
            return _failed(camera, Code.SCORE_INVALID, f"score {found.score} is no probability")
    except ModelError as error:
        return _failed(camera, error.code, str(error))
    except Exception as error:  # noqa: BLE001 - whatever breaks here must end as a cannot-judge
        return _failed(camera, Code.MODEL_FAILED, f"{type(error).__name__}: {error}")
    return Examination(
        judgement=ViewJudgement(
            camera=camera, score=found.score, boxes=found.boxes, limits=limits, novelty=found.novelty
        ),
        stages_ns={"halve": halved_ns + found.preprocess_ns, "invoke": found.invoke_ns, "boxes": found.postprocess_ns},
    )


def _failed(camera: str, code: Code, failure: str) -> Examination:
    return Examination(judgement=ViewJudgement(camera=camera, fault=code), failure=failure)
