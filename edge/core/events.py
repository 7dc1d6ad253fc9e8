"""What the ledger records: one frozen type per kind of event. Values only; writing them is the ledger's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from edge.core.types import Act, Box, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One moment on both clocks: monotonic nanoseconds (to measure with) and Unix milliseconds (for the record)."""

    mono_ns: int
    utc_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartKey:
    """What a part is known by: the PLC's session and trigger number, the station's epoch and sequence number."""

    session: int
    trig: int
    epoch: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecord:
    """What the ledger keeps of one view; ``bundle`` is the full hash of the bundle that judged it."""

    camera: str
    code: int
    score: float | None
    boxes: tuple[Box, ...]
    bundle: str | None
    captured: Instant | None
    frame: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A trigger was taken on; from here on the station owes one verdict of record or one loss."""

    key: PartKey
    part: str
    recipe: int
    deadline_ms: int
    at: Instant
    origin: Literal["plc", "timer", "presence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The verdict of a part, committed before it may be sent.

    ``score`` is in per mille as on the wire (65535: none); ``model`` is the wire's 8 hex digits; ``stages_ns`` maps a
    stage's name to its time in nanoseconds.
    """

    key: PartKey
    part: str
    recipe: int
    revision: int
    decision: Decision
    code: int
    score: int
    defects: int
    model: str
    simulated: bool
    config_hash: str
    software: str
    views: tuple[ViewRecord, ...]
    at: Instant
    stages_ns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overruled:
    """The deadline guard was faster than the loop: the verdict of record is cannot-judge with this code."""

    key: PartKey
    code: int
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The result left for the broker; ``topic`` is the one below the base, ``age_ms`` receipt to send.

    ``stages_ns`` holds the times that were not known yet when the verdict was committed (commit, hand-over).
    ``decision`` and ``code`` are what the payload said, to be compared with the verdict of record; None in records
    from before they were kept.
    """

    key: PartKey
    topic: str
    age_ms: int
    at: Instant
    stages_ns: Mapping[str, int] = field(default_factory=dict)
    decision: Decision | None = None
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAcked:
    """The broker answered for a result; ``reason`` is MQTT 5's (0 under 3.1.1). It says nothing of the PLC.

    Below 0x80 and not 0x10 (nobody subscribed) it has taken the result. ``topic`` is the one below the base, None in
    records from before it was kept.
    """

    key: PartKey
    reason: int
    at: Instant
    topic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlcAcked:
    """The PLC said what it did; ``seq`` and ``epoch`` in the key are 0 where it timed out without a result."""

    key: PartKey
    act: Act
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class UnearnedAccept:
    """The PLC says that it accepted a part, and the record holds no accept for it: the worst that can happen.

    Follows the :class:`PlcAcked` that said so, whose key it carries. ``verdict`` is what is on record (``none`` where
    nothing is, ``archived`` where the part has left the tables), ``reason`` a sentence for people.
    """

    key: PartKey
    verdict: str
    reason: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a later inspection, the ``source``, found of a part of this name; ``epoch`` is the one that records it."""

    epoch: int
    part: str
    truth: Literal["accept", "reject"]
    source: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A command that was not taken on, and why; ``session`` and ``trig`` are None where it could not be read."""

    epoch: int
    session: int | None
    trig: int | None
    code: int
    detail: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A trigger, or with ``trig_first`` a run of them up to ``trig``, that has no verdict and never will.

    ``epoch`` is the one that records it; ``seq`` is the number that the part had been given, if any.
    """

    epoch: int
    session: int
    trig: int
    code: int
    at: Instant
    trig_first: int | None = None
    seq: int | None = None
    part: str | None = None
    recipe: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A view's picture is in the spool: ``path`` is relative to the spool, ``sha256`` that of the file."""

    key: PartKey
    camera: str
    path: str
    sha256: str
    size: int
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """A picture was deleted from the spool on purpose."""

    path: str
    sha256: str
    reason: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person changed something: who, from where, what."""

    who: str
    origin: str
    action: str
    detail: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a bundle on trial said of a part, beside what the station's own models said: the pair of verdicts.

    ``bundle`` is the candidate's hash, ``incumbent`` the wire's name of the bundles that judged; ``stage`` says whether
    an accept of this part needed the candidate too. ``decision`` is None where it gave no usable answer, ``own`` what
    the incumbent would have decided alone. Scores are per mille as on the wire; ``took_ns`` is the candidate's time.
    """

    key: PartKey
    part: str
    bundle: str
    incumbent: str
    stage: Literal["shadow", "canary"]
    decision: Decision | None
    code: int
    score: int
    own: Decision
    own_code: int
    own_score: int
    took_ns: int
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMoved:
    """A bundle came a step further in its life on this station, or was taken back; by whom and why.

    ``sha256`` is None for the bundle that the software carries, ``before`` for one that was not there; ``revision``
    counts the changes of the station's store of bundles.
    """

    epoch: int
    bundle: str
    sha256: str | None
    before: str | None
    after: str
    revision: int
    who: str
    reason: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """The events ``first`` to ``last`` are in a file of the archive, proven by reading it back.

    ``previous`` is the chain's hash before ``first``, ``digest`` that of ``last``; ``sha256`` and ``size`` are the
    file's. All hashes are lower-case hex.
    """

    first: int
    last: int
    previous: str
    digest: str
    file: str
    sha256: str
    size: int
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStarted:
    """The inspector started. ``clean`` says how the epoch before ended (None: there was none).

    ``models`` holds the SHA-256 of every bundle that it judges with from the start, in lower-case hex, sorted, with one
    space between them; None in records from before they were kept.
    """

    epoch: int
    software: str
    config_hash: str
    clean: bool | None
    at: Instant
    models: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded:
    """The inspector stopped in order (``reason``), or the next start found that it had not (``reason`` 'unclean').

    ``counts`` holds what has no event of its own, such as duplicates of triggers.
    """

    epoch: int
    reason: str
    at: Instant
    counts: Mapping[str, int] = field(default_factory=dict)


Event = (
    Received
    | Decided
    | Overruled
    | Sent
    | BrokerAcked
    | PlcAcked
    | UnearnedAccept
    | Truth
    | Refused
    | Loss
    | Stored
    | Pruned
    | Operator
    | Compared
    | ModelMoved
    | Archived
    | EpochStarted
    | EpochEnded
)
