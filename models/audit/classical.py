"""The baseline without learning: subtract the background, threshold, take the strongest blob; tuned per left-out group.

What is no background of its size stands out from the local median (Huang, Yang and Tang, IEEE Trans. ASSP 27, 1979,
13-18, for the fast filter); where the background itself has a step, a housing's edge say, the response is damped. A
picture's strength is the highest of its blobs' mean contrast times a power of their size.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import DatasetImage
from edge.core.statistics import auroc
from edge.core.types import Decision
from models.evaluation import JudgedImage

Response = NDArray[np.float32]
Strengths = tuple[float, ...]
"""A picture's strength under each of ``SETTINGS``."""

_LONGEST_SIDE: Final = 640
_KERNEL_MIN: Final = 5
_STEP_LEVELS: Final = 8.0
_GREY_THRESHOLD: Final = 16.0
_NOISE_THRESHOLD: Final = 2.5
_NOISE_SHARE: Final = 0.95
_NOISE_STEPS: Final = 32.0
_NOISE_FLOOR: Final = 0.5
_BLOB_PIXELS_MIN: Final = 4
_FOLDS_MAX: Final = 10
_FOLDS_MIN: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How strengths are measured.

    ``kernel`` is the median's width as a share of the longest side; ``unit`` what the threshold counts, grey levels or
    the picture's own 95th percentile; ``damped`` whether steps of the background count less; strength is contrast times
    area to the power of ``size_power``.
    """

    kernel: float
    polarity: Literal["bright", "dark", "both"]
    damped: bool
    unit: Literal["grey levels", "noise"]
    size_power: float

    def __str__(self) -> str:
        """Say it in words."""
        steps = ", steps of the background damped" if self.damped else ""
        what = "bright and dark" if self.polarity == "both" else self.polarity
        size = {0.0: "contrast", 0.5: "contrast x root of area", 1.0: "contrast x area"}[self.size_power]
        return (
            f"{what} blobs on a median over {100 * self.kernel:.0f} % of the longest side{steps}, {size} in {self.unit}"
        )


_KERNELS: Final = (0.12, 0.06)
_POLARITIES: Final[tuple[Literal["bright", "dark", "both"], ...]] = ("both", "bright", "dark")
_DAMPED: Final = (True, False)
_UNITS: Final[tuple[Literal["grey levels", "noise"], ...]] = ("grey levels", "noise")
_SIZE_POWERS: Final = (0.0, 0.5, 1.0)

SETTINGS: Final = tuple(
    Setting(kernel=kernel, polarity=polarity, damped=damped, unit=unit, size_power=power)
    for kernel, polarity, damped, unit, power in product(_KERNELS, _POLARITIES, _DAMPED, _UNITS, _SIZE_POWERS)
)
"""What tuning may choose from; of equally good ones the first."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassicalResult:
    """The pictures as the classical detector judged them, each tuned without its group.

    ``images`` is empty where nothing could be tuned, and ``reason`` says why; ``settings`` counts the folds that chose
    a setting; ``untuned`` counts pictures whose fold left only one verdict to tune on: they are cannot-judge.
    """

    images: tuple[JudgedImage, ...] = ()
    reason: str | None = None
    settings: tuple[tuple[Setting, int], ...] = ()
    untuned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tuned:
    setting: int
    threshold: float


