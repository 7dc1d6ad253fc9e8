"""Parts of which the archive holds the events, made whole again for export, in the order of their first event.

The events are read twice. A part is handed out once many others were seen after it; the few events that name it later
still (a result told after a long outage) are found by the first reading and added by the second.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from edge.core.events import Stored
from edge.ledger.archive_file import EventRow
from edge.ledger.archives import archived_until
from edge.ledger.codec import Row, decode
from edge.ledger.errors import ArchiveError
from edge.ledger.numbering import Triggers
from edge.ledger.parts import ConflictError, Part, fold
from edge.ledger.source import Source

WINDOW: Final = 10_000
"""So many parts are held in memory at a time."""

_BEGINS: Final = frozenset({"received", "loss", "plc_acked"})
_KINDS: Final = _BEGINS | {"decided", "overruled", "sent", "stored"}
_KEPT: Final = (
    f"SELECT body, {', '.join(f'parts.{name}' for name in Part._fields)} FROM parts "  # noqa: S608  # field names
    "LEFT JOIN events ON events.id = decided_event AND events.id > ? WHERE first_event <= ?"
)
_PRESENT: Final = "SELECT stored_event FROM images WHERE stored_event <= ? AND pruned_event IS NULL"
_LATE_PICTURES: Final = (
    "SELECT first_event, camera, path, sha256, pruned_event IS NOT NULL FROM images "
    "WHERE first_event <= ? AND stored_event > ? ORDER BY stored_event"
)

Key = tuple[int, int]
Picture = tuple[str, str, str, bool]
"""Camera, path, SHA-256, and whether it was pruned."""


class WholePart(NamedTuple):
    """A part, the body of its ``decided`` event (None: there is none), and its pictures."""

    part: Part
    decided: str | None
    pictures: list[Picture]


@dataclass(slots=True)
class _Growing:
    part: Part
    last: int
    decided: str | None = None
    pictures: list[Picture] = field(default_factory=list)


class ArchivedParts:
    """The parts that begin after event ``after`` and not after the last that an archive holds now (:attr:`until`)."""

    def __init__(self, connection: sqlite3.Connection, folders: tuple[Path, ...], after: int) -> None:
        """Read what the ledger itself still knows of them, in the caller's transaction.

        Raises:
            sqlite3.Error: the storage failed.
        """
        self.until = archived_until(connection)
        self._after = after
        self._connection = connection
        self._folders = folders
        rows = connection.execute(_KEPT, (self.until, self.until))
        self._kept = {part.first_event: (part, body) for body, part in ((row[0], Part(*row[1:])) for row in rows)}
        self._present = frozenset(event for (event,) in connection.execute(_PRESENT, (self.until,)))
        self._late_pictures: dict[int, list[Picture]] = defaultdict(list)
        for first, camera, path, sha256, pruned in connection.execute(_LATE_PICTURES, (self.until, self.until)):
            self._late_pictures[first].append((camera, path, sha256, bool(pruned)))
        self._far: dict[Key, list[EventRow]] = {}
        self._told: set[int] = set()
        self._window: dict[Key, _Growing] = {}

    def read(self) -> Iterator[WholePart]:
        """Yield every part.

        Raises:
            ArchiveError: a file of the archive is missing, changed or damaged.
            sqlite3.Error: the storage failed.
        """
        self._far = self._find_far()
        for row in self._events():
            self._take(row)
            if len(self._window) > WINDOW:
                yield from self._hand_out(next(iter(self._window)))
        for key in list(self._window):
            yield from self._hand_out(key)

    def _events(self) -> Iterator[EventRow]:
        source = Source(self._connection, self._folders, self._after)
        while (page := source.read()) is not None and page.archive is not None and page.archive.first <= self.until:
            if page.problem is not None:
                raise ArchiveError(page.problem)
            yield from (row for row in page.rows if row[1] in _KINDS)

    def _find_far(self) -> dict[Key, list[EventRow]]:
        """Return the events of parts that will have been handed out before them, and some that begin a part."""
        far: dict[Key, list[EventRow]] = defaultdict(list)
        window: dict[Key, None] = {}
        named: dict[int, Triggers] = defaultdict(Triggers)
        for row in self._events():
            key = _key_of(row)
            if key in window:
                continue
            session, trig = key
            if row[1] in _BEGINS and named[session].add(trig):
                window[key] = None
                if len(window) > WINDOW:
                    del window[next(iter(window))]
            else:
                far[key].append(row)
        return dict(far)

    def _take(self, row: EventRow) -> None:
        key = _key_of(row)
        growing = self._window.get(key)
        if growing is not None:
            self._add(growing, row)
        elif row[1] in _BEGINS and row[0] not in self._told:
            event = decode(Row(*row[1:9]))
            part = fold(None, row[0], event)  # type: ignore[arg-type]  # one of the kinds that begin a part
            self._window[key] = _Growing(part=part, last=row[0])

    def _add(self, growing: _Growing, row: EventRow) -> None:
        event = decode(Row(*row[1:9]))
        growing.last = row[0]
        if isinstance(event, Stored):
            growing.pictures.append((event.camera, event.path, event.sha256, row[0] not in self._present))
            return
        try:
            growing.part = fold(growing.part, row[0], event)  # type: ignore[arg-type]  # see _KINDS
        except ConflictError:
            return  # verify tells of it
        if growing.part.decided_event == row[0]:
            growing.decided = row[8]

    def _hand_out(self, key: Key) -> Iterator[WholePart]:
        growing = self._window.pop(key)
        for row in self._far.pop(key, ()):
            if row[0] > growing.last:
                self._add(growing, row)
            self._told.add(row[0])
        first = growing.part.first_event
        pictures = growing.pictures + self._late_pictures.get(first, [])
        part, decided = self._kept.get(first, (growing.part, None))
        yield WholePart(part, growing.decided or decided, pictures)


def _key_of(row: EventRow) -> Key:
    return row[5] or 0, row[6] or 0
