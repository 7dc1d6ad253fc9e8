"""Hit/miss probability of detection over size and contrast: curves, a50, a90, a90/95.

After MIL-HDBK-1823A (2009), *Nondestructive Evaluation System Reliability Assessment* (hit/miss data, generalised
linear model with logit link), and Annis (2009), *Statistical best-practices for building probability of detection
models*: POD = 1 / (1 + exp(-(b0 + b1 ln(size) + b2 g(contrast)))), where g is the contrast itself or its logarithm,
whichever leaves the smaller deviance, as the handbook chooses between a and log a. Resampled studies choose for
themselves, so that the intervals carry the doubt about the scale.

The handbook's intervals take implants as independent. Those on one part are not, so parts (groups of base pictures)
are drawn anew instead (Davison and Hinkley 1997, section 3.8; Cameron, Gelbach and Miller 2008), and implants singly as
well; of the two intervals the outer limits hold, so that few parts cannot make one narrower than independence would.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.pod.errors import StudyError
from models.pod.firth import fit_logistic

Scale = Literal["linear", "log"]
Status = Literal["reached", "below_range", "not_reached"]
Range = tuple[float, float]

RESAMPLES: Final = 1000
_OBSERVATIONS_MIN: Final = 10
_CONFIDENCE: Final = 0.95
_TAIL: Final = 0.025
_DETERMINED_MIN: Final = 0.9
_ONE_VALUE: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One implant as measured: size (px), contrast (0-1), whether it was hit, and the part it lies on."""

    size: float
    contrast: float
    hit: bool
    group: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PodModel:
    """A fitted model.

    ``coefficients``: of constant, ln(size), contrast and ln(contrast); of the last two one is 0. ``by_group`` and
    ``by_implant``: draws x 4, the same fitted to resampled studies; ``by_group`` has no row with fewer than two groups.
    ``contrast_scale`` is the scale that ``coefficients`` are on. ``sizes`` and ``contrasts`` are the smallest
    and largest tested: nothing is said outside.
    """

    coefficients: NDArray[np.float64]
    contrast_scale: Scale
    by_group: NDArray[np.float64]
    by_implant: NDArray[np.float64]
    sizes: Range
    contrasts: Range
    observations: int
    hits: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """POD at a size (px) or contrast (0-1), with its 95 % limits."""

    at: float
    pod: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where POD reaches a share: ``value`` (px, or contrast), None with a reason where that is outside what was tested.

    ``status`` ``below_range``: already the smallest value tested reaches it; ``not_reached``: the largest does not.
    """

    value: float | None
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """a50, a90 and a90/95 along size or along contrast; ``a90_ci95`` is the two-sided interval of a90.

    a90/95 is the size (contrast) of which it can be said with 95 % confidence that at least 90 % are found: the upper
    one-sided 95 % limit of a90.
    """

    a50: Reached
    a90: Reached
    a90_95: Reached
    a90_ci95: tuple[Reached, Reached]


def fit_pod(observations: Sequence[Observation], *, seed: int = 0, resamples: int = RESAMPLES) -> PodModel:
    """Fit the model and its resampled copies.

    Raises:
        StudyError: Fewer than 10 observations, or sizes and contrasts that are not positive and finite.
    """
    if len(observations) < _OBSERVATIONS_MIN:
        raise StudyError(f"a POD model needs at least {_OBSERVATIONS_MIN} implants, not {len(observations)}")
    sizes = np.array([one.size for one in observations])
    contrasts = np.array([one.contrast for one in observations])
    if not (np.isfinite(sizes).all() and np.isfinite(contrasts).all() and sizes.min() > 0.0 and contrasts.min() > 0.0):
        raise StudyError("sizes (px) and contrasts must be above 0, all of them finite")
    hits = np.array([float(one.hit) for one in observations])
    names, members = np.unique([one.group for one in observations], return_inverse=True)
    rng = np.random.default_rng(seed)
    count = len(observations)
    singly = rng.multinomial(count, np.full(count, 1.0 / count), size=resamples)
    drawn = resamples if len(names) > 1 else 0
    grouped = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=drawn)[:, members]
    fits = _fitted(sizes, contrasts, hits, np.concatenate([np.ones((1, count)), singly, grouped]).astype(np.float64))
    return PodModel(
        coefficients=fits[0],
        contrast_scale="log" if fits[0, 3] else "linear",
        by_implant=_determined(fits[1 : 1 + resamples]),
        by_group=_determined(fits[1 + resamples :]),
        sizes=(float(sizes.min()), float(sizes.max())),
        contrasts=(float(contrasts.min()), float(contrasts.max())),
        observations=count,
        hits=int(hits.sum()),
        groups=len(names),
    )


def pod_at(model: PodModel, size: float, contrast: float) -> CurvePoint:
    """Return POD at a size (px) and contrast (0-1) with its 95 % limits; ``at`` is the size."""
    share = expected_share(model, np.array([size]), np.array([contrast]))
    return CurvePoint(at=size, pod=share.pod, low=share.low, high=share.high)


def expected_share(model: PodModel, sizes: NDArray[np.float64], contrasts: NDArray[np.float64]) -> CurvePoint:
    """Return the mean POD of defects of given sizes (px) and contrasts (0-1) with its 95 % limits; ``at`` is 0."""
    features = np.stack([np.ones_like(sizes), np.log(sizes), contrasts, np.log(contrasts)])
    pod = float(_chances(model.coefficients @ features).mean())
    samples = [_chances(draws @ features).mean(axis=1) for draws in (model.by_implant, model.by_group) if len(draws)]
    limits = [np.quantile(one, [_TAIL, 1.0 - _TAIL]) for one in samples]
    return CurvePoint(
        at=0.0,
        pod=pod,
        low=min(pod, *(float(low) for low, _ in limits)),
        high=max(pod, *(float(high) for _, high in limits)),
    )


def curve_in_size(model: PodModel, contrast: float, points: int = 41) -> tuple[CurvePoint, ...]:
    """Return POD over the sizes tested, evenly in ln(size), at a contrast."""
    sizes = np.geomspace(*model.sizes, points)
    return tuple(pod_at(model, float(size), contrast) for size in sizes)


def curve_in_contrast(model: PodModel, size: float, points: int = 41) -> tuple[CurvePoint, ...]:
    """Return POD over the contrasts tested, evenly in their logarithm, at a size (px)."""
    contrasts = np.geomspace(*model.contrasts, points)
    spots = ((float(contrast), pod_at(model, size, float(contrast))) for contrast in contrasts)
    return tuple(CurvePoint(at=at, pod=spot.pod, low=spot.low, high=spot.high) for at, spot in spots)


def thresholds_in_size(model: PodModel, contrast: float) -> Thresholds:
    """Return the sizes (px) that are found at a contrast (0-1)."""
    return _thresholds(model, contrast, along_size=True)


def thresholds_in_contrast(model: PodModel, size: float) -> Thresholds:
    """Return the contrasts (0-1) that are found at a size (px)."""
    return _thresholds(model, size, along_size=False)


def _thresholds(model: PodModel, fixed: float, *, along_size: bool) -> Thresholds:
    tested = model.sizes if along_size else model.contrasts
    unit = "px" if along_size else "contrast"

    def reach(draws: NDArray[np.float64], share: float) -> NDArray[np.float64]:
        constant, by_size, by_contrast, by_log_contrast = draws.T
        low, high = math.log(tested[0]), math.log(tested[1])
        if along_size:
            start = constant + by_contrast * fixed + by_log_contrast * math.log(fixed)
            return np.exp(_crossings(start, by_size, share, (low, high)))
        start = constant + by_size * math.log(fixed)
        on_log = np.exp(_crossings(start, by_log_contrast, share, (low, high)))
        return np.where(by_log_contrast != 0.0, on_log, _crossings(start, by_contrast, share, tested))

    def stated(value: float) -> Reached:
        return _stated(model, value, tested, unit)

    a90s = [reach(draws, 0.9) for draws in (model.by_implant, model.by_group) if len(draws)]
    a50, a90 = (float(reach(model.coefficients[None], share)[0]) for share in (0.5, 0.9))
    high = [
        max(float(np.quantile(one, level, method="higher")) for one in a90s) for level in (1.0 - _TAIL, _CONFIDENCE)
    ]
    low = min(float(np.quantile(one, _TAIL, method="lower")) for one in a90s)
    return Thresholds(
        a50=stated(a50),
        a90=stated(a90),
        a90_95=stated(max(high[1], a90)),
        a90_ci95=(stated(min(low, a90)), stated(max(high[0], a90))),
    )


def _crossings(
    start: NDArray[np.float64], slope: NDArray[np.float64], share: float, tested: Range
) -> NDArray[np.float64]:
    """Return where each line start + slope x reaches a share: -inf below what was tested, inf above it or nowhere."""
    level = math.log(share / (1.0 - share))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        crossing = (level - start) / slope
    # Where POD falls along the axis, the far end must reach the share too, or nothing is promised.
    ends = np.minimum(start + slope * tested[0], start + slope * tested[1])
    place = np.where(slope > 0.0, crossing, np.where(ends >= level, -np.inf, np.inf))
    return np.where(place <= tested[0], -np.inf, np.where(place > tested[1], np.inf, place))


def _fitted(
    sizes: NDArray[np.float64], contrasts: NDArray[np.float64], hits: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the four coefficients of every study, each on the scale of contrast with the smaller deviance."""
    fits, deviances = np.zeros((2, len(weights), 4)), np.zeros((2, len(weights)))
    for place, values in enumerate((contrasts, np.log(contrasts))):
        features = np.stack([np.ones_like(sizes), np.log(sizes), values], axis=1)
        scaling = _scaling(features)
        coefficients = fit_logistic(features @ scaling, hits, weights) @ scaling.T
        logits = coefficients @ features.T
        with np.errstate(invalid="ignore"):  # an undetermined study has no deviance either
            deviances[place] = (weights * np.logaddexp(0.0, np.where(hits > 0.0, -logits, logits))).sum(axis=1)
        fits[place][:, [0, 1, 2 + place]] = coefficients
    return np.asarray(np.where((deviances[1] < deviances[0])[:, None], fits[1], fits[0]), np.float64)


