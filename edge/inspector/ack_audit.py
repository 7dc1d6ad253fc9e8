"""Acks against the record: a part that the PLC let through without an accept is told at once, and for a day."""

import threading
from collections import deque
from typing import Final

from edge.core.events import Instant, PartKey
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.clock import NS_PER_MS
from edge.ledger import Ticket
from edge.ledger.reader import unearned_sentence

STANDS_MS: Final = 86_400_000
"""For how long the alarm stands, over restarts: the part has to be found, whoever is on shift."""

_PENDING: Final = 10_000


class AckAudit:
    """Watches what the ledger says to acks that claim an accept, and keeps ``alarm/plc``.

    ``last`` is when that last happened before this start (Unix ms) and a sentence about it, None if not within a day;
    ``at`` is the present.
    """

    def __init__(self, alarms: Alarms, last: tuple[int, str] | None, at: Instant) -> None:
        self._alarms = alarms
        self._lock = threading.Lock()
        self._pending: deque[tuple[PartKey, Ticket]] = deque(maxlen=_PENDING)
        self._until_ns: int | None = None
        self.found = 0
        if last is not None:
            self._alarms.set(Alarm.PLC, Instant(mono_ns=0, utc_ms=last[0]), last[1])
            age_ms = min(max(0, at.utc_ms - last[0]), STANDS_MS)  # the calendar may have been set meanwhile
            self._until_ns = at.mono_ns + (STANDS_MS - age_ms) * NS_PER_MS

    def follow(self, key: PartKey, ticket: Ticket) -> None:
        """Take an ack that claims an accept, on its way to disk; from any thread."""
        with self._lock:
            self._pending.append((key, ticket))

    def look(self, at: Instant) -> None:
        """Raise the alarm for what the ledger has contradicted since the last look; clear it after a quiet day."""
        with self._lock:
            while self._pending and self._pending[0][1].settled:
                key, ticket = self._pending.popleft()
                if ticket.refusals:
                    self.found += 1
                    self._until_ns = at.mono_ns + STANDS_MS * NS_PER_MS
                    text = unearned_sentence(key.session, key.trig, "; ".join(ticket.refusals))
                    self._alarms.set(Alarm.PLC, at, text, value=self.found)
            if self._until_ns is not None and at.mono_ns > self._until_ns:
                self._until_ns = None
                self._alarms.clear(Alarm.PLC, at)
