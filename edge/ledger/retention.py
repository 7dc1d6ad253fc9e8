"""Which events an archive may take next: a rule of numbers and times, and the few questions to the ledger it needs."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from edge.core.events import Instant
from edge.ledger.archives import archived_until

DAY_MS: Final = 86_400_000
NS_PER_S: Final = 1_000_000_000
FILE_EVENTS: Final = 100_000
"""Events of one file: some ten megabytes, made in seconds."""
GRACE_DAYS: Final = 7
"""A file that is not full yet is made once its first event is so much older than need be."""
ALWAYS_KEPT: Final = 1_000
"""The newest events stay, whatever the clock says of their age."""
YOUNG_S: Final = 3_600.0
"""Events of so many seconds of the station's own running time stay, whatever the clock and the settings say: an ack
that is late finds the verdict that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long events stay in the ledger's own file (days), and at most how many; what is older is archived."""

    days: float = 90.0
    events: int = 10_000_000
    file_events: int = FILE_EVENTS
    always_kept: int = ALWAYS_KEPT
    young_s: float = YOUNG_S


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


def due(connection: sqlite3.Connection, retention: Retention, newest: int, now: Instant) -> Range | None:
    """Return the events of the next file that is worth making, None where there is none.

    ``newest`` is the last event to think of: that an archive was made is an event as well. ``now`` is a moment of the
    process that runs the ledger's last epoch.

    Raises:
        sqlite3.Error: the storage failed.
    """
    found = archivable(connection, retention, newest, now)
    if found is None or found.last - found.first + 1 >= retention.file_events:
        return found
    patience_ms = now.utc_ms - int((retention.days + GRACE_DAYS) * DAY_MS)
    return found if _time_of(connection, found.first) < patience_ms else None


def archivable(connection: sqlite3.Connection, retention: Retention, newest: int, now: Instant) -> Range | None:
    """Return the events of the next file, however few, as :func:`due` does; None where all have to stay.

    Raises:
        sqlite3.Error: the storage failed.
    """
    first = archived_until(connection) + 1
    too_many = newest - retention.events
    too_old = _last_before(connection, first, newest, now.utc_ms - int(retention.days * DAY_MS))
    last = min(max(too_many, too_old), newest - retention.always_kept, first + retention.file_events - 1)
    if last >= first:
        last = min(last, _last_grown(connection, first, newest, now.mono_ns, int(retention.young_s * NS_PER_S)))
    return Range(first=first, last=last) if last >= first else None


def _last_grown(connection: sqlite3.Connection, first: int, newest: int, now_ns: int, young_ns: int) -> int:
    """Return the last event after which the station has run for so long, ``first - 1`` where none is.

    Counted back through the epochs, each by its own monotonic clock, which nobody sets; time in which no station ran
    counts for nothing, for nobody could have sent an ack.
    """
    left_ns, last, end_ns = young_ns, newest, now_ns
    for started, ended in connection.execute("SELECT started_event, ended_event FROM epochs ORDER BY epoch DESC"):
        begin = max(started, first)
        if ended is not None:
            # That it ended may have been written by the next start, on another clock.
            last, end_ns = ended, _mono_of(connection, max(ended - 1, begin)) if ended >= first else 0
        if last < begin:
            break
        ran_ns = max(0, end_ns - _mono_of(connection, begin))
        if ran_ns >= left_ns:
            return _halve(begin, last, partial(_mono_until, connection, end_ns - left_ns))
        left_ns -= ran_ns
    return first - 1


def _last_before(connection: sqlite3.Connection, first: int, last: int, utc_ms: int) -> int:
    """Return the last event before a moment, ``first - 1`` where none is, by halving.

    Where the clock was set back in between, one of several that may be called the last is found.
    """
    return _halve(first - 1, last, lambda event: _time_of(connection, event) < utc_ms)


def _halve(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the last event up to ``high`` of which something holds, ``low`` where of none after that."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _time_of(connection: sqlite3.Connection, identity: int) -> int:
    row = connection.execute("SELECT utc_ms FROM events WHERE id = ?", (identity,)).fetchone()
    return int(row[0])


def _mono_until(connection: sqlite3.Connection, mono_ns: int, identity: int) -> bool:
    return _mono_of(connection, identity) <= mono_ns


def _mono_of(connection: sqlite3.Connection, identity: int) -> int:
    row = connection.execute("SELECT mono_ns FROM events WHERE id = ?", (identity,)).fetchone()
    return int(row[0])
