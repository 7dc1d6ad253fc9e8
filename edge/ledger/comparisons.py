"""What bundles on trial said of parts, what was found of these later, and how bundles moved: read back at a start."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge.core.events import ModelMoved
from edge.core.types import Decision
from edge.ledger.archives import archived_until
from edge.ledger.codec import CodecError, Row, decode
from edge.ledger.errors import LedgerCorruptError, explain
from edge.ledger.schema import FILE_NAME, connect_reader

_COMPARED: Final = """
    SELECT id, kind, utc_ms, body ->> 'part', body ->> 'own', body ->> 'decision', received_at, body ->> 'truth'
    FROM events LEFT JOIN (SELECT session, trig, received_at FROM parts) USING (session, trig)
    WHERE kind IN ('compared', 'truth') AND utc_ms >= ? AND id > ? AND (kind = 'truth' OR body ->> 'bundle' = ?)
    ORDER BY id LIMIT ?
"""
_MOVED: Final = (
    "SELECT kind, utc_ms, mono_ns, epoch, session, trig, seq, body FROM events "
    "WHERE kind = 'model_moved' ORDER BY id DESC LIMIT 1"
)
PAGE: Final = 2_000
"""Events that are read at once: a trial of some days has a million, and the station needs its memory."""


class Judged(NamedTuple):
    """A part that both judged, received at ``received_at`` (Unix ms).

    ``decision`` is None where the candidate gave no usable answer.
    """

    part: str
    own: Decision
    decision: Decision | None
    received_at: int


class Found(NamedTuple):
    """What was found of a part, and when (Unix ms)."""

    part: str
    defective: bool
    at: int


def comparisons(directory: Path, bundle: str, since_utc_ms: int) -> Iterator[Judged | Found]:
    """Yield what a bundle (its SHA-256) on trial said, and all truths, since a moment, in the order of the record.

    What is archived is not read. Of an event only what is asked for is looked at, so that a million take seconds.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    path, after = directory / FILE_NAME, 0
    with closing(connect_reader(path)) as connection:
        # Each page is a transaction of its own: a longer one would hold up the writer's checkpoints.
        while rows := _rows(connection, path, _COMPARED, (since_utc_ms, after, bundle, PAGE)):
            try:
                yield from map(_read, rows)
            except ValueError as error:
                raise _damaged(path, error) from error
            after = rows[-1][0]


def last_revision(directory: Path) -> int | None:
    """Return the revision of the last move of a bundle on record, 0 where there is none, None where it is archived.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    path = directory / FILE_NAME
    with closing(connect_reader(path)) as connection:
        for row in _rows(connection, path, _MOVED, ()):
            try:
                event = decode(Row(*row))
            except CodecError as error:
                raise _damaged(path, error) from error
            if isinstance(event, ModelMoved):
                return event.revision
        try:
            return None if archived_until(connection) else 0
        except sqlite3.Error as error:
            raise explain(error, path) from error


def _read(row: tuple[Any, ...]) -> Judged | Found:
    _, kind, at, part, own, decision, received_at, truth = row
    if kind == "truth":
        return Found(part, truth == "reject", at)
    known = at if received_at is None else received_at
    return Judged(part, Decision(own), None if decision is None else Decision(decision), known)


def _rows(
    connection: sqlite3.Connection, path: Path, query: str, values: tuple[int | str, ...]
) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise explain(error, path) from error


def _damaged(path: Path, error: Exception) -> LedgerCorruptError:
    return LedgerCorruptError(f"{path}: {error}; run linegate ledger verify to see where")
