"""Real labelled defects beside the synthetic curves, where both have defects of that size and contrast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.core.statistics import Interval, clopper_pearson
from models.pod.curve import PodModel, expected_share
from models.pod.implants import Kind

_TESTED: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RealDefect:
    """A labelled defect: its class, size (px) and contrast (0-1, see :func:`models.pod.measure.measure_labelled`).

    ``hit``: whether the verdict of its picture was other than accept, from a judge that never saw its part.
    """

    kind: str
    size: float
    contrast: float
    hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassComparison:
    """One class: the share of real defects that was hit, and what the synthetic curve says of the same ones.

    ``overlapping`` of ``real`` defects lie within the sizes and contrasts that implants were tested at; only they are
    compared, as a curve says nothing outside. ``interval`` is Clopper-Pearson (95 %), ``expected`` the mean POD at
    their sizes and contrasts with its own 95 % limits. ``agrees``: whether the two intervals share a value; None
    without overlap. ``note`` says why there is nothing to compare.
    """

    kind: str
    real: int
    outside_sizes: int
    outside_contrasts: int
    overlapping: int
    hits: int
    interval: Interval | None
    expected: float | None
    expected_interval: Interval | None
    agrees: bool | None
    note: str = ""


def compare_with_real(models: Mapping[Kind, PodModel], real: Sequence[RealDefect]) -> tuple[ClassComparison, ...]:
    """Compare each class of real defects with the curve of its name; classes in alphabetical order."""
    curves: dict[str, PodModel] = {str(kind): model for kind, model in models.items()}
    kinds = sorted({defect.kind for defect in real})
    return tuple(_compare(kind, curves.get(kind), [defect for defect in real if defect.kind == kind]) for kind in kinds)


def _compare(kind: str, model: PodModel | None, real: Sequence[RealDefect]) -> ClassComparison:
    if model is None:
        return _without_overlap(kind, len(real), 0, 0, "no synthetic curve of this class")
    fitting = [defect for defect in real if _within(defect.size, model.sizes)]
    overlapping = [defect for defect in fitting if _within(defect.contrast, model.contrasts)]
    outside_sizes, outside_contrasts = len(real) - len(fitting), len(fitting) - len(overlapping)
    if not overlapping:
        return _without_overlap(kind, len(real), outside_sizes, outside_contrasts, "no real defect in the tested range")
    hits = sum(defect.hit for defect in overlapping)
    interval = clopper_pearson(hits, len(overlapping))
    share = expected_share(
        model,
        np.array([defect.size for defect in overlapping]),
        np.array([defect.contrast for defect in overlapping]),
    )
    return ClassComparison(
        kind=kind,
        real=len(real),
        outside_sizes=outside_sizes,
        outside_contrasts=outside_contrasts,
        overlapping=len(overlapping),
        hits=hits,
        interval=interval,
        expected=share.pod,
        expected_interval=(share.low, share.high),
        agrees=interval is not None and interval[0] <= share.high and share.low <= interval[1],
    )


def _without_overlap(kind: str, real: int, outside_sizes: int, outside_contrasts: int, note: str) -> ClassComparison:
    return ClassComparison(
        kind=kind,
        real=real,
        outside_sizes=outside_sizes,
        outside_contrasts=outside_contrasts,
        overlapping=0,
        hits=0,
        interval=None,
        expected=None,
        expected_interval=None,
        agrees=None,
        note=note,
    )


def _within(value: float, tested: tuple[float, float]) -> bool:
    return tested[0] * (1.0 - _TESTED) <= value <= tested[1] * (1.0 + _TESTED)
