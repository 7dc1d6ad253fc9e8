"""A bundle beside the one that decides: what its answers come to, and when it must not go on. Pure rules."""

from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

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


class Pace(NamedTuple):
    """What an answer took, and what its part's recipe left for it, in milliseconds."""

    took_ms: float
    budget_ms: float

    @property
    def used(self) -> float:
        """The share of the budget that was used."""
        return self.took_ms / self.budget_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """The newest answers of a model: whether each could be used, and the pace of those that could."""

    usable: tuple[bool, ...] = ()
    paces: tuple[Pace, ...] = ()

    def after(self, *, usable: bool, took_ns: int, budget_ms: float) -> "Vitals":
        """Return the vitals after one more answer."""
        paces = (*self.paces, Pace(took_ns / NS_PER_MS, budget_ms)) if usable else self.paces
        return Vitals(usable=(*self.usable, usable)[-WINDOW:], paces=paces[-WINDOW:])

    @property
    def median(self) -> Pace | None:
        """The median pace by its share of the budget: recipes differ. None without an answer that could be used."""
        return sorted(self.paces, key=lambda pace: pace.used)[len(self.paces) // 2] if self.paces else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How a candidate does beside the incumbent on the same parts.

    ``evidence`` holds the pairs of verdicts; ``silent`` counts parts to which the candidate gave no usable answer, and
    which it therefore could not judge, ``skipped`` those that it was not shown, because too many waited.
    """

    evidence: PairedEvidence = field(default_factory=PairedEvidence)
    silent: int = 0
    skipped: int = 0

    def after(self, own: Decision, opinion: Opinion) -> "Tally":
        """Return the tally after one more part."""
        return replace(
            self,
            evidence=self.evidence.with_verdicts(own, opinion.verdict),
            silent=self.silent + (opinion.decision is None),
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


def failing(vitals: Vitals, answers_min: float = ANSWERS_MIN) -> str | None:
    """Return why a model must not go on, by its newest answers; None while nothing can be said against it.

    Of the times the median counts, so that a busy moment takes nobody out.
    """
    seen = len(vitals.usable)
    if seen < LEAST:
        return None
    share = sum(vitals.usable) / seen
    if share < answers_min:
        return f"only {share:.0%} of its last {seen} answers could be used, {answers_min:.0%} is the least"
    median, answers = vitals.median, len(vitals.paces)
    if median is None or answers < LEAST or median.used <= 1.0:
        return None
    took, most = f"{median.took_ms:.0f} ms", f"{median.budget_ms:.0f} ms"
    return f"it takes {took} (median of its last {answers} answers), {most} is the most"
