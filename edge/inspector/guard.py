"""The deadline guard: the thread that owns the line link, so that no hanging stage can silence the station."""

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from edge.core import wire
from edge.core.events import BrokerAcked, Decided, Overruled, PartKey, Sent
from edge.inspector import clock
from edge.inspector.outbox import HistoryItem, HistoryOutbox
from edge.inspector.part import Part
from edge.inspector.verdicts import Author, decided_by_guard, wire_result
from edge.ledger import Ledger
from edge.line.link import Link

MARGIN_NS: Final = 20 * clock.NS_PER_MS
"""How long before a deadline the guard answers itself: the way through the broker, and a late wake-up."""

HEARTBEAT_NS: Final = 500 * clock.NS_PER_MS

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A committed verdict on its way from the loop; ``stages_ns`` are times after the commit began."""

    part: Part
    decided: Decided
    handed_ns: int
    stages_ns: dict[str, int] = field(default_factory=dict)


class DeadlineGuard:
    """Answers every part exactly once: with the loop's verdict, or in time without it.

    ``beat`` makes the next heartbeat; ``retained`` gives the retained messages (topic, payload) that must stand on the
    broker now: they are published when the link comes up and whenever :meth:`refresh` is called.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        author: Author,
        beat: Callable[[int], wire.Heartbeat],
        retained: Callable[[], list[tuple[str, bytes]]],
    ) -> None:
        self._ledger = ledger
        self._author = author
        self._beat = beat
        self._retained = retained
        self._link: Link | None = None
        self._changed = threading.Condition()
        self._deliveries: deque[Delivery] = deque()
        self._due: list[tuple[int, int, Part]] = []
        self._order = itertools.count()
        self._history = HistoryOutbox()
        self._refresh = False
        self._stopping = False
        self._beats = 0
        self._next_beat_ns = 0
        self._published: dict[str, bytes] = {}
        self.alive_ns = time.monotonic_ns()
        self._thread = threading.Thread(target=self._work, name="deadline-guard", daemon=True)

    def start(self, link: Link, history: list[HistoryItem]) -> None:
        """Take over the link, which is opened already or about to be, and what earlier epochs left to report."""
        self._link = link
        for item in history:
            self._history.add(item)
        self._thread.start()

    def stop(self) -> None:
        """Answer what is still open with cannot-judge, then end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout=5.0)

    def watch(self, part: Part) -> None:
        """Answer for this part when nobody else has by its deadline less the margin."""
        self._watch(part, part.order.deadline_ns - MARGIN_NS)

    def answer_now(self, part: Part) -> None:
        """Answer for this part at once: it will not be judged."""
        self._watch(part, 0)

    def send(self, delivery: Delivery) -> None:
        """Publish a verdict whose part the loop has claimed and whose commit is done."""
        with self._changed:
            self._deliveries.append(delivery)
            self._changed.notify()

    def refresh(self) -> None:
        """Publish the retained messages again."""
        with self._changed:
            self._refresh = True
            self._changed.notify()

    def link_changed(self) -> None:
        """The link came up or went down: what the broker had not acknowledged, or may have forgotten, is due again."""
        with self._changed:
            self._published.clear()
            self._history.recall()
            self._refresh = True
            self._changed.notify()

    def acknowledged(self, token: object, reason: int) -> None:
        """Record the broker's acknowledgement of a result."""
        if not isinstance(token, tuple):
            return
        topic, key = token
        present = clock.now()
        with self._changed:
            item = self._history.acknowledged(key) if topic == wire.HISTORY else None
            self._changed.notify()
        events: list[Sent | BrokerAcked] = []
        if item:
            events.append(Sent(key=key, topic=topic, age_ms=item.result.age_ms, at=present))
        self._ledger.append(*events, BrokerAcked(key=key, reason=reason, at=present))

    def overwritten(self, topic: str, payload: bytes) -> None:
        """Put the station's own retained message back when somebody else changed it."""
        with self._changed:
            own = self._published.get(topic)
            if own is not None and payload != own:
                self._published.pop(topic)
                self._refresh = True
                self._changed.notify()

    def _watch(self, part: Part, at_ns: int) -> None:
        with self._changed:
            heapq.heappush(self._due, (at_ns, next(self._order), part))
            self._changed.notify()

    def _work(self) -> None:
        ended = False
        while not ended:
            self.alive_ns = time.monotonic_ns()
            deliveries, due, ended = self._wait()
            for delivery in deliveries:
                self._survive(partial(self._deliver, delivery))
            for part in due:
                self._survive(partial(self._answer, part, ended=ended))
            self._survive(partial(self._report, ended=ended))

    @staticmethod
    def _survive(action: Callable[[], None]) -> None:
        """Do one thing; no fault of it may keep the guard from answering the next part."""
        try:
            action()
        except Exception:  # noqa: BLE001 - the last thread that can still answer
            _LOG.exception("the deadline guard met a fault and goes on")

    def _wait(self) -> tuple[list[Delivery], list[Part], bool]:
        """Wait for the next thing to do; return verdicts to send, parts to answer, and whether to end."""
        with self._changed:
            wake_ns = min(self._next_beat_ns, self._due[0][0]) if self._due else self._next_beat_ns
            pause_s = max(0.0, (wake_ns - time.monotonic_ns()) / 1e9)
            # Any change ends the wait: a part that has just come may be due before what was waited for.
            if not self._wanted():
                self._changed.wait(pause_s)
            self._refresh = False
            deliveries = list(self._deliveries)
            self._deliveries.clear()
            present = time.monotonic_ns()
            due = []
            while self._due and (self._stopping or self._due[0][0] <= present):
                due.append(heapq.heappop(self._due)[2])
            return deliveries, due, self._stopping

    def _wanted(self) -> bool:
        overdue = bool(self._due) and self._due[0][0] <= time.monotonic_ns()
        return bool(self._deliveries) or self._refresh or self._stopping or overdue

    def _deliver(self, delivery: Delivery) -> None:
        stages = delivery.stages_ns | {"hand_over": time.monotonic_ns() - delivery.handed_ns}
        self._ledger.append(*self._publish(delivery.part, delivery.decided, stages))

    def _answer(self, part: Part, *, ended: bool) -> None:
        """Answer cannot-judge for a part that nobody claimed, and have the ledger say so as soon as it can."""
        answer = part.take_over(stopping=ended)
        if answer is None:
            return
        key, present = part.order.key, clock.now()
        decided = decided_by_guard(part.order, answer.code, self._author, present)
        sent = self._publish(part, decided, {})
        verdict = Overruled(key=key, code=answer.code, at=present) if answer.overrules else decided
        self._ledger.append(verdict, *sent)

    def _publish(self, part: Part, decided: Decided, stages_ns: dict[str, int]) -> list[Sent]:
        """Send a result live if there is a link and time, else leave it to the history topic; return what was sent."""
        order = part.order
        topic = wire.RESULT if order.origin == "plc" else wire.AUTO
        present = clock.now()
        result = wire_result(decided, order.received, present)
        in_time = present.mono_ns < order.deadline_ns
        if in_time and self._live(topic, wire.encode_result(result), order.key):
            return [Sent(key=order.key, topic=topic, age_ms=result.age_ms, at=present, stages_ns=stages_ns)]
        with self._changed:
            self._history.add(HistoryItem(key=order.key, result=result))
        return []

    def _live(self, topic: str, payload: bytes, key: PartKey) -> bool:
        return self._link is not None and self._link.publish(topic, payload, qos=1, token=(topic, key))

    def _report(self, *, ended: bool) -> None:
        link = self._link
        if link is None or not link.connected:
            self._next_beat_ns = max(self._next_beat_ns, time.monotonic_ns() + HEARTBEAT_NS // 10)
            return
        present = time.monotonic_ns()
        if present >= self._next_beat_ns or ended:
            self._next_beat_ns = present + HEARTBEAT_NS
            self._beats = (self._beats + 1) % (wire.MAX_U32 + 1)
            link.publish(wire.HEARTBEAT, wire.encode_heartbeat(self._beat(self._beats)), qos=0)
        self._publish_retained(link)
        while item := self._next_history():
            payload = wire.encode_result(item.result, history=True)
            if not link.publish(wire.HISTORY, payload, qos=1, token=(wire.HISTORY, item.key)):
                with self._changed:
                    self._history.put_back(item)
                return

    def _next_history(self) -> HistoryItem | None:
        with self._changed:
            return self._history.next()

    def _publish_retained(self, link: Link) -> None:
        """Publish the retained messages that the broker does not have in their present form."""
        for topic, payload in self._retained():
            with self._changed:
                stands = self._published.get(topic) == payload
            if not stands and link.publish(topic, payload, qos=1, retain=True):
                with self._changed:
                    self._published[topic] = payload
