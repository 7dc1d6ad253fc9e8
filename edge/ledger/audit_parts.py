"""What the events make of every part, against the table of parts, in memory that does not grow with the ledger.

A part stays in a window until many others were seen after it. One that then equals its row is let go, for the row is
proven to be what the events say so far, and is taken from there if a later event names it again. One whose row has
left the table, as settled parts do once an archive holds all of their events, is let go as well; what it added to the
counts and to its session is kept instead.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Final

from edge.core.events import Received
from edge.ledger.archives import archived_until
from edge.ledger.numbering import Numbers, Triggers
from edge.ledger.parts import Part, PartEvent, fold, key_of, last_event
from edge.ledger.record import PART_COLUMNS, bucket, find_part
from edge.ledger.report import Findings

WINDOW: Final = 8_000
MAX_LATE: Final = 100_000
"""Parts that differ from their row for now (a later event may explain it) are kept up to this number."""
LOOK_UP: Final = 500

Key = tuple[int, int]
Bucket = tuple[int, str, int]


class PartsAudit:
    """Folds the events of parts as they come; what is wrong goes to ``findings``."""

    def __init__(self, connection: sqlite3.Connection, findings: Findings) -> None:
        self.count = 0
        self.whole = True
        """False once events could not be read: parts may then be on record of which nothing is known."""
        self.gone: Counter[Bucket] = Counter()
        """Counts of the parts whose rows have left the table."""
        self._connection = connection
        self._findings = findings
        self._archived = self._archived_at_first = archived_until(connection)
        self._window: dict[Key, Part] = {}
        self._late: dict[Key, Part] = {}
        self._named: dict[int, Triggers] = {}
        self._numbers: dict[int, Numbers] = {}
        self._sessions: dict[int, tuple[int, int, int]] = {}
        self._young = 0
        self._kept: set[int] = set()

    def fold(self, identity: int, event: PartEvent) -> Part | None:
        """Take an event and return what it makes of its part; None where nothing can be said.

        Raises:
            ConflictError: it contradicts what stood before.
        """
        key = key_of(event)
        known, before = self._find(key, identity, event)
        if not known:
            return None
        after = fold(before, identity, event)
        if before is None:
            self.count += 1
            self._young += identity > self._archived_at_first
        if after.seq is not None and (before is None or before.seq is None):
            self.numbers(after.epoch or 0).add(after.seq)
        self._late.pop(key, None)
        self._window.pop(key, None)
        self._window[key] = after
        if len(self._window) > WINDOW:
            self._let_go(max(1, WINDOW // 2))
        return after

    def first_events(self, key: Key, identity: int) -> tuple[int | None, ...]:
        """Return what the part that an event names may begin with, nothing where no more is known of it.

        That is its first event or, where a part that only acks had named went before it was received, its receipt.

        Raises:
            sqlite3.Error: the storage failed.
        """
        part = self._window.get(key) or self._late.get(key) or find_part(self._connection, key)
        return () if part is None or part.first_event > identity else (part.first_event, part.received_event)

    def numbers(self, epoch: int) -> Numbers:
        """Return the numbers of an epoch as far as they were seen."""
        if epoch not in self._numbers:
            self._numbers[epoch] = Numbers(epoch, self._findings)
        return self._numbers[epoch]

    def finish(self) -> None:
        """Compare what is left with the table, once all events were taken.

        Raises:
            sqlite3.Error: the storage failed.
        """
        self._archived = archived_until(self._connection)
        for key, part in chain(self._late.items(), self._window.items()):
            row = find_part(self._connection, key)
            if row == part:
                self._note_kept(part)
            elif (row is None or row.first_event > part.first_event) and self._may_be_gone(part):
                self._note_gone(part)
            elif self.whole:
                self._findings.add(f"{name_of(key)}: the table of parts differs from the events")
        if not self.whole:
            return
        for numbers in self._numbers.values():
            numbers.finish()
        if self._archived == self._archived_at_first:  # else rows are leaving the table this very moment
            self._count_rows()

    def compare_sessions(self) -> None:
        """Compare what the table says of sessions whose parts have gone.

        Raises:
            sqlite3.Error: the storage failed.
        """
        rows = self._connection.execute("SELECT session, received_trig, highest_trig, received_event FROM sessions")
        if self.whole and {session: tuple(values) for session, *values in rows} != self._sessions:
            self._findings.add("the table of sessions differs from the parts that have gone to the archive")

    def _count_rows(self) -> None:
        query = "SELECT count(*) FILTER (WHERE first_event > ?), count(*) FILTER (WHERE first_event <= ?) FROM parts"
        young, old = self._connection.execute(query, (self._archived, self._archived)).fetchone()
        if young != self._young or old > len(self._kept):  # those that an archive holds may be leaving
            rows, parts = young + old, self._young + len(self._kept)
            self._findings.add(f"the table of parts has {rows} rows, the events name {parts} parts")

    def _find(self, key: Key, identity: int, event: PartEvent) -> tuple[bool, Part | None]:
        """Return whether the part's state is known before this event, and that state: None where it begins here."""
        session, trig = key
        if session not in self._named:
            self._named[session] = Triggers()
        new = self._named[session].add(trig)
        part = self._window.get(key) or self._late.get(key)
        if part is not None and (part.first_event > self._archived or identity <= self._archived):
            return True, part
        if part is None and new and self.whole:
            return True, None
        row = find_part(self._connection, key)
        if row is None:
            self._archived = archived_until(self._connection)
        if row is not None and row.first_event < identity:
            return True, part or row
        if part is not None and row is not None and self._may_be_gone(part):
            # Its row had gone, and this event, which the writer could not know to be about it, began another.
            self._window.pop(key, None)
            self._note_gone(part)
            return True, None
        if part is not None:
            return True, part
        # Not new, and not in the table: it may be about a part that has gone, of which no more is known.
        begins = isinstance(event, Received) or (row is not None and row.first_event == identity)
        return begins or (self.whole and identity > self._archived), None

    def _let_go(self, number: int) -> None:
        keys = list(self._window)[:number]
        parts = [self._window.pop(key) for key in keys]
        rows = self._rows([part.first_event for part in parts])
        if len(rows) < len(parts):
            self._archived = archived_until(self._connection)
        for key, part in zip(keys, parts, strict=True):
            row = rows.get(part.first_event)
            if row == part:
                self._note_kept(part)
            elif row is None and self._may_be_gone(part):
                self._note_gone(part)
            else:
                self._late[key] = part
        if len(self._late) > MAX_LATE:
            self._findings.add(f"{len(self._late)} parts differ from the table of parts; the rest is not compared")
            self._late.clear()

    def _rows(self, firsts: Sequence[int]) -> dict[int, tuple[object, ...]]:
        found: dict[int, tuple[object, ...]] = {}
        for start in range(0, len(firsts), LOOK_UP):
            some = firsts[start : start + LOOK_UP]
            marks = ", ".join("?" * len(some))
            query = f"SELECT {PART_COLUMNS} FROM parts WHERE first_event IN ({marks})"  # noqa: S608  # field names
            found |= {row[0]: row for row in self._connection.execute(query, some)}
        return found

    def _may_be_gone(self, part: Part) -> bool:
        settled = part.outcome is not None or part.received_event is None
        return settled and last_event(part) <= self._archived

    def _note_kept(self, part: Part) -> None:
        if part.first_event <= self._archived:
            self._kept.add(part.first_event)

    def _note_gone(self, part: Part) -> None:
        place = bucket(part)
        if place is not None:
            self.gone[place] += 1
        trig, received = part.trig, part.received_event
        before = self._sessions.get(part.session, (-1, 0, 0))
        accounted = received is not None or part.loss_event is not None
        self._sessions[part.session] = (
            max(before[0], -1 if received is None else trig),
            max(before[1], trig if accounted else 0),
            max(before[2], received or 0),
        )


def name_of(key: Key) -> str:
    """Return how people name a part by its (session, trig)."""
    return f"sess {key[0]} trig {key[1]}"
