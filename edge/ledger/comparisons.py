"""What bundles on trial said of parts, what was found of these later, and how bundles moved: read back at a start."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from edge.core.events import Compared, ModelMoved, Truth
from edge.ledger.archives import archived_until
from edge.ledger.codec import CodecError, Row, decode
from edge.ledger.errors import LedgerCorruptError, explain
from edge.ledger.schema import FILE_NAME, connect_reader

_COMPARED: Final = (
    "SELECT kind, utc_ms, mono_ns, epoch, session, trig, seq, body FROM events "
    "WHERE kind IN ('compared', 'truth') AND utc_ms >= ? ORDER BY id"
)
_MOVED: Final = (
    "SELECT kind, utc_ms, mono_ns, epoch, session, trig, seq, body FROM events "
    "WHERE kind = 'model_moved' ORDER BY id DESC LIMIT 1"
)


def comparisons(directory: Path, since_utc_ms: int) -> Iterator[Compared | Truth]:
    """Yield the comparisons and truths since a moment, in the order of the record; what is archived is not read.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    for event in _events(directory, _COMPARED, (since_utc_ms,)):
        if isinstance(event, Compared | Truth):
            yield event


def last_revision(directory: Path) -> int | None:
    """Return the revision of the last move of a bundle on record, 0 where there is none, None where it is archived.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    for event in _events(directory, _MOVED, ()):
        if isinstance(event, ModelMoved):
            return event.revision
    path = directory / FILE_NAME
    with closing(connect_reader(path)) as connection:
        try:
            return None if archived_until(connection) else 0
        except sqlite3.Error as error:
            raise explain(error, path) from error


def _events(directory: Path, query: str, values: tuple[int, ...]) -> Iterator[object]:
    path = directory / FILE_NAME
    with closing(connect_reader(path)) as connection:
        try:
            rows = connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise explain(error, path) from error
    for row in rows:
        try:
            yield decode(Row(*row))
        except CodecError as error:
            raise LedgerCorruptError(f"{path}: {error}; run linegate ledger verify to see where") from error
