"""Results on their way to the broker: live while there is time and room, else to the history topic."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.core import wire
from edge.core.events import BrokerAcked, Decided, Event, PartKey, Sent
from edge.inspector import clock
from edge.inspector.outbox import HistoryItem, HistoryOutbox
from edge.inspector.part import Order
from edge.inspector.verdicts import wire_result
from edge.ledger import Ledger, LedgerError
from edge.line.link import Link

REFUSED: Final = 0x80
"""MQTT 5 reason codes from here on say that the broker did not take the message."""

PAUSE_NS: Final = 10_000_000_000
"""How long the history waits after the broker refused a part of it."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A verdict whose part is claimed, on its way out; ``stages_ns`` are times that came after the decision."""

    order: Order
    decided: Decided
    handed_ns: int
    stages_ns: dict[str, int]


class Dispatch:
    """What has to go out and what the broker has not acknowledged yet.

    ``flush`` is the deadline guard's alone; the rest may be called from any thread. ``refused`` is told the broker's
    reason when it does not take a result, and None when it takes one again.
    """

    def __init__(self, ledger: Ledger, refused: Callable[[int | None], None]) -> None:
        self._ledger = ledger
        self._refused = refused
        self._lock = threading.Lock()
        self._live: deque[Delivery] = deque()
        self._unacknowledged: dict[PartKey, HistoryItem] = {}
        self._history = HistoryOutbox()
        self._history_from_ns = 0

    @property
    def urgent(self) -> bool:
        """Whether a live result waits for the link, or for room on it."""
        return bool(self._live)

    def add(self, delivery: Delivery) -> None:
        """Take a result that is to go out live."""
        with self._lock:
            self._live.append(delivery)

    def add_history(self, items: list[HistoryItem]) -> None:
        """Take results that are for the history alone."""
        with self._lock:
            for item in items:
                self._history.add(item)

    def flush(self, link: Link) -> None:
        """Send what the link takes: live results in order, then the history; what is out of time becomes history."""
        while (delivery := self._first()) is not None and self._send(link, delivery):
            with self._lock:
                self._live.popleft()
        while time.monotonic_ns() >= self._history_from_ns and (item := self._next_history()) is not None:
            payload = wire.encode_result(item.result, history=True)
            if not link.publish(wire.HISTORY, payload, qos=1, token=(wire.HISTORY, item.key)):
                with self._lock:
                    self._history.put_back(item)
                return

    def acknowledged(self, token: object, reason: int) -> None:
        """Record the broker's answer to a result; one that it did not take goes to the history, and comes again."""
        if not isinstance(token, tuple):
            return
        topic, key = token
        present = clock.now()
        events: list[Event] = [BrokerAcked(key=key, reason=reason, at=present)]
        with self._lock:
            if topic != wire.HISTORY:
                live = self._unacknowledged.pop(key, None)
                if live and reason >= REFUSED:
                    self._history.add(live)
            elif reason >= REFUSED:
                self._history.recall()
                self._history_from_ns = present.mono_ns + PAUSE_NS
            elif item := self._history.acknowledged(key):
                events.insert(0, Sent(key=key, topic=topic, age_ms=item.result.age_ms, at=present))
        self._refused(reason if reason >= REFUSED else None)
        self._ledger.append(*events, owed=True)

    def link_changed(self) -> None:
        """The link came up or went down: nobody knows whether what was not acknowledged has arrived; tell it again."""
        with self._lock:
            self._history.recall()
            for item in self._unacknowledged.values():
                self._history.add(item)
            self._unacknowledged.clear()

    def _first(self) -> Delivery | None:
        with self._lock:
            return self._live[0] if self._live else None

    def _next_history(self) -> HistoryItem | None:
        with self._lock:
            return self._history.next()

    def _send(self, link: Link, delivery: Delivery) -> bool:
        """Send one result live, or give it to the history when its time is over; False if it has to wait."""
        order = delivery.order
        topic = wire.RESULT if order.origin == "plc" else wire.AUTO
        present = clock.now()
        result = wire_result(delivery.decided, order.received, present)
        item = HistoryItem(key=order.key, result=result)
        if present.mono_ns >= order.deadline_ns:
            self.add_history([item])
            return True
        with self._lock:
            self._unacknowledged[order.key] = item
        if not link.publish(topic, wire.encode_result(result), qos=1, token=(topic, order.key)):
            with self._lock:
                self._unacknowledged.pop(order.key, None)
            return False
        stages = delivery.stages_ns | {"hand_over": present.mono_ns - delivery.handed_ns}
        sent = Sent(key=order.key, topic=topic, age_ms=result.age_ms, at=present, stages_ns=stages)
        try:
            self._ledger.append(sent, owed=True)
        except LedgerError:
            # It is out: failing here would send it again.
            _LOG.exception("that the result of %s was sent is not on record", order.key)
        return True
