"""The parts of some hours, and what was later found of them, out of a ledger that an inspector may be writing to."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from edge.core.events import Truth
from edge.ledger.archive_file import FOLDER
from edge.ledger.codec import Row, decode
from edge.ledger.errors import FAILURES, ArchiveError, LedgerCorruptError, explain
from edge.ledger.export import PAGE, PARTS, export, read_page
from edge.ledger.schema import FILE_NAME, connect_reader
from edge.ledger.source import Source

_SINCE: Final = PARTS + "AND coalesce(received_at, first_at) >= ? AND first_event > ? ORDER BY first_event LIMIT ?"
_FIRST_SINCE: Final = "SELECT min(first_event) FROM parts WHERE first_at >= ?"
_OLDEST: Final = "SELECT utc_ms FROM events ORDER BY id LIMIT 1"
_ARCHIVED: Final = "SELECT count(*) FROM archives"


def parts_since(directory: Path, since_ms: int, archives: Iterable[Path] = ()) -> Iterator[dict[str, Any]]:
    """Yield the parts that were received, or found lost, at a time (Unix ms) or later, as :func:`export` gives them.

    Raises:
        LedgerError: there is no ledger, or it or its archive cannot be read.
    """
    path = directory / FILE_NAME
    with closing(connect_reader(path)) as connection:
        if _reaches_into_archive(connection, path, since_ms):
            yield from (one for one in export(directory, archives) if _moment(one) >= since_ms)
            return
        after = 0
        while page := read_page(connection, path, _SINCE, (since_ms, after, PAGE)):
            yield from (fields for _, fields in page)
            after = page[-1][0]


def truths_since(directory: Path, since_ms: int, archives: Iterable[Path] = ()) -> Iterator[Truth]:
    """Yield what later inspections found, in the order of record, from the first part of a time (Unix ms) on.

    Raises:
        LedgerError: there is no ledger, or it or its archive cannot be read.
    """
    path = directory / FILE_NAME
    with closing(connect_reader(path)) as connection:
        try:
            after = 0
            if not _reaches_into_archive(connection, path, since_ms):
                (first,) = connection.execute(_FIRST_SINCE, (since_ms,)).fetchone()
                if first is None:
                    return
                after = first - 1
            source = Source(connection, (directory / FOLDER, *archives), after)
            while (page := source.read()) is not None:
                if page.problem is not None:
                    raise ArchiveError(page.problem)
                for row in page.rows:
                    event = decode(Row(*row[1:9])) if row[1] == "truth" else None
                    if isinstance(event, Truth):
                        yield event
        except FAILURES as error:
            raise explain(error, path) from error
        except (ValueError, TypeError, LookupError) as error:
            raise LedgerCorruptError(f"{path}: damaged ({error}); run linegate ledger verify to see where") from error


def _reaches_into_archive(connection: sqlite3.Connection, path: Path, since_ms: int) -> bool:
    try:
        (archived,) = connection.execute(_ARCHIVED).fetchone()
        oldest = connection.execute(_OLDEST).fetchone()
    except FAILURES as error:
        raise explain(error, path) from error
    return bool(archived) and (oldest is None or oldest[0] > since_ms)


def _moment(part: dict[str, Any]) -> int:
    """Return when a part was received, else when its loss was found; 0 where neither is known."""
    known: int | None = part["received_at"] if part["received_at"] is not None else part["t"]
    return known or 0
