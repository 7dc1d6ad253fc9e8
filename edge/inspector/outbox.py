"""Results that have to go to the history topic: late, or left over from an outage or an earlier epoch."""

import logging
from collections import deque
from dataclasses import dataclass
from typing import Final

from edge.core.events import PartKey
from edge.core.wire import Result

LIMIT: Final = 10_000

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryItem:
    """A result for ``hist/result`` and the part that it belongs to."""

    key: PartKey
    result: Result


class HistoryOutbox:
    """What waits for the broker, oldest first, and what is on its way; used under its owner's lock.

    An item leaves when the broker has acknowledged it. Beyond :data:`LIMIT` the oldest is let go: it stays in the
    ledger, which is where a plant looks for it, and ``dropped`` counts it.
    """

    def __init__(self) -> None:
        self._waiting: deque[HistoryItem] = deque()
        self._in_flight: dict[PartKey, HistoryItem] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_flight)

    @property
    def on_the_way(self) -> int:
        """How many items were published and are not acknowledged yet."""
        return len(self._in_flight)

    def add(self, item: HistoryItem) -> None:
        """Queue an item."""
        if len(self._waiting) >= LIMIT:
            self._waiting.popleft()
            self.dropped += 1
            if self.dropped == 1:
                _LOG.warning("more than %d results wait for the history; the oldest stay in the ledger alone", LIMIT)
        self._waiting.append(item)

    def next(self) -> HistoryItem | None:
        """Take the next item to publish, None if there is none."""
        if not self._waiting:
            return None
        item = self._waiting.popleft()
        self._in_flight[item.key] = item
        return item

    def acknowledged(self, key: PartKey) -> HistoryItem | None:
        """Let go of an item that the broker has; None if it was not on the way."""
        return self._in_flight.pop(key, None)

    def put_back(self, item: HistoryItem) -> None:
        """Have an item wait again that could not be published, in its old place, unless it was recalled meanwhile."""
        if self._in_flight.pop(item.key, None):
            self._waiting.appendleft(item)

    def recall(self) -> None:
        """The connection broke: what was on the way waits again, in its old order."""
        self._waiting.extendleft(reversed(self._in_flight.values()))
        self._in_flight.clear()
