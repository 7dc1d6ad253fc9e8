"""What bundles on trial said of parts, what was found of these later, and how bundles moved: read back at a start."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from edge.core.events import Compared, ModelMoved, Truth
from edge.ledger.archives import archived_until
from edge.ledger.codec import CodecError, LedgerEvent, Row, decode
from edge.ledger.errors import LedgerCorruptError, explain
from edge.ledger.schema import FILE_NAME, connect_reader

_EVENTS: Final = "SELECT id, kind, utc_ms, mono_ns, epoch, session, trig, seq, body FROM events WHERE "
_COMPARED: Final = _EVENTS + "kind IN ('compared', 'truth') AND utc_ms >= ? AND id > ? ORDER BY id LIMIT ?"
_MOVED: Final = _EVENTS + "kind = 'model_moved' ORDER BY id DESC LIMIT 1"
PAGE: Final = 2_000
"""Events that are read at once: a trial of some days has a million, and their station needs its memory."""


def comparisons(directory: Path, since_utc_ms: int) -> Iterator[Compared | Truth]:
    """Yield the comparisons and truths since a moment, in the order of the record; what is archived is not read.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    path, after = directory / FILE_NAME, 0
    with closing(connect_reader(path)) as connection:
        while page := _page(connection, path, _COMPARED, (since_utc_ms, after, PAGE)):
            for _, event in page:
                if isinstance(event, Compared | Truth):
                    yield event
            after = page[-1][0]


def last_revision(directory: Path) -> int | None:
    """Return the revision of the last move of a bundle on record, 0 where there is none, None where it is archived.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    path = directory / FILE_NAME
    with closing(connect_reader(path)) as connection:
        for _, event in _page(connection, path, _MOVED, ()):
            if isinstance(event, ModelMoved):
                return event.revision
        try:
            return None if archived_until(connection) else 0
        except sqlite3.Error as error:
            raise explain(error, path) from error


def _page(
    connection: sqlite3.Connection, path: Path, query: str, values: tuple[int, ...]
) -> list[tuple[int, LedgerEvent]]:
    """Return numbers and events, in a transaction of their own: a longer one would hold up the writer's checkpoints."""
    try:
        rows = connection.execute(query, values).fetchall()
        return [(row[0], decode(Row(*row[1:]))) for row in rows]
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except CodecError as error:
        raise LedgerCorruptError(f"{path}: {error}; run linegate ledger verify to see where") from error
