"""Incumbent and candidate on the same parts: evidence for and against the candidate, valid whenever it is looked at.

Only pairs in which one of the two erred and the other did not tell which is worse (McNemar 1947). If the candidate errs
no more often than the incumbent, each such pair is at best a fair coin, whatever was before; the evidence is the wealth
of betting on "the candidate's error" (:mod:`edge.core.betting`). Sequential 2x2 tables by e-values: Turner, Ly,
Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional stopping", Journal of
Statistical Planning and Inference 230 (2024), 106116. Rates may drift, as long as at each part, given all before it,
the candidate alone is no likelier to err than the incumbent alone.

What it takes for granted: a part's truth was sought, and came as soon, without regard to which of the two judged it
how. Truths of rejected parts alone do not show the escapes of the incumbent, and speak against the candidate; where
that shows, :func:`leaning` says so. And parts are not copies of each other: on fifty parts with one tool mark the
evidence is about that mark.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from edge.core.betting import e_value, log_wealth, rate_interval, threshold
from edge.core.paired import PairedCounts
from edge.core.statistics import Interval, clopper_pearson
from edge.core.types import Decision

_LEANING: Final = 0.99
"""Confidence of the two intervals that must not meet before truths are said to lean."""

_SIDES: Final = len(Decision)
_CELLS: Final = _SIDES * _SIDES


class ErrorKind(Enum):
    """What incumbent and candidate are compared on."""

    ESCAPE = "escape"
    OVERKILL = "overkill"
    ABSTENTION = "abstention"

    @property
    def decision(self) -> Decision:
        """The verdict that is the error on the parts of :attr:`kind`."""
        return _WRONG[self]

    @property
    def kind(self) -> str:
        """The parts on which it may befall: ``defective``, ``good``, or ``judged`` for all."""
        return _KIND[self]

    @property
    def stops(self) -> bool:
        """Whether evidence of more of them stops a candidate; more abstentions only forbid its promotion."""
        return self is not ErrorKind.ABSTENTION


_WRONG: Final = {
    ErrorKind.ESCAPE: Decision.ACCEPT,
    ErrorKind.OVERKILL: Decision.REJECT,
    ErrorKind.ABSTENTION: Decision.CANNOT_JUDGE,
}
_KIND: Final = {ErrorKind.ESCAPE: "defective", ErrorKind.OVERKILL: "good", ErrorKind.ABSTENTION: "judged"}
_STOPPING: Final = sum(error.stops for error in ErrorKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTable:
    """How often each pair of verdicts came: nine counts, by incumbent's verdict first and candidate's second.

    Raises:
        ValueError: There are not nine counts, or one is no whole number of at least 0.
    """

    cells: tuple[int, ...] = (0,) * _CELLS

    def __post_init__(self) -> None:
        if len(self.cells) != _CELLS or any(type(cell) is not int or cell < 0 for cell in self.cells):
            raise ValueError(f"a table of verdict pairs has {_CELLS} counts of at least 0, not {self.cells}")

    @classmethod
    def of(cls, counts: Mapping[tuple[Decision, Decision], int]) -> "PairTable":
        """Return the table of pairs counted elsewhere, incumbent's verdict first."""
        return cls(cells=tuple(counts.get((own, other), 0) for own in Decision for other in Decision))

    @property
    def total(self) -> int:
        """The pairs counted."""
        return sum(self.cells)

    @property
    def differing(self) -> int:
        """The pairs in which the two verdicts differ."""
        return self.total - sum(self.count(decision, decision) for decision in Decision)

    def count(self, incumbent: Decision, candidate: Decision) -> int:
        """Return how often this pair came."""
        return self.cells[_place(incumbent, candidate)]

    def plus(self, incumbent: Decision, candidate: Decision) -> "PairTable":
        """Return the table with one pair more."""
        place = _place(incumbent, candidate)
        return PairTable(cells=(*self.cells[:place], self.cells[place] + 1, *self.cells[place + 1 :]))

    def paired(self, verdict: Decision) -> PairedCounts:
        """Return how often each gave this verdict: the candidate is the first judge, the incumbent the second."""
        both = self.count(verdict, verdict)
        candidate = sum(self.count(one, verdict) for one in Decision)
        incumbent = sum(self.count(verdict, one) for one in Decision)
        return PairedCounts(
            both=both,
            first_only=candidate - both,
            second_only=incumbent - both,
            neither=self.total - candidate - incumbent + both,
        )

    def transitions(self) -> dict[str, int]:
        """Return the counts by name, such as ``accept->reject`` (incumbent's verdict first)."""
        return {
            f"{incumbent.label}->{candidate.label}": self.count(incumbent, candidate)
            for incumbent in Decision
            for candidate in Decision
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedEvidence:
    """All pairs so far. A new value comes of each pair; nothing but counts and two peaks is kept.

    ``judged`` counts every part that both judged, ``defective`` and ``good`` those of them whose truth is known. The
    peaks are the largest logarithms of the e-values against the candidate at any time: a limit once crossed stays so.
    """

    judged: PairTable = field(default_factory=PairTable)
    defective: PairTable = field(default_factory=PairTable)
    good: PairTable = field(default_factory=PairTable)
    escape_peak: float = 0.0
    overkill_peak: float = 0.0

    def __post_init__(self) -> None:
        for peak in (self.escape_peak, self.overkill_peak):
            if not math.isfinite(peak) or peak < 0.0:
                raise ValueError(f"a peak is a finite number of at least 0, not {peak}")

    def with_verdicts(self, incumbent: Decision, candidate: Decision) -> "PairedEvidence":
        """Return the evidence after both judged one part more."""
        return replace(self, judged=self.judged.plus(incumbent, candidate))

    def with_truth(self, incumbent: Decision, candidate: Decision, *, defective: bool) -> "PairedEvidence":
        """Return the evidence after the truth came of one part, whose verdicts were counted when it was judged.

        Each part once: whoever counts keeps in mind which parts have been.
        """
        if defective:
            table = self.defective.plus(incumbent, candidate)
            peak = max(self.escape_peak, log_against(table.paired(ErrorKind.ESCAPE.decision)))
            return replace(self, defective=table, escape_peak=peak)
        table = self.good.plus(incumbent, candidate)
        peak = max(self.overkill_peak, log_against(table.paired(ErrorKind.OVERKILL.decision)))
        return replace(self, good=table, overkill_peak=peak)

    def counts(self, error: ErrorKind) -> PairedCounts:
        """Return how often the error befell candidate (first) and incumbent (second) on the parts where it may."""
        table = {"defective": self.defective, "good": self.good, "judged": self.judged}[error.kind]
        return table.paired(error.decision)

    def log_peak(self, error: ErrorKind) -> float:
        """Return the largest logarithm of the e-value against the candidate so far; of abstentions the present one."""
        if error is ErrorKind.ESCAPE:
            return self.escape_peak
        return self.overkill_peak if error is ErrorKind.OVERKILL else log_against(self.counts(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRule:
    """When evidence is enough.

    ``alpha``: the chance that a candidate which is worse neither in escapes nor in overkill is ever stopped.
    ``margin``: by how much more of each error, as a share of its parts, a candidate still counts as not worse.
    ``promotion_alpha``: the chance that a candidate worse by ``margin`` or more in any of them is ever recommended.

    Raises:
        ValueError: One is not between 0 and 1.
    """

    alpha: float = 0.01
    margin: float = 0.05
    promotion_alpha: float = 0.05

    def __post_init__(self) -> None:
        for name in ("alpha", "margin", "promotion_alpha"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")

    @property
    def log_stop(self) -> float:
        """The logarithm of the e-value at which one error stops a candidate: ``alpha`` is shared evenly by two."""
        return threshold(self.alpha / _STOPPING)

    @property
    def log_promotion(self) -> float:
        """The logarithm of the e-value at which one error counts as not worse; all of them must."""
        return threshold(self.promotion_alpha)


class Advice(Enum):
    """What the evidence says to do with the candidate."""

    STOP = "stop"
    WAIT = "wait"
    PROMOTE = "promote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One error, weighed. The candidate is the first judge of ``counts``.

    ``log_worse`` and ``log_not_worse`` are logarithms of the e-values for "the candidate errs more often" (its peak)
    and for "by less than the margin more often" (at present).
    """

    error: ErrorKind
    counts: PairedCounts
    log_worse: float
    log_not_worse: float
    worse: bool
    not_worse: bool

    @property
    def e_worse(self) -> float:
        """The e-value for "the candidate errs more often", its largest so far."""
        return e_value(self.log_worse)

    @property
    def e_not_worse(self) -> float:
        """The e-value for "by less than the margin more often", as it is now."""
        return e_value(self.log_not_worse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The evidence under a rule.

    ``disagreement`` is the share of parts with differing verdicts, at any time 95 %; ``leaning`` as the function says.
    """

    rule: EvidenceRule
    weighed: tuple[Weighed, ...]
    judged: int
    differing: int
    disagreement: Interval
    advice: Advice
    reason: str
    leaning: str


def log_against(counts: PairedCounts) -> float:
    """Return the logarithm of the e-value for "the first judge (the candidate) errs more often than the second"."""
    return log_wealth(((1.0, counts.first_only), (-1.0, counts.second_only)))


def log_not_worse(counts: PairedCounts, margin: float) -> float:
    """Return the logarithm of the e-value for "the first judge errs less than ``margin`` more often than the second".

    The gain of a pair is ``margin`` less what the first erred more than the second (-1, 0 or 1).

    Raises:
        ValueError: Margin is not between 0 and 1.
    """
    if not 0.0 < margin < 1.0:
        raise ValueError(f"margin must lie between 0 and 1, not {margin}")
    alike = counts.both + counts.neither
    return log_wealth(((margin - 1.0, counts.first_only), (margin, alike), (margin + 1.0, counts.second_only)))


def weigh(evidence: PairedEvidence, rule: EvidenceRule) -> Balance:
    """Return what the evidence says under a rule."""
    weighed = tuple(_weighed(evidence, error, rule) for error in ErrorKind)
    worse = [one for one in weighed if one.worse and one.error.stops]
    open_ones = [one for one in weighed if not one.not_worse]
    leans = leaning(evidence)
    if worse:
        told = [_worse_in_words(one) for one in worse]
        advice, reason = Advice.STOP, "; ".join([*told, leans] if leans else told)
    elif open_ones:
        advice, reason = Advice.WAIT, "; ".join(_open_in_words(one, rule) for one in open_ones)
    else:
        shown = "in escapes, overkill and abstentions"
        advice, reason = Advice.PROMOTE, f"not worse by more than {_points(rule.margin)} {shown}"
    judged = evidence.judged
    return Balance(
        rule=rule,
        weighed=weighed,
        judged=judged.total,
        differing=judged.differing,
        disagreement=rate_interval(judged.differing, judged.total),
        advice=advice,
        reason=reason,
        leaning=leans,
    )


def stops(evidence: PairedEvidence, rule: EvidenceRule) -> bool:
    """Return whether :func:`weigh` advises to stop: quick enough to be asked with every truth."""
    return any(evidence.log_peak(error) >= rule.log_stop for error in ErrorKind if error.stops)


def leaning(evidence: PairedEvidence) -> str:
    """Return how truths were sought with regard to who accepted the part, in words; empty where that does not show.

    Of the parts that one of the two alone accepted, as large a share should have a truth whichever of them it was.
    """
    candidate, incumbent = (_known(evidence, by_candidate=one) for one in (True, False))
    one, other = clopper_pearson(*candidate, _LEANING), clopper_pearson(*incumbent, _LEANING)
    if one is None or other is None or max(one[0], other[0]) <= min(one[1], other[1]):
        return ""
    escapes, overkill = ("against", "for") if one[0] > other[0] else ("for", "against")
    return (
        f"truths lean: known of {candidate[0]} of {candidate[1]} parts that the candidate alone accepted, and of "
        f"{incumbent[0]} of {incumbent[1]} that the incumbent alone accepted, so that escapes speak {escapes} the "
        f"candidate and overkill {overkill} it more than they should"
    )


def balance_as_json(balance: Balance) -> dict[str, Any]:
    """Return what a program may read of a balance."""
    return {
        "advice": balance.advice.value,
        "reason": balance.reason,
        "alpha": balance.rule.alpha,
        "margin": balance.rule.margin,
        "promotion_alpha": balance.rule.promotion_alpha,
        "judged": balance.judged,
        "differing": balance.differing,
        "disagreement95": list(balance.disagreement),
        "errors": {one.error.value: _weighed_as_json(one) for one in balance.weighed},
        "leaning": balance.leaning,
    }


def _known(evidence: PairedEvidence, *, by_candidate: bool) -> tuple[int, int]:
    """Return of how many parts that one of the two alone accepted the truth is known, and how many there are."""
    judged, defective, good = (
        table.paired(Decision.ACCEPT) for table in (evidence.judged, evidence.defective, evidence.good)
    )
    if by_candidate:
        known, total = defective.first_only + good.first_only, judged.first_only
    else:
        known, total = defective.second_only + good.second_only, judged.second_only
    return known, max(known, total)  # a truth may come a moment before its pair is counted


def _weighed(evidence: PairedEvidence, error: ErrorKind, rule: EvidenceRule) -> Weighed:
    counts = evidence.counts(error)
    worse, not_worse = evidence.log_peak(error), log_not_worse(counts, rule.margin)
    return Weighed(
        error=error,
        counts=counts,
        log_worse=worse,
        log_not_worse=not_worse,
        worse=worse >= rule.log_stop,
        not_worse=not_worse >= rule.log_promotion,
    )


def _weighed_as_json(one: Weighed) -> dict[str, Any]:
    return {
        "parts": one.counts.total,
        "candidate_only": one.counts.first_only,
        "incumbent_only": one.counts.second_only,
        "both": one.counts.both,
        "e_worse": one.e_worse,
        "e_not_worse": one.e_not_worse,
        "worse": one.worse,
        "not_worse": one.not_worse,
    }


def _worse_in_words(one: Weighed) -> str:
    return f"worse in {one.error.value}: {_counted(one)} (e-value {one.e_worse:.3g})"


def _open_in_words(one: Weighed, rule: EvidenceRule) -> str:
    return f"{one.error.value} not yet shown to be within {_points(rule.margin)}: {_counted(one)}"


def _counted(one: Weighed) -> str:
    parts = {"defective": "labelled defective parts", "good": "labelled good parts", "judged": "parts"}[one.error.kind]
    counts = one.counts
    return f"candidate alone on {counts.first_only}, incumbent alone on {counts.second_only} of {counts.total} {parts}"


def _points(share: float) -> str:
    return f"{100.0 * share:.3g} points"


def _place(incumbent: Decision, candidate: Decision) -> int:
    return _SIDES * (incumbent - 1) + candidate - 1
