"""Simulated lines: parts with a hidden severity, two networks with noise of their own, truths that come when they come.

Nothing here knows of bets: only the fewest errors at which the product stops are asked of it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edge.core.paired_evidence import EvidenceRule, log_against
from tests.support.roll_outs import Runs, counts_of, fewest_hits

BATCH = 250
FIRST = 200
"""Labelled defective parts after which a forecast is asked for."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What comes down a line and who judges it.

    Severity is normal with deviation 1, around 0 for good parts and ``defect`` for defective ones, of which there are
    ``defective`` (0-1), more and fewer with the shifts. Each network sees it with noise of deviation ``noise``, accepts
    below 1.2 and rejects above 1.8. The candidate sees defective parts fainter, so that it lets ``worse_by`` (0-1) more
    of them pass. ``copies`` parts in a row are alike to the last pixel. Truth is known of ``known`` (0-1) of the parts;
    only of those that the incumbent did not accept with ``rework``; of the accepted ones ``late`` parts later.
    """

    worse_by: float = 0.0
    defect: float = 3.0
    defective: float = 0.3
    noise: float = 0.5
    copies: int = 1
    known: float = 0.5
    rework: bool = False
    late: int = 0

    accept_below: float = 1.2
    reject_above: float = 1.8

    @property
    def _seen(self) -> NormalDist:
        return NormalDist(0.0, math.hypot(1.0, self.noise))

    @property
    def fainter(self) -> float:
        """By how much fainter the candidate sees defective parts."""
        escapes = self._seen.cdf(self.accept_below - self.defect)
        return self._seen.inv_cdf(escapes + self.worse_by) - self._seen.inv_cdf(escapes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOut:
    """Many roll-outs, a row each, parts in the order of their truths; parts without one have neither kind."""

    defective: Flags
    good: Flags
    escapes: tuple[Flags, Flags]
    """The candidate's alone, the incumbent's alone."""
    overkill: tuple[Flags, Flags]


def roll_outs(line: Line, *, parts: int, runs: int, seed: int) -> Iterator[RollOut]:
    source = np.random.default_rng(seed)
    for begun in range(0, runs, BATCH):
        yield _roll_out(line, parts, min(BATCH, runs - begun), source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """What became of each roll-out.

    ``ever`` says whether it was stopped, ``escape_at`` with which labelled defective part for escapes (one more than
    came where never), ``incumbent_alone`` on how many of the first ``FIRST`` of them the incumbent alone erred, and
    ``alone_share`` on which share of all of them.
    """

    ever: Flags
    escape_at: Runs
    incumbent_alone: Runs
    alone_share: float


def stops(line: Line, *, rule: EvidenceRule, parts: int, runs: int, seed: int) -> Stops:
    """Let the product's rule look after every truth."""
    boundary = fewest_hits(parts, lambda hits, of: log_against(counts_of(hits, of - hits)) >= rule.log_stop)
    ever, at, first, alone = [], [], [], []
    for one in roll_outs(line, parts=parts, runs=runs, seed=seed):
        by_escapes, by_overkill = (_crossed(*errors, boundary) for errors in (one.escapes, one.overkill))
        seen = np.cumsum(one.defective, axis=1)
        come = seen[np.arange(len(seen)), by_escapes.argmax(axis=1)]
        ever.append((by_escapes | by_overkill).any(axis=1))
        at.append(np.where(by_escapes.any(axis=1), come, seen[:, -1] + 1))
        first.append((one.escapes[1] & (seen <= FIRST)).sum(axis=1))
        alone.append(one.escapes[1].sum() / max(1, one.defective.sum()))
    return Stops(
        ever=np.concatenate(ever),
        escape_at=np.concatenate(at),
        incumbent_alone=np.concatenate(first),
        alone_share=float(np.mean(alone)),
    )


def _crossed(candidate: Flags, incumbent: Flags, boundary: Runs) -> Flags:
    errors = np.cumsum(candidate, axis=1, dtype=np.int32)
    crossed: Flags = errors >= boundary[errors + np.cumsum(incumbent, axis=1, dtype=np.int32)]
    return crossed


def _roll_out(line: Line, parts: int, runs: int, source: np.random.Generator) -> RollOut:
    shape = runs, -(-parts // line.copies)
    phase = np.sin(np.arange(shape[1]) * line.copies / 300.0)
    defective = source.random(shape) < line.defective * (1.0 + 0.8 * phase)
    severity = source.normal(size=shape) + line.defect * defective
    incumbent = severity + line.noise * source.normal(size=shape)
    candidate = severity + line.noise * source.normal(size=shape) - line.fainter * defective
    incumbent, candidate, defective = (
        np.repeat(one, line.copies, axis=1)[:, :parts] for one in (incumbent, candidate, defective)
    )
    known = source.random(incumbent.shape) < line.known
    if line.rework:
        known &= incumbent >= line.accept_below
    came = np.arange(parts) + source.exponential(200.0, incumbent.shape)
    came += line.late * (incumbent < line.accept_below)
    order = np.argsort(came, axis=1)
    incumbent, candidate, defective, known = (
        np.take_along_axis(one, order, axis=1) for one in (incumbent, candidate, defective, known)
    )
    bad, good = known & defective, known & ~defective
    escaped, passed = candidate < line.accept_below, incumbent < line.accept_below
    spoiled, scrapped = candidate > line.reject_above, incumbent > line.reject_above
    return RollOut(
        defective=bad,
        good=good,
        escapes=(bad & escaped & ~passed, bad & passed & ~escaped),
        overkill=(good & spoiled & ~scrapped, good & scrapped & ~spoiled),
    )
