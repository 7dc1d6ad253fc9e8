"""Writing one event and its projections inside a transaction that the caller began."""

import sqlite3
from typing import Any, Final, NamedTuple

from edge.core.events import (
    Archived,
    Decided,
    EpochEnded,
    EpochStarted,
    Loss,
    Overruled,
    PlcAcked,
    Pruned,
    Received,
    Sent,
    Stored,
    UnearnedAccept,
)
from edge.ledger.archives import archived_trig, check_archived, put_on_record
from edge.ledger.codec import GENESIS, CodecError, LedgerEvent, Row, anomaly, chain, encode
from edge.ledger.parts import ConflictError, Part, PartEvent, fold, key_of, unearned
from edge.ledger.schema import QUARTER_MS

PART_COLUMNS: Final = ", ".join(Part._fields)
_SELECT_PART: Final = f"SELECT {PART_COLUMNS} FROM parts WHERE session = ? AND trig = ?"  # noqa: S608  # field names
_UPSERT_PART: Final = (
    f"INSERT INTO parts ({PART_COLUMNS}) VALUES ({', '.join('?' * len(Part._fields))}) "  # noqa: S608  # field names
    f"ON CONFLICT (session, trig) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in Part._fields[4:])}"
)
_INSERT_EVENT: Final = (
    "INSERT INTO events (id, kind, utc_ms, mono_ns, epoch, session, trig, seq, body, hash) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_TALLY: Final = (
    "INSERT INTO tallies (quarter, outcome, code, parts) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (quarter, outcome, code) DO UPDATE SET parts = parts + excluded.parts"
)
ARCHIVED: Final = "archived"
_PART_EVENTS: Final = (Received, Decided, Overruled, Sent, PlcAcked, Loss)


class Tail(NamedTuple):
    """The last event of the chain: its id (0 where there is none) and its hash."""

    identity: int
    digest: bytes


def read_tail(connection: sqlite3.Connection) -> Tail:
    """Return the last event on record."""
    row = connection.execute("SELECT id, hash FROM events ORDER BY id DESC LIMIT 1").fetchone()
    return Tail(0, GENESIS) if row is None else Tail(*row)


def write_tail(connection: sqlite3.Connection, tail: Tail) -> None:
    """Keep the last event's id and hash apart, so that a removed tail is found out."""
    connection.execute("INSERT OR REPLACE INTO head (one, id, hash) VALUES (1, ?, ?)", tail)


def find_part(connection: sqlite3.Connection, key: tuple[int, int]) -> Part | None:
    """Return what the projection holds of a (session, trig)."""
    row = connection.execute(_SELECT_PART, key).fetchone()
    return None if row is None else Part(*row)


def record(connection: sqlite3.Connection, tail: Tail, event: LedgerEvent, epoch: int) -> tuple[Tail, str | None]:
    """Append one event; where it contradicts the record, append an anomaly that holds it instead.

    An ack that claims an accept which is not on record, or whose part has left the table, is followed by an event that
    says so: nobody can answer for that part.

    Returns:
        The new tail, and what the record says against the event (None: nothing).

    Raises:
        sqlite3.Error: the storage failed, or the event holds what SQLite refuses.
    """
    identity = tail.identity + 1
    refusal = None
    before = after = None
    claim = event if isinstance(event, PlcAcked) else None
    try:
        row = encode(event)
        if isinstance(event, _PART_EVENTS):
            before = find_part(connection, key_of(event))
            if before is None:
                _check_not_archived(connection, key_of(event))
            after = fold(before, identity, event)
            _check_epoch(event, epoch)
        elif isinstance(event, Stored) and find_part(connection, (event.key.session, event.key.trig)) is None:
            raise ConflictError("a picture of a part that is not on record")  # noqa: TRY301  # one place refuses
        elif isinstance(event, Archived):
            check_archived(connection, event)
    except (CodecError, ConflictError) as error:
        refusal = str(error)
        if isinstance(error, CodecError):
            claim = None
        event = anomaly(event, refusal)
        row = encode(event)
        after = None
    tail = _insert(connection, tail, identity, row)
    if after is not None and after != before:
        _write_part(connection, before, after)
    elif not isinstance(event, _PART_EVENTS):
        _project(connection, identity, event)
    if claim is not None and (contradiction := unearned(before, claim, epoch)) is not None:
        verdict = ARCHIVED if refusal else "none" if before is None or before.outcome is None else before.outcome
        refusal = refusal or contradiction
        told = encode(UnearnedAccept(key=claim.key, verdict=verdict, reason=refusal, at=claim.at))
        tail = _insert(connection, tail, tail.identity + 1, told)
    return tail, refusal


def _check_epoch(event: PartEvent, epoch: int) -> None:
    if isinstance(event, Received) and event.key.epoch != epoch:
        raise ConflictError(f"received in epoch {event.key.epoch}, but this is epoch {epoch}")


def _check_not_archived(connection: sqlite3.Connection, key: tuple[int, int]) -> None:
    """Refuse what names a part that has left the table: nothing may add to it, nor begin it anew."""
    session, trig = key
    if trig <= archived_trig(connection, session):
        raise ConflictError("the parts of its session up to this number are settled and in the archive")


def _insert(connection: sqlite3.Connection, tail: Tail, identity: int, row: Row) -> Tail:
    digest = chain(tail.digest, identity, row)
    connection.execute(_INSERT_EVENT, (identity, *row, digest))
    return Tail(identity, digest)


def _write_part(connection: sqlite3.Connection, before: Part | None, after: Part) -> None:
    connection.execute(_UPSERT_PART, after)
    old, new = bucket(before), bucket(after)
    if old != new:
        if old is not None:
            connection.execute(_TALLY, (*old, -1))
        if new is not None:
            connection.execute(_TALLY, (*new, 1))


def bucket(part: Part | None) -> tuple[int, str, int] | None:
    """Return the quarter hour, outcome and code that a part counts under, None while it has no outcome."""
    if part is None or part.outcome is None:
        return None
    return part.first_at // QUARTER_MS, part.outcome, part.code or 0


def _project(connection: sqlite3.Connection, identity: int, event: LedgerEvent) -> None:
    statement: str
    values: tuple[Any, ...]
    match event:
        case Stored():
            statement = (
                "INSERT INTO images (stored_event, first_event, camera, path, sha256, size) "
                "SELECT ?, first_event, ?, ?, ?, ? FROM parts WHERE session = ? AND trig = ?"
            )
            key = event.key
            values = (identity, event.camera, event.path, event.sha256, event.size, key.session, key.trig)
        case Pruned():
            statement = "UPDATE images SET pruned_event = ? WHERE path = ? AND pruned_event IS NULL"
            values = (identity, event.path)
        case Archived():
            put_on_record(connection, identity, event)
            return
        case EpochStarted():
            statement = (
                "INSERT INTO epochs (epoch, started_event, started_at, software, config_hash) VALUES (?, ?, ?, ?, ?)"
            )
            values = (event.epoch, identity, event.at.utc_ms, event.software, event.config_hash)
        case EpochEnded():
            statement = "UPDATE epochs SET ended_event = ?, ended_at = ?, reason = ? WHERE epoch = ?"
            values = (identity, event.at.utc_ms, event.reason, event.epoch)
        case _:
            return
    connection.execute(statement, values)
