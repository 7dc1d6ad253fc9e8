"""Intervals and ranking measures of an evaluation, on the standard library alone."""

import bisect
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

Interval = tuple[float, float]
Record = TypeVar("Record")

_TINY: Final = 1e-300
_PRECISION: Final = 1e-15
_FRACTION_TERMS: Final = 10_000
_BISECTIONS: Final = 200
_RESAMPLES: Final = 1000
_GROUPS_MIN: Final = 2
"""One group cannot vary."""


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> Interval | None:
    """Return the exact two-sided interval of a binomial share, None without trials.

    Clopper and Pearson (1934): its coverage is at least ``confidence`` whatever the true share.

    Raises:
        ValueError: The counts are negative, successes exceed trials, or confidence is not between 0 and 1.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"successes ({successes}) must lie between 0 and trials ({trials})")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    if trials == 0:
        return None
    tail = (1.0 - confidence) / 2.0
    failures = trials - successes
    low = 0.0 if successes == 0 else _beta_quantile(tail, successes, failures + 1)
    high = 1.0 if failures == 0 else _beta_quantile(1.0 - tail, successes + 1, failures)
    return low, high


def auroc(bad: Iterable[float | None], good: Iterable[float | None]) -> float | None:
    """Return the chance that a defective picture scores higher than a good one; ties count one half.

    A missing score counts worst-case: below all others for a defective picture, above all others for a good one.
    None where either side is empty.
    """
    bad_scores = [-math.inf if score is None else score for score in bad]
    good_scores = sorted(math.inf if score is None else score for score in good)
    if not bad_scores or not good_scores:
        return None
    wins = 0.0
    for score in bad_scores:
        below = bisect.bisect_left(good_scores, score)
        wins += below + (bisect.bisect_right(good_scores, score) - below) / 2.0
    return wins / (len(bad_scores) * len(good_scores))


def auroc_within_group(scored: Iterable[tuple[str | None, bool, float | None]]) -> float | None:
    """Return the mean :func:`auroc` over the groups that have both verdicts, None if there is none.

    ``scored`` holds group, whether defective, and score of each picture; pictures without a group are left out.
    """
    groups: dict[str, tuple[list[float | None], list[float | None]]] = {}
    for group, defective, score in scored:
        if group is not None:
            groups.setdefault(group, ([], []))[0 if defective else 1].append(score)
    values = [value for bad, good in groups.values() if (value := auroc(bad, good)) is not None]
    return math.fsum(values) / len(values) if values else None


def group_bootstrap(
    records: Mapping[str, Sequence[Record]],
    measure: Callable[[Sequence[Record]], float | None],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval | None:
    """Return the percentile interval of a measure when whole groups are drawn anew (Efron 1979), 1000 times.

    Parts of one group resemble each other, so that drawing single parts would promise too much. None with fewer than
    two groups, where the measure exists in less than half of the draws, and where all draws give one value (none of 68
    in error, say): then what was seen does not tell how much groups vary, and an interval of no width would read as
    certainty.
    """
    names = sorted(records)
    if len(names) < _GROUPS_MIN:
        return None
    source = random.Random(seed)  # noqa: S311  # no secret: reproducible draws
    values: list[float] = []
    for _ in range(_RESAMPLES):
        drawn = [record for name in source.choices(names, k=len(names)) for record in records[name]]
        value = measure(drawn)
        if value is not None:
            values.append(value)
    if 2 * len(values) < _RESAMPLES or min(values) == max(values):
        return None
    tail = (1.0 - confidence) / 2.0
    return percentile(values, tail), percentile(values, 1.0 - tail)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value at a share (0-1) of the sorted values, linear between neighbours.

    Raises:
        ValueError: There is no value.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("a percentile needs at least one value")
    place = share * (len(ordered) - 1)
    lower = math.floor(place)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (ordered[upper] - ordered[lower]) * (place - lower)


def _beta_quantile(share: float, alpha: float, beta: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if middle in {low, high}:
            break
        if beta_share(middle, alpha, beta) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def beta_share(value: float, alpha: float, beta: float) -> float:
    """Return the share of a Beta(alpha, beta) distribution that lies at or below ``value``.

    This is the regularised incomplete beta function, by Lentz's continued fraction (Press et al. 2007, 6.4). With whole
    numbers, Beta(k, n - k + 1) gives the chance of at least k successes in n trials of probability ``value``.
    """
    if value <= 0.0 or value >= 1.0:
        return 0.0 if value <= 0.0 else 1.0
    if value > (alpha + 1.0) / (alpha + beta + 2.0):
        return 1.0 - beta_share(1.0 - value, beta, alpha)
    scale = math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta)
    front = math.exp(scale + alpha * math.log(value) + beta * math.log1p(-value)) / alpha
    denominator = 1.0 / _not_zero(1.0 - (alpha + beta) * value / (alpha + 1.0))
    numerator, result = 1.0, denominator
    for term in range(1, _FRACTION_TERMS):
        double = 2 * term
        even = term * (beta - term) * value / ((alpha + double - 1.0) * (alpha + double))
        odd = -(alpha + term) * (alpha + beta + term) * value / ((alpha + double) * (alpha + double + 1.0))
        change = 1.0
        for coefficient in (even, odd):
            denominator = 1.0 / _not_zero(1.0 + coefficient * denominator)
            numerator = _not_zero(1.0 + coefficient / numerator)
            change = denominator * numerator
            result *= change
        if abs(change - 1.0) < _PRECISION:
            break
    return front * result


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
