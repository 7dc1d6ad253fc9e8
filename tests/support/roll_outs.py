"""Simulated roll-outs: very many at once, stopped by the product's own rules.

The rules are asked once for each number of pairs, for the fewest errors at which they stop; the runs are then arrays.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from edge.core.betting import FRACTIONS, rate_interval
from edge.core.paired import PairedCounts
from edge.core.paired_evidence import EvidenceRule, log_against
from edge.core.rate_bands import BandRule, log_above

BATCH = 500
Runs = NDArray[np.int64]


def counts_of(candidate_only: int, incumbent_only: int, neither: int = 0) -> PairedCounts:
    return PairedCounts(both=0, first_only=candidate_only, second_only=incumbent_only, neither=neither)


def fewest_hits(trials: int, enough: Callable[[int, int], bool]) -> Runs:
    """Return for 0 to ``trials`` trials the fewest hits that are enough, ``trials + 1`` where none is.

    ``enough(hits, of)`` holds for more hits too, and needs no fewer of more trials.
    """
    found = np.empty(trials + 1, np.int64)
    hits = 0
    for of in range(trials + 1):
        while hits <= of and not enough(hits, of):
            hits += 1
        found[of] = hits if hits <= of else trials + 1
        hits = min(hits, of + 1)
    return found


def stopped_at(worse_by: float, incumbent_only: float, *, rule: EvidenceRule, parts: int, runs: int, seed: int) -> Runs:
    """Return the labelled part with which each roll-out is stopped for one error, ``parts + 1`` where never."""
    boundary = fewest_hits(parts, lambda hits, of: log_against(counts_of(hits, of - hits)) >= rule.log_stop)
    found = []
    for drawn in _drawn(runs, parts, seed):
        candidate = drawn < incumbent_only + worse_by
        differing = drawn < 2 * incumbent_only + worse_by
        errors = np.cumsum(candidate, axis=1, dtype=np.int32)
        pairs = np.cumsum(differing, axis=1, dtype=np.int32)
        found.append(_first(errors >= boundary[pairs]))
    return np.concatenate(found)


def promoted_at(
    worse_by: float, incumbent_only: float, *, rule: EvidenceRule, parts: int, runs: int, seed: int
) -> Runs:
    """Return the part with which one error counts as not worse by the margin, ``parts + 1`` where never."""
    largest_loss = 1.0 - rule.margin
    found = []
    for drawn in _drawn(runs, parts, seed):
        candidate = drawn < incumbent_only + worse_by
        incumbent = ~candidate & (drawn < 2 * incumbent_only + worse_by)
        gains = rule.margin - candidate.astype(np.float64) + incumbent
        found.append(_first(wealth_paths(gains, largest_loss) >= rule.log_promotion))
    return np.concatenate(found)


def alarmed_at(rate: float, *, rule: BandRule, parts: int, runs: int, seed: int) -> Runs:
    """Return the part with which a rate counts as above its band, ``parts + 1`` where never."""
    boundary = fewest_hits(parts, lambda hits, of: log_above(of, hits, rule.band.high) >= rule.log_alarm)
    seen = np.arange(1, parts + 1)
    return np.concatenate(
        [
            _first(np.cumsum(drawn < rate, axis=1, dtype=np.int32) >= boundary[seen])
            for drawn in _drawn(runs, parts, seed)
        ]
    )


def ever_outside(rate: float, *, alpha: float, looks: tuple[int, ...], runs: int, seed: int) -> float:
    """Return the share of runs in which the interval of a rate misses it at any of these numbers of parts."""
    missed = 0
    for drawn in _drawn(runs, max(looks), seed):
        hits = np.cumsum(drawn < rate, axis=1, dtype=np.int32)
        outside = np.zeros(len(drawn), bool)
        for look in looks:
            ends = {int(one): rate_interval(int(one), look, alpha) for one in np.unique(hits[:, look - 1])}
            outside |= np.array([not ends[int(one)][0] <= rate <= ends[int(one)][1] for one in hits[:, look - 1]])
        missed += int(outside.sum())
    return missed / runs


def wealth_paths(gains: NDArray[np.float64], largest_loss: float) -> NDArray[np.float64]:
    """Return the logarithm of the wealth after each outcome, as ``edge.core.betting.log_wealth`` of those up to it."""
    total = np.full(gains.shape, -np.inf)
    for fraction in FRACTIONS:
        np.logaddexp(total, np.cumsum(np.log1p(fraction / largest_loss * gains), axis=1), out=total)
    return total - math.log(len(FRACTIONS))


def _drawn(runs: int, parts: int, seed: int) -> Iterator[NDArray[np.float64]]:
    source = np.random.default_rng(seed)
    for begun in range(0, runs, BATCH):
        yield source.random((min(BATCH, runs - begun), parts))


def _first(reached: NDArray[np.bool_]) -> Runs:
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, reached.shape[1] + 1)
