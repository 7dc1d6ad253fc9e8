"""The station's retained messages: what must stand on the broker, put there again whenever it does not."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.core import wire
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.broker_word import FAILED
from edge.line.link import Link, Message

AGAIN_NS: Final = 1_000_000_000
"""How soon a message that somebody else overwrote is put back again: two that both insist must not flood a broker."""

REFUSED_NS: Final = 10_000_000_000
"""How soon a message that the broker refused is offered again."""

QUIET_NS: Final = 60_000_000_000
"""For how long nobody else must have written before the alarm goes."""

ECHOES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainedToken:
    """What a retained message's answer is known by; ``topic`` is below the base."""

    topic: str


class Retained:
    """Publishes what ``wanted`` gives (topic, payload) as it changes, and defends ``state`` against other writers.

    ``flush`` is the deadline guard's alone, the rest may be called from any thread. ``will`` is the station's own last
    word, which the broker may publish while the station is there: of a connection that it took for lost.
    """

    def __init__(
        self,
        wanted: Callable[[], list[tuple[str, bytes]]],
        *,
        will: bytes,
        alarms: Alarms,
        answered: Callable[[str, int], None],
    ) -> None:
        self._wanted = wanted
        self._will = will
        self._alarms = alarms
        self._answered = answered
        self._lock = threading.Lock()
        self._standing: dict[str, bytes] = {}
        self._not_before_ns: dict[str, int] = {}
        self._echoes: deque[bytes] = deque(maxlen=ECHOES)
        self._foreign_ns: int | None = None
        self._put_back_ns = 0
        self._closed = False

    def flush(self, link: Link) -> None:
        """Publish the messages that the broker does not have in their present form."""
        self._calm()
        for topic, payload in self._wanted():
            # Held while publishing: the answer and the echo may be there before publish returns.
            with self._lock:
                due = self._standing.get(topic) != payload and time.monotonic_ns() >= self._not_before_ns.get(topic, 0)
                if self._closed or not due:
                    continue
                if link.publish(topic, payload, qos=1, retain=True, token=RetainedToken(topic=topic)):
                    self._standing[topic] = payload
                    if topic == wire.STATE:
                        self._echoes.append(payload)

    def close(self) -> None:
        """Publish nothing more: what the station says last must stand, its echo is nobody else's word."""
        with self._lock:
            self._closed = True

    def link_changed(self) -> None:
        """The link came up or went down: nobody knows what stands on the broker."""
        with self._lock:
            self._standing.clear()
            self._not_before_ns.clear()
            self._echoes.clear()

    def answer(self, token: RetainedToken, reason: int) -> None:
        """Take the broker's answer; what it refused is offered again after a while."""
        self._answered(token.topic, reason)
        if reason >= FAILED:
            with self._lock:
                self._standing.pop(token.topic, None)
                self._not_before_ns[token.topic] = time.monotonic_ns() + REFUSED_NS

    def arrived(self, message: Message) -> None:
        """Look at what stands on ``state``: the station's own echo, or another's word, which is put right."""
        with self._lock:
            if message.retained or self._closed or message.topic not in self._standing:
                return  # what stood there before this connection, or the station's farewell
            if message.payload in self._echoes:
                while self._echoes.popleft() != message.payload:
                    pass
                return
            self._standing.pop(message.topic)
            self._foreign_ns = time.monotonic_ns()
            self._not_before_ns[message.topic] = self._put_back_ns
            self._put_back_ns = max(self._foreign_ns, self._put_back_ns) + AGAIN_NS
        if message.payload != self._will:
            text = "somebody else writes this station's state: is its name given twice, or another's right too wide?"
            self._alarms.set(Alarm.STATE, clock.now(), text)

    def _calm(self) -> None:
        with self._lock:
            if self._foreign_ns is None or time.monotonic_ns() - self._foreign_ns < QUIET_NS:
                return
            self._foreign_ns = None
        self._alarms.clear(Alarm.STATE, clock.now())
