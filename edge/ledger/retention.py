"""Which events an archive may take next: a rule of numbers and times, and the few questions to the ledger it needs."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from edge.ledger.archives import archived_until

DAY_MS: Final = 86_400_000
FILE_EVENTS: Final = 100_000
"""Events of one file: some ten megabytes, made in seconds."""
GRACE_DAYS: Final = 7
"""A file that is not full yet is made once its first event is so much older than need be."""
ALWAYS_KEPT: Final = 1_000
"""The newest events stay, whatever the clock says of their age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long events stay in the ledger's own file (days), and at most how many; what is older is archived."""

    days: float = 90.0
    events: int = 10_000_000
    file_events: int = FILE_EVENTS
    always_kept: int = ALWAYS_KEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Events from ``first`` to ``last``, both included."""

    first: int
    last: int


def newest_event(connection: sqlite3.Connection) -> int:
    """Return the id of the last event, 0 where there is none.

    Raises:
        sqlite3.Error: the storage failed.
    """
    (newest,) = connection.execute("SELECT max(id) FROM events").fetchone()
    return newest or 0


def due(connection: sqlite3.Connection, retention: Retention, newest: int, now_ms: int) -> Range | None:
    """Return the events of the next file that is worth making at ``now_ms`` (Unix ms), None where there is none.

    ``newest`` is the last event to think of: that an archive was made is an event as well.

    Raises:
        sqlite3.Error: the storage failed.
    """
    found = archivable(connection, retention, newest, now_ms)
    if found is None or found.last - found.first + 1 >= retention.file_events:
        return found
    patience_ms = now_ms - int((retention.days + GRACE_DAYS) * DAY_MS)
    return found if _time_of(connection, found.first) < patience_ms else None


def archivable(connection: sqlite3.Connection, retention: Retention, newest: int, now_ms: int) -> Range | None:
    """Return the events of the next file, however few, as :func:`due` does; None where all have to stay.

    Raises:
        sqlite3.Error: the storage failed.
    """
    first = archived_until(connection) + 1
    too_many = newest - retention.events
    too_old = _last_before(connection, first, newest, now_ms - int(retention.days * DAY_MS))
    last = min(max(too_many, too_old), newest - retention.always_kept, first + retention.file_events - 1)
    return Range(first=first, last=last) if last >= first else None


def _last_before(connection: sqlite3.Connection, first: int, last: int, utc_ms: int) -> int:
    """Return the last event before a moment, ``first - 1`` where none is, by halving.

    Where the clock was set back in between, one of several that may be called the last is found.
    """
    low, high = first - 1, last
    while low < high:
        middle = (low + high + 1) // 2
        if _time_of(connection, middle) < utc_ms:
            low = middle
        else:
            high = middle - 1
    return low


def _time_of(connection: sqlite3.Connection, identity: int) -> int:
    row = connection.execute("SELECT utc_ms FROM events WHERE id = ?", (identity,)).fetchone()
    return int(row[0])
