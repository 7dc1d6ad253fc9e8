"""What a replay of recorded parts found: frozen values, and what is counted of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeVar

from edge.core.codes import REJECT_BASE, Code
from edge.core.paired import difference_upper, mcnemar_worse
from edge.core.paired_evidence import (
    Balance,
    ErrorKind,
    EvidenceRule,
    PairedEvidence,
    PairTable,
    weigh,
)
from edge.core.types import Box, Decision

ALPHA: Final = 0.05
"""A replay is one look: the chance that a bundle which is not worse in an error counts as worse in it."""

_JUDGED: Final = frozenset(
    {
        Code.NONE,
        Code.TOO_DARK,
        Code.TOO_BRIGHT,
        Code.TOO_FLAT,
        Code.BLURRED,
        Code.MOVED,
        Code.MODEL_FAILED,
        Code.SCORE_INVALID,
        Code.UNCERTAIN,
        Code.NOVEL,
    }
)

Truth = Literal["accept", "reject"]
Key = TypeVar("Key")


class Missing(Enum):
    """Why a recorded part was not replayed."""

    LOST = "lost"
    OPEN = "open"
    NOT_SPOOLED = "not_spooled"
    PRUNED = "pruned"
    INCOMPLETE = "incomplete"
    UNREADABLE = "unreadable"

    @property
    def in_words(self) -> str:
        """What happened, for people."""
        return _MISSING[self]


_MISSING: Final = {
    Missing.LOST: "no verdict: a recorded loss",
    Missing.OPEN: "no verdict yet",
    Missing.NOT_SPOOLED: "no picture was kept",
    Missing.PRUNED: "its picture was pruned to make room",
    Missing.INCOMPLETE: "not all of its views have a picture",
    Missing.UNREADABLE: "its picture is missing, changed or broken",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A verdict on a part: recorded, or given in the replay."""

    decision: Decision
    code: int
    score: float | None

    @property
    def by_judging(self) -> bool:
        """Whether picture and model gave it, not a deadline, a fault of the station or a missing frame."""
        return self.code in _JUDGED or self.code >= REJECT_BASE


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedPicture:
    """A picture by its path below the shift's folder, and the boxes of incumbent and candidate in its pixels."""

    file: str
    camera: str
    incumbent: tuple[Box, ...]
    candidate: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedPart:
    """A part with both verdicts; ``truth`` is None where nobody has said, ``source`` who did.

    ``session``, ``trig`` and ``received_at`` (Unix ms) are None for a part of a folder. ``known`` says that the
    candidate was made with one of the pictures: of this part it knows the answer.
    """

    name: str
    session: int | None
    trig: int | None
    received_at: int | None
    incumbent: Said
    candidate: Said
    truth: Truth | None
    source: str | None
    pictures: tuple[ReplayedPicture, ...]
    known: bool = False

    @property
    def differs(self) -> bool:
        """Whether the verdicts differ."""
        return self.incumbent.decision is not self.candidate.decision

    @property
    def transition(self) -> str:
        """The pair of verdicts, such as ``accept->reject``."""
        return f"{self.incumbent.decision.label}->{self.candidate.decision.label}"

    @property
    def defective(self) -> bool | None:
        """What the truth says, None where it is not known."""
        return None if self.truth is None else self.truth == "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPart:
    """A recorded part that was not replayed, and why."""

    name: str
    session: int
    trig: int
    received_at: int | None
    why: Missing
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a replay says of a candidate.

    ``table`` counts every replayed part; ``balance`` weighs the ``compared`` ones: the incumbent's verdict came of
    judging, and the candidate was not made with the part. ``p_values`` hold McNemar's one-sided exact test for one
    look; ``worse`` names the errors in which the candidate is worse at ``ALPHA``. ``releasable`` is False with no
    labelled defective part: nothing was shown.
    """

    table: PairTable
    compared: int
    balance: Balance
    p_values: Mapping[ErrorKind, float]
    worse: tuple[ErrorKind, ...]
    releasable: bool
    reason: str


def weigh_replay(parts: Iterable[ReplayedPart], rule: EvidenceRule, *, objection: str = "") -> Outcome:
    """Return what replayed parts say of the candidate; an ``objection`` makes it not releasable whatever they say."""
    table, evidence, defective = PairTable(), PairedEvidence(), 0
    for part in parts:
        pair = part.incumbent.decision, part.candidate.decision
        table = table.plus(*pair)
        defective += part.truth == "reject"
        if part.known or not part.incumbent.by_judging:
            continue
        evidence = evidence.with_verdicts(*pair)
        if part.defective is not None:
            evidence = evidence.with_truth(*pair, defective=part.defective)
    p_values = {error: mcnemar_worse(evidence.counts(error)) for error in ErrorKind}
    worse = tuple(error for error, p_value in p_values.items() if p_value <= ALPHA)
    labelled = evidence.defective.total
    if worse:
        reason = "; ".join(_worse_in_words(error, evidence, p_values[error]) for error in worse)
    elif objection:
        reason = objection
    elif not labelled:
        none = f"none of the {defective} parts known to be defective" if defective else "no part known to be defective"
        reason = f"{none} could be compared: nothing shows that it lets no more of them pass"
    else:
        good = evidence.good.total
        judged = evidence.judged.total
        more = max(0.0, difference_upper(evidence.counts(ErrorKind.ESCAPE)) or 0.0)
        reason = (
            f"not shown to be worse in escapes on {labelled} defective parts (of such parts it may let up to "
            f"{100.0 * more:.2g} in a hundred more pass, 95 % confidence), in overkill on {good} good ones, in "
            f"abstentions on {judged}"
        )
    return Outcome(
        table=table,
        compared=evidence.judged.total,
        balance=weigh(evidence, rule),
        p_values=p_values,
        worse=worse,
        releasable=not worse and not objection and labelled > 0,
        reason=reason,
    )


def match_truths(
    parts: Sequence[tuple[Key, str, int]], truths: Iterable[tuple[str, Truth, str, int]]
) -> dict[Key, tuple[Truth, str]]:
    """Return truth and source of each part that a later inspection has spoken of.

    A truth is told by the part's name alone, and names may come back (rework): it speaks of the last part of that name
    received before it. Of several words on one part the last counts.

    Args:
        parts: Key, name and time of receipt of each part, in order of receipt.
        truths: Name, truth, source and time of each, in order of record.
    """
    by_name: dict[str, list[tuple[int, Key]]] = {}
    for key, name, at in parts:
        if name:
            by_name.setdefault(name, []).append((at, key))
    found: dict[Key, tuple[Truth, str]] = {}
    for name, truth, source, at in truths:
        before = [key for received, key in by_name.get(name, ()) if received <= at]
        if before:
            found[before[-1]] = (truth, source)
    return found


def most_telling(parts: Iterable[ReplayedPart]) -> list[ReplayedPart]:
    """Return the parts with differing verdicts, those that people should look at first in front.

    First what the candidate alone lets pass or throws away by the truth, then what it newly accepts, then the rest,
    last what the incumbent's model did not judge (a deadline, the camera); in the order given within each.
    """
    return sorted((part for part in parts if part.differs), key=_rank)


def count_missing(missing: Iterable[MissingPart]) -> dict[str, int]:
    """Return how many parts were not replayed, by the reason; every reason is there."""
    counted = Counter(one.why for one in missing)
    return {why.value: counted[why] for why in Missing}


def _rank(part: ReplayedPart) -> int:
    after, before = part.candidate.decision, part.incumbent.decision
    if part.defective and after is Decision.ACCEPT:
        return 0
    if part.defective is False and after is Decision.REJECT:
        return 1
    if not part.incumbent.by_judging:
        return 5
    if part.defective is None and after is Decision.ACCEPT:
        return 2
    return 4 if before is Decision.CANNOT_JUDGE else 3


def _worse_in_words(error: ErrorKind, evidence: PairedEvidence, p_value: float) -> str:
    counts = evidence.counts(error)
    what = {
        ErrorKind.ESCAPE: "lets more defective parts pass",
        ErrorKind.OVERKILL: "rejects more good parts",
        ErrorKind.ABSTENTION: "cannot judge more parts",
    }[error]
    return (
        f"it {what}: {counts.first_only} that the incumbent did not, {counts.second_only} the other way round, of "
        f"{counts.total} (p = {p_value:.2g})"
    )