def _stated(model: PodModel, value: float, tested: Range, unit: str) -> Reached:
    if model.hits == 0:
        return Reached(value=None, status="not_reached", reason="no implant was found")
    low, high = (f"{end:.3g} {unit}" for end in tested)
    if model.hits == model.observations:
        return Reached(value=None, status="below_range", reason=f"every implant was found; the smallest had {low}")
    if value > tested[1]:
        return Reached(value=None, status="not_reached", reason=f"not reached up to {high}, the largest tested")
    if value < tested[0]:
        return Reached(value=None, status="below_range", reason=f"reached below {low}, the smallest tested")
    return Reached(value=value, status="reached")


def _scaling(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix that gives the features mean 0 and deviation 1, the constant apart; Newton converges better."""
    means, deviations = features.mean(axis=0), features.std(axis=0)
    deviations[deviations < _ONE_VALUE] = 1.0  # tested at one value alone
    scaling = np.diag(1.0 / deviations)
    scaling[0, 0] = 1.0
    scaling[0, 1:] = -means[1:] / deviations[1:]
    return np.asarray(scaling, np.float64)


def _determined(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = draws[np.isfinite(draws).all(axis=1)]
    if len(kept) < _DETERMINED_MIN * len(draws):
        raise StudyError("too few implants, sizes or contrasts to tell the intervals of the POD model; ask for more")
    return kept


def _chances(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), np.float64)
