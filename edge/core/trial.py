"""A bundle beside the one that decides: what its answers come to, and when it must not go on. Pure rules."""

import statistics
from dataclasses import dataclass, field, replace
from typing import Final

from edge.core.paired_evidence import PairedEvidence
from edge.core.types import Decision

WINDOW: Final = 50
"""The newest answers that health is told from."""
LEAST: Final = 20
"""With fewer of them nothing is said."""
ANSWERS_MIN: Final = 0.95
"""The share of pictures to which a model must give an answer that can be used."""
GUARD_MS: Final = 20
"""What the deadline guard keeps of every deadline."""
NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a model said of one part; ``decision`` is None where it gave nothing that can be used (``code`` says why).

    ``score`` is a probability (0-1), None without one; ``took_ns`` what it took, in nanoseconds.
    """

    decision: Decision | None
    code: int
    score: float | None
    took_ns: int

    @property
    def verdict(self) -> Decision:
        """What would have become of the part: without a usable answer it cannot be judged."""
        return self.decision or Decision.CANNOT_JUDGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """The newest answers of a model: whether each could be used, and how long it took in nanoseconds."""

    usable: tuple[bool, ...] = ()
    took_ns: tuple[int, ...] = ()

    def after(self, *, usable: bool, took_ns: int) -> "Vitals":
        """Return the vitals after one more answer."""
        times = (*self.took_ns, took_ns) if usable else self.took_ns
        return Vitals(usable=(*self.usable, usable)[-WINDOW:], took_ns=times[-WINDOW:])

    @property
    def median_ms(self) -> float | None:
        """The median time in milliseconds, None without an answer that could be used."""
        return statistics.median(self.took_ns) / NS_PER_MS if self.took_ns else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How a candidate does beside the incumbent on the same parts.

    ``evidence`` holds the pairs of verdicts; ``silent`` counts parts to which the candidate gave no usable answer, and
    which it therefore could not judge, ``skipped`` those that it was not shown, because too many waited.
    """

    evidence: PairedEvidence = field(default_factory=PairedEvidence)
    silent: int = 0
    skipped: int = 0
    vitals: Vitals = field(default_factory=Vitals)

    def after(self, own: Decision, opinion: Opinion) -> "Tally":
        """Return the tally after one more part."""
        usable = opinion.decision is not None
        return replace(
            self,
            evidence=self.evidence.with_verdicts(own, opinion.verdict),
            silent=self.silent + (not usable),
            vitals=self.vitals.after(usable=usable, took_ns=opinion.took_ns),
        )

    def with_truth(self, own: Decision, other: Decision, *, defective: bool) -> "Tally":
        """Return the tally after the truth came of a part that was counted."""
        return replace(self, evidence=self.evidence.with_truth(own, other, defective=defective))

    def without(self) -> "Tally":
        """Return the tally after a part that the candidate was not shown."""
        return replace(self, skipped=self.skipped + 1)

    def told(self) -> str:
        """Return the tally in words."""
        pairs = self.evidence.judged
        known = self.evidence.defective.total + self.evidence.good.total
        counts = f"{pairs.total} parts compared, {pairs.differing} with another verdict, {known} with a known truth"
        more = [f"{count} {name}" for name, count in (("unanswered", self.silent), ("skipped", self.skipped)) if count]
        return ", ".join([counts, *more])


def budget_ms(deadline_ms: int, capture_ms: int) -> int:
    """Return how long all models of a part may take: its deadline less capture and what the guard keeps."""
    return max(1, deadline_ms - capture_ms - GUARD_MS)


def failing(vitals: Vitals, budget: float, answers_min: float = ANSWERS_MIN) -> str | None:
    """Return why a model must not go on, by its newest answers; None while nothing can be said against it.

    ``budget`` is in milliseconds; the median of the times is compared with it, so that a busy moment takes nobody out.
    """
    seen = len(vitals.usable)
    if seen < LEAST:
        return None
    share = sum(vitals.usable) / seen
    if share < answers_min:
        return f"only {share:.0%} of its last {seen} answers could be used, {answers_min:.0%} is the least"
    median = vitals.median_ms
    if median is not None and len(vitals.took_ns) >= LEAST and median > budget:
        return (
            f"it takes {median:.0f} ms (median of its last {len(vitals.took_ns)} answers), {budget:.0f} ms is the most"
        )
    return None
