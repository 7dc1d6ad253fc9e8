"""Whether a probability of 20 % means one in five: few bins, each with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from edge.core.prior import restated_prior
from models.evaluation import JudgedImage, Rate

_BINS_MAX: Final = 5
_BIN_PICTURES_MIN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Pictures of neighbouring probabilities: the lowest, mean and highest one, and how many are defective."""

    low: float
    mean: float
    high: float
    defective: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Stated probability against what was found.

    Probabilities are restated from ``stated_prior`` to ``share``, the share of defective pictures at hand, as anything
    else would show how the data was gathered. ``expected_error`` is the mean distance between a bin's mean probability
    and its share of defective pictures, weighted by pictures (Naeini, Cooper and Hauskrecht, AAAI 2015); with few
    pictures it is above 0 for a perfect model too.
    """

    bins: tuple[Bin, ...]
    expected_error: float
    pictures: int
    stated_prior: float
    share: float


def reliability(images: Sequence[JudgedImage], stated_prior: float | None) -> Reliability | None:
    """Return the reliability over the pictures with a score; None where they are not of both verdicts.

    Up to five bins of equally many pictures, fewer where a bin would have less than ten; equal scores share a bin.
    None also without a stated prior, or for one of 0 or 1, from which nothing can be restated.
    """
    scored = [(image.score, image.bad) for image in images if image.score is not None]
    defective = sum(bad for _, bad in scored)
    if not 0 < defective < len(scored) or stated_prior is None or not 0.0 < stated_prior < 1.0:
        return None
    share = defective / len(scored)
    restated = sorted((restated_prior(score, stated_prior, share), bad) for score, bad in scored)
    bins = [_bin(members) for members in _equal_counts(restated)]
    error = math.fsum(one.defective.n * abs(one.mean - one.defective.count / one.defective.n) for one in bins)
    return Reliability(
        bins=tuple(bins),
        expected_error=error / len(scored),
        pictures=len(scored),
        stated_prior=stated_prior,
        share=share,
    )


def _bin(members: Sequence[tuple[float, bool]]) -> Bin:
    return Bin(
        low=members[0][0],
        mean=math.fsum(probability for probability, _ in members) / len(members),
        high=members[-1][0],
        defective=Rate(count=sum(bad for _, bad in members), n=len(members)),
    )


def _equal_counts(ordered: Sequence[tuple[float, bool]]) -> list[Sequence[tuple[float, bool]]]:
    count = max(1, min(_BINS_MAX, len(ordered) // _BIN_PICTURES_MIN))
    cuts = {0, len(ordered)}
    for number in range(1, count):
        cut = round(number * len(ordered) / count)
        while cut < len(ordered) and ordered[cut][0] == ordered[cut - 1][0]:
            cut += 1
        cuts.add(cut)
    edges = sorted(cuts)
    return [ordered[low:high] for low, high in pairwise(edges)]
