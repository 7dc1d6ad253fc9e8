"""Two judges on the same parts: what their differing verdicts say, on the standard library alone."""

import math
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Final

from edge.core.statistics import Interval

_BISECTIONS: Final = 100
_CONFIDENCE_MIN: Final = 0.5
"""Below it a bound is no upper bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCounts:
    """How often something befell two judges on the same parts: both, one of them only, or neither."""

    both: int
    first_only: int
    second_only: int
    neither: int

    def __post_init__(self) -> None:
        if min(self.both, self.first_only, self.second_only, self.neither) < 0:
            raise ValueError(f"counts must not be negative: {self}")

    @property
    def total(self) -> int:
        """The parts compared."""
        return self.both + self.first_only + self.second_only + self.neither

    @property
    def difference(self) -> float | None:
        """The first judge's share less the second's; None without parts."""
        return (self.first_only - self.second_only) / self.total if self.total else None


def mcnemar_exact(counts: PairedCounts) -> float:
    """Return the two-sided p-value of "both judges are alike", 1 where they never differ.

    McNemar's test (1947) in its exact form: under the hypothesis each differing part is a fair coin.
    """
    differing = counts.first_only + counts.second_only
    fewer = min(counts.first_only, counts.second_only)
    ways = sum(math.comb(differing, hits) for hits in range(fewer + 1))
    # Whole numbers until the last step: a power of two beyond any float is no trouble.
    return min(1.0, float(Fraction(2 * ways, 1 << differing)))


def mcnemar_worse(counts: PairedCounts) -> float:
    """Return the one-sided p-value of "the first judge errs no more often than the second", for a single look.

    The exact form as in :func:`mcnemar_exact`: the chance of at least so many errors of the first judge alone if each
    differing part is a fair coin. Whoever looks again and again needs :mod:`edge.core.paired_evidence`.
    """
    differing = counts.first_only + counts.second_only
    ways = sum(math.comb(differing, hits) for hits in range(counts.first_only, differing + 1))
    return float(Fraction(ways, 1 << differing))


def paired_difference(counts: PairedCounts, confidence: float = 0.95) -> Interval | None:
    """Return the two-sided interval of the first judge's share less the second's, None without parts.

    Tango's score interval (Statistics in Medicine 17, 1998, 891-908), which keeps near its confidence for few parts
    and also where the judges never differ. It takes the parts as independent.

    Raises:
        ValueError: Confidence is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    if not counts.total:
        return None
    return _bound(counts, (1.0 + confidence) / 2.0), _bound(counts, (1.0 - confidence) / 2.0)


def difference_upper(counts: PairedCounts, confidence: float = 0.95) -> float | None:
    """Return the one-sided upper bound of the first judge's share less the second's, by Tango's score as above.

    Raises:
        ValueError: Confidence is not between 0.5 and 1.
    """
    if not _CONFIDENCE_MIN < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0.5 and 1, not {confidence}")
    return _bound(counts, 1.0 - confidence) if counts.total else None


def pairs_needed(margin: float, confidence: float = 0.95) -> int:
    """Return how many parts bring :func:`difference_upper` down to ``margin`` if the judges never differ on them.

    Raises:
        ValueError: Margin is not between 0 and 1, or confidence not between 0.5 and 1.
    """
    if not 0.0 < margin < 1.0 or not _CONFIDENCE_MIN < confidence < 1.0:
        raise ValueError(f"margin ({margin}) must lie between 0 and 1, confidence ({confidence}) between 0.5 and 1")
    # Without differing parts the score of a difference d is -sqrt(n d / (1 - d)).
    return math.ceil(NormalDist().inv_cdf(confidence) ** 2 * (1.0 - margin) / margin)


def _bound(counts: PairedCounts, share: float) -> float:
    """Return the difference at which the score, which falls from +inf to -inf over it, has this normal quantile."""
    wanted = NormalDist().inv_cdf(share)
    low, high = -1.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if _score(counts, middle) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _score(counts: PairedCounts, difference: float) -> float:
    """Return Tango's standardised score of a hypothetical difference."""
    total, first, second = counts.total, counts.first_only, counts.second_only
    # The likeliest share of "second only" under the hypothesis solves a quadratic equation.
    linear = (2 * total - first + second) * difference - first - second
    constant = -second * difference * (1.0 - difference)
    root = math.sqrt(max(linear * linear - 8.0 * total * constant, 0.0))
    second_share = max((root - linear) / (4.0 * total), 0.0)
    variance = total * (2.0 * second_share + difference * (1.0 - difference))
    distance = first - second - total * difference
    if variance <= 0.0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)
