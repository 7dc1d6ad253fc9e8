"""Results on their way to the broker: live while there is time and room, else to the history topic.

A verdict is *committed* before it comes here. It is *sent* when the link lets it go, *acknowledged* once the broker
says that it has taken it, and *applied* when the PLC's ``cmd/ack`` says so: each is an event of the ledger of its own,
and none follows from the one before. What was sent and never acknowledged, refused, or out of time is told to the
history.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from edge.core import wire
from edge.core.events import BrokerAcked, Decided, Event, Instant, PartKey, Sent
from edge.inspector import clock
from edge.inspector.broker_word import taken
from edge.inspector.outbox import HistoryItem, HistoryOutbox
from edge.inspector.part import Order
from edge.inspector.verdicts import wire_result
from edge.ledger import Ledger
from edge.line.link import Link

PAUSE_NS: Final = 10_000_000_000
"""How long the history waits after the broker did not take a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A verdict whose part is claimed, on its way out; ``stages_ns`` are times that came after the decision.

    ``gone`` is set as it goes out, or as it is found to be out of time.
    """

    order: Order
    decided: Decided
    handed_ns: int
    stages_ns: dict[str, int]
    gone: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Live:
    """A result that was handed to the link and is not acknowledged; ``item`` is what the history may have to tell."""

    item: HistoryItem
    result: wire.Result
    delivery: Delivery


class Dispatch:
    """What has to go out and what the broker has not acknowledged yet.

    ``flush`` is the deadline guard's alone; the rest may be called from any thread. ``answered`` is told topic and
    reason of every answer of the broker.
    """

    def __init__(self, ledger: Ledger, answered: Callable[[str, int], None]) -> None:
        self._ledger = ledger
        self._answered = answered
        self._lock = threading.Lock()
        self._live: deque[Delivery] = deque()
        self._unacknowledged: dict[PartKey, _Live] = {}
        self._history = HistoryOutbox()
        self._history_from_ns = 0
        self._history_refusal: int | None = None

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

    def sent(self, token: object) -> None:
        """Record that a live result goes out, before anybody can answer it."""
        if not isinstance(token, tuple) or token[0] == wire.HISTORY:
            return
        topic, key = token
        with self._lock:
            live = self._unacknowledged.get(key)
            if live is None:
                return
            self._unacknowledged[key] = replace(live, item=HistoryItem(key=key, result=live.result))
        present, result = time.monotonic_ns(), live.result
        stages = live.delivery.stages_ns | {"hand_over": present - live.delivery.handed_ns}
        # The record's calendar time is the payload's own, so that both tell the same; it is on its way already.
        at = Instant(mono_ns=present, utc_ms=result.t)
        self._ledger.append(_sent(key, topic, result, at, stages), owed=True)
        live.delivery.gone.set()

    def expired(self, token: object) -> None:
        """Give a live result that the link held until its time was over to the history."""
        if not isinstance(token, tuple):
            return
        with self._lock:
            live = self._unacknowledged.pop(token[1], None)
            if live is not None:
                self._history.add(live.item)
                live.delivery.gone.set()

    def acknowledged(self, token: object, reason: int) -> None:
        """Record the broker's answer to a result; one that it did not take goes to the history, and comes again."""
        if not isinstance(token, tuple):
            return
        topic, key = token
        present = clock.now()
        answer: Event | None = BrokerAcked(key=key, reason=reason, at=present, topic=topic)
        events: list[Event] = []
        with self._lock:
            if topic != wire.HISTORY:
                live = self._unacknowledged.pop(key, None)
                if live is not None and not taken(reason):
                    self._history.add(live.item)
            elif taken(reason):
                self._history_refusal = None
                if item := self._history.acknowledged(key):
                    events.append(_sent(key, topic, item.result, present, {}))
            else:
                # Told once and tried again and again: an MES that is never there must not fill the ledger.
                answer = answer if reason != self._history_refusal else None
                self._history_refusal = reason
                self._history.recall()
                self._history_from_ns = present.mono_ns + PAUSE_NS
        self._answered(topic, reason)
        if answer is not None:
            self._ledger.append(*events, answer, owed=True)

    def link_lost(self) -> None:
        """Nobody knows whether what was not acknowledged has arrived: tell it again.

        Not to be called when the link is up again: what was handed to the new connection meanwhile still goes out.
        """
        with self._lock:
            self._history.recall()
            for live in self._unacknowledged.values():
                self._history.add(live.item)
            self._unacknowledged.clear()

    def _first(self) -> Delivery | None:
        with self._lock:
            return self._live[0] if self._live else None

    def _next_history(self) -> HistoryItem | None:
        with self._lock:
            if self._history_refusal is not None and self._history.on_the_way:
                return None  # one at a time, to see whether they are taken again
            return self._history.next()

    def _send(self, link: Link, delivery: Delivery) -> bool:
        """Send one result live, or give it to the history when its time is over; False if it has to wait."""
        order = delivery.order
        topic = wire.RESULT if order.origin == "plc" else wire.AUTO
        present = clock.now()
        result = wire_result(delivery.decided, order.received, present)
        # Of what was never sent the record has no time but the verdict's, and the history tells what is on record.
        item = HistoryItem(key=order.key, result=replace(result, t=delivery.decided.at.utc_ms))
        if present.mono_ns >= order.deadline_ns:
            self.add_history([item])
            delivery.gone.set()
            return True
        with self._lock:
            self._unacknowledged[order.key] = _Live(item=item, result=result, delivery=delivery)
        payload = wire.encode_result(result)
        if link.publish(topic, payload, qos=1, token=(topic, order.key), not_after_ns=order.deadline_ns):
            return True
        with self._lock:
            self._unacknowledged.pop(order.key, None)
        return False


def _sent(key: PartKey, topic: str, result: wire.Result, at: Instant, stages_ns: dict[str, int]) -> Sent:
    return Sent(
        key=key, topic=topic, age_ms=result.age_ms, at=at, stages_ns=stages_ns, decision=result.dec, code=result.code
    )
