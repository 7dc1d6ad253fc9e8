"""The start of an epoch: what the last one left open is closed, and the next number is allotted."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Final

from edge.core.codes import Code
from edge.core.events import EpochEnded, EpochStarted, Event, Instant, Loss, Operator, PartKey
from edge.core.types import Decision
from edge.ledger.parts import Part
from edge.ledger.record import PART_COLUMNS, Tail, record

UNCLEAN: Final = "unclean"
CONFIGURATION: Final = "configuration"
"""The operator's action that a start finds: the hash of what judging was set by is another than before."""
MODEL: Final = "model"
"""The same, of the bundles: a file was exchanged, or the software brought another one."""
ARCHIVED: Final = "unknown (the last start is in the archive)"
MAX_UNSENT: Final = 10_000
"""At most this many unsent verdicts, the newest, are handed out at a start."""


# Steps from session to session through the index of (session, trig). One that is known by refused triggers only is
# left out: nothing says that the PLC has moved on to it. The last receipt orders them, since a session that was
# followed by another gets no further ones.
_SESSIONS: Final = """
    WITH RECURSIVE numbers (session) AS (
        SELECT min(session) FROM parts WHERE session > 0
        UNION ALL
        SELECT (SELECT min(session) FROM parts WHERE session > numbers.session)
        FROM numbers WHERE numbers.session IS NOT NULL
    )
    SELECT session,
        (SELECT trig FROM parts AS known WHERE known.session = numbers.session
            AND (known.received_event IS NOT NULL OR known.loss_event IS NOT NULL) ORDER BY trig DESC LIMIT 1),
        (SELECT received_event FROM parts AS taken WHERE taken.session = numbers.session
            AND taken.received_event IS NOT NULL ORDER BY trig DESC LIMIT 1) AS last
    FROM numbers WHERE session IS NOT NULL
"""
_GONE: Final = "SELECT session, highest_trig, received_event FROM sessions WHERE session > 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """A committed verdict of an earlier epoch that never left: for ``hist/result`` only.

    ``score`` is per mille as on the wire (65535: none); times are Unix milliseconds.
    """

    key: PartKey
    part: str
    recipe: int
    decision: Decision
    code: int
    score: int
    defects: int
    model: str
    simulated: bool
    received_utc_ms: int
    decided_utc_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochOpening:
    """What a start found.

    ``clean`` says how the epoch before ended (None: there was none); ``orphans`` is how many received parts had no
    verdict and are losses now; ``unsent`` holds verdicts that never left, oldest first; ``last_auto_trig`` is the
    highest trigger number of session 0 on record (0: none). ``sessions`` pairs each of the PLC's sessions of which a
    trigger was taken on with the highest trigger number accounted for, oldest first.
    """

    epoch: int
    clean: bool | None
    orphans: int
    unsent: tuple[Unsent, ...]
    last_auto_trig: int
    sessions: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModels:
    """The bundles that a start found, and who may have put them there; ``hashes`` as :class:`EpochStarted` has them."""

    hashes: str
    author: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStart:
    """What a start is known by; ``author`` and ``origin`` tell who changed the configuration, if it did change."""

    software: str
    config_hash: str
    at: Instant
    author: str
    origin: str
    models: FoundModels | None


def open_epoch(connection: sqlite3.Connection, tail: Tail, start: EpochStart) -> tuple[Tail, EpochOpening]:
    """Close the last epoch, turn its orphans into losses and start the next one, in the caller's transaction.

    Raises:
        sqlite3.Error: the storage failed.
    """
    at = start.at
    query = "SELECT epoch, reason, config_hash, started_event FROM epochs ORDER BY epoch DESC LIMIT 1"
    last = connection.execute(query).fetchone()
    number, reason, config_hash, started_event = (0, UNCLEAN, start.config_hash, None) if last is None else last
    epoch = number + 1
    clean = None if last is None else reason is not None and reason != UNCLEAN
    events: list[Event] = []
    if last is not None and reason is None:
        events.append(EpochEnded(epoch=number, reason=UNCLEAN, at=at))
    events.append(
        EpochStarted(
            epoch=epoch,
            software=start.software,
            config_hash=start.config_hash,
            clean=clean,
            at=at,
            models=start.models.hashes if start.models else None,
        )
    )
    if config_hash != start.config_hash:
        detail = f"{config_hash} -> {start.config_hash}"
        events.append(Operator(who=start.author, origin=start.origin, action=CONFIGURATION, detail=detail, at=at))
    if start.models is not None:
        before = None if started_event is None else _models_of(connection, started_event)
        if before not in {None, start.models.hashes}:
            detail = f"{before} -> {start.models.hashes}"
            who, origin = start.models.author, start.models.origin
            events.append(Operator(who=who, origin=origin, action=MODEL, detail=detail, at=at))
    orphans = _select(connection, "WHERE outcome IS NULL AND received_event IS NOT NULL ORDER BY first_event")
    events += [
        Loss(
            epoch=epoch,
            session=part.session,
            trig=part.trig,
            code=Code.ORPHAN,
            at=at,
            seq=part.seq,
            part=part.part,
            recipe=part.recipe,
        )
        for part in orphans
    ]
    for event in events:
        tail, _ = record(connection, tail, event, epoch)
    unsent = _select(
        connection,
        "WHERE decided_event IS NOT NULL AND sent_event IS NULL AND history_event IS NULL "
        f"ORDER BY first_event DESC LIMIT {MAX_UNSENT}",
    )
    opening = EpochOpening(
        epoch=epoch,
        clean=clean,
        orphans=len(orphans),
        unsent=tuple(_unsent(part) for part in reversed(unsent)),
        last_auto_trig=_last_auto_trig(connection),
        sessions=_sessions(connection),
    )
    return tail, opening


def _models_of(connection: sqlite3.Connection, started_event: int) -> str | None:
    """Return the bundles of an earlier start, None where it did not tell."""
    row = connection.execute("SELECT body FROM events WHERE id = ?", (started_event,)).fetchone()
    if row is None:
        return ARCHIVED
    try:
        known = json.loads(row[0]).get("models")
    except (ValueError, TypeError, AttributeError):  # damaged: verify tells; the station has to start
        return None
    return None if known is None else str(known)


def _sessions(connection: sqlite3.Connection) -> tuple[tuple[int, int], ...]:
    """Return every session of which a part was received, by its last receipt, with its highest number."""
    known: dict[int, tuple[int, int]] = {}
    for session, highest, last in (*connection.execute(_SESSIONS), *connection.execute(_GONE)):
        before = known.get(session, (0, 0))
        known[session] = max(before[0], highest or 0), max(before[1], last or 0)
    taken = sorted((last, session, highest) for session, (highest, last) in known.items() if last)
    return tuple((session, highest) for _, session, highest in taken)


def _last_auto_trig(connection: sqlite3.Connection) -> int:
    (present,) = connection.execute("SELECT max(trig) FROM parts WHERE session = 0").fetchone()
    gone = connection.execute("SELECT highest_trig FROM sessions WHERE session = 0").fetchone()
    return max(present or 0, gone[0] if gone else 0)


def _select(connection: sqlite3.Connection, condition: str) -> list[Part]:
    rows = connection.execute(f"SELECT {PART_COLUMNS} FROM parts {condition}")  # noqa: S608  # constants only
    return [Part(*row) for row in rows]


def _unsent(part: Part) -> Unsent:
    return Unsent(
        key=PartKey(session=part.session, trig=part.trig, epoch=part.epoch or 0, seq=part.seq or 0),
        part=part.part or "",
        recipe=part.recipe or 0,
        decision=Decision[(part.outcome or "").upper()],
        code=part.code or 0,
        score=part.score or 0,
        defects=part.defects or 0,
        model=part.model or "",
        simulated=bool(part.simulated),
        received_utc_ms=part.received_at or 0,
        decided_utc_ms=part.settled_at or 0,
    )