def blob_strengths(picture: NDArray[np.uint8]) -> Strengths:
    """Return a picture's strength (0 or more) under each of ``SETTINGS``; height x width x 3 (BGR), uint8."""
    grey = _shrunk(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
    strengths: list[float] = []
    for kernel in _KERNELS:
        side = max(_KERNEL_MIN, round(kernel * max(grey.shape))) | 1
        background = np.asarray(cv2.medianBlur(grey, side), np.uint8)
        differing = grey.astype(np.float32) - background
        steps = cv2.morphologyEx(background, cv2.MORPH_GRADIENT, np.ones((side // 2 | 1,) * 2, np.uint8)).astype(
            np.float32
        )
        responses = {
            "both": np.abs(differing),
            "bright": np.maximum(differing, np.float32(0.0)),
            "dark": np.maximum(-differing, np.float32(0.0)),
        }
        for polarity, damped in product(_POLARITIES, _DAMPED):
            response = responses[polarity]
            if damped:
                response = response / (np.float32(1.0) + steps / np.float32(_STEP_LEVELS))
            for unit in _UNITS:
                strengths += _strongest(response, unit)
    return tuple(strengths)


def judge_without_learning(entries: Sequence[DatasetImage], strengths: Sequence[Strengths | None]) -> ClassicalResult:
    """Judge every picture by the setting and the threshold that are best for the groups it does not belong to.

    The setting is the one with the highest AUROC over the other groups' pictures, the threshold the one with the
    highest catch less overkill there (Youden, Cancer 3, 1950, 32-35); there is no cannot-judge but for pictures that
    cannot be read. A score is strength / (strength + threshold), so that it compares between folds; pictures without a
    group count as one group. Up to ten folds of whole groups.

    Args:
        entries: The listed pictures.
        strengths: Those of :func:`blob_strengths`, None where a picture cannot be read.
    """
    if {entry.truth for entry in entries} != {"accept", "reject"}:
        return ClassicalResult(reason="all pictures have the same verdict: there is nothing to tune a threshold on")
    folds = _folds([entry.group for entry in entries])
    if len(folds) < _FOLDS_MIN:
        return ClassicalResult(
            reason="tuning needs two groups or more, so that none is judged by what was tuned on it; name the group "
            "field (--group), or add pictures of other groups"
        )
    images: dict[int, JudgedImage] = {}
    chosen: Counter[int] = Counter()
    untuned = 0
    for fold in folds:
        others = [place for place in range(len(entries)) if place not in fold]
        tuned = _tune(entries, strengths, others)
        if tuned is None:
            untuned += len(fold)
        else:
            chosen[tuned.setting] += 1
        images |= {place: _judged(entries[place], strengths[place], tuned) for place in fold}
    if not chosen:
        return ClassicalResult(
            reason="each verdict comes from one group alone: without it only the other verdict is left to tune on"
        )
    return ClassicalResult(
        images=tuple(images[place] for place in range(len(entries))),
        settings=tuple((SETTINGS[setting], folds_) for setting, folds_ in chosen.most_common()),
        untuned=untuned,
    )


def _shrunk(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _LONGEST_SIDE / max(grey.shape)
    if scale >= 1.0:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _strongest(response: Response, unit: Literal["grey levels", "noise"]) -> list[float]:
    """Return the highest strength of any blob, for each size power."""
    scale = 1.0 if unit == "grey levels" else _noise(response) + _NOISE_FLOOR
    threshold = _GREY_THRESHOLD if unit == "grey levels" else _NOISE_THRESHOLD * scale
    count, labels, stats, _ = cv2.connectedComponentsWithStats((response > threshold).astype(np.uint8), connectivity=8)
    areas = np.asarray(stats[1:, cv2.CC_STAT_AREA], np.float64)
    large = areas >= _BLOB_PIXELS_MIN
    if not large.any():
        return [0.0] * len(_SIZE_POWERS)
    sums = np.bincount(np.asarray(labels).ravel(), response.ravel(), minlength=count)[1:]
    contrasts = sums[large] / areas[large] / scale
    return [float((contrasts * areas[large] ** power).max()) for power in _SIZE_POWERS]


def _noise(response: Response) -> float:
    """Return the response's 95th percentile, by counting in steps of a 32nd grey level instead of sorting."""
    counts = np.bincount((response * np.float32(_NOISE_STEPS)).astype(np.uint16).ravel())
    return float(np.searchsorted(np.cumsum(counts), _NOISE_SHARE * response.size)) / _NOISE_STEPS


def _folds(groups: Sequence[str | None]) -> list[frozenset[int]]:
    """Deal whole groups, the largest first, to the fold with the fewest pictures."""
    members: dict[str | None, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    folds: list[list[int]] = [[] for _ in range(min(_FOLDS_MAX, len(members)))]
    for places in sorted(members.values(), key=len, reverse=True):
        min(folds, key=len).extend(places)
    return [frozenset(fold) for fold in folds]


def _tune(
    entries: Sequence[DatasetImage], strengths: Sequence[Strengths | None], places: Sequence[int]
) -> _Tuned | None:
    known = [(entries[place].truth == "reject", found) for place in places if (found := strengths[place]) is not None]
    bad = [found for defective, found in known if defective]
    good = [found for defective, found in known if not defective]
    if not bad or not good:
        return None
    ranks = [
        auroc([one[setting] for one in bad], [one[setting] for one in good]) or 0.0 for setting in range(len(SETTINGS))
    ]
    best = ranks.index(max(ranks))
    return _Tuned(setting=best, threshold=_threshold([one[best] for one in bad], [one[best] for one in good]))


def _threshold(bad: Sequence[float], good: Sequence[float]) -> float:
    """Return the midpoint between neighbouring strengths with the highest catch less overkill, the lowest of equals."""
    values = np.unique(np.asarray([*bad, *good]))
    if len(values) == 1:
        return float(values[0])
    between = (values[:-1] + values[1:]) / 2.0
    caught = len(bad) - np.searchsorted(np.sort(bad), between, side="right")
    rejected = len(good) - np.searchsorted(np.sort(good), between, side="right")
    return float(between[int(np.argmax(caught / len(bad) - rejected / len(good)))])


def _judged(entry: DatasetImage, strengths: Strengths | None, tuned: _Tuned | None) -> JudgedImage:
    if strengths is None or tuned is None:
        return JudgedImage(entry=entry, decision=Decision.CANNOT_JUDGE, code=0, score=None)
    strength = strengths[tuned.setting]
    whole = strength + tuned.threshold
    decision = Decision.REJECT if strength > tuned.threshold else Decision.ACCEPT
    return JudgedImage(entry=entry, decision=decision, code=0, score=strength / whole if whole else 0.0)
