"""A broker and links within one process, with the semantics of the real ones: for tests and for trying things out.

One contract suite runs over these and over MQTT. Callbacks come from a link's own thread, as they do there.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from edge.line.delivery import WINDOW, Outgoing, guarded, room
from edge.line.link import LinkEvents, Message
from edge.line.settings import LinkSettings, check

ATTEMPT_S: Final = 0.02
SUCCESS: Final = 0x00
NOBODY_SUBSCRIBED: Final = 0x10

_Delivery = tuple[int | None, Callable[[], None]]
"""What to call, and the connection that it belongs to: it is dropped after that one. None: never dropped."""


class MemoryBroker:
    """Routes messages between :class:`MemoryLink` objects; can be taken away and can cut a link.

    ``refuse`` holds complete topics that nobody may subscribe to; ``forbid`` those on which nothing is taken, with the
    reason code that is answered.
    """

    def __init__(self, *, refuse: frozenset[str] = frozenset()) -> None:
        self.refuse = refuse
        self.forbid: dict[str, int] = {}
        self._lock = threading.RLock()
        self._available = True
        self._links: dict[str, MemoryLink] = {}
        self._retained: dict[str, bytes] = {}

    def start(self) -> None:
        """Let links connect (again)."""
        self._available = True

    def stop(self) -> None:
        """Go away: every link loses its connection, and none can connect until :meth:`start`."""
        with self._lock:
            self._available = False
            links, self._links = dict(self._links), {}
            for link in links.values():
                link.lose("the broker went away")

    def cut(self, client_id: str) -> None:
        """Break one client's connection; its Last Will is published, and it will connect again."""
        with self._lock:
            link = self._links.pop(client_id, None)
            if link is not None:
                link.lose("the connection was lost")
                self._tell_will(link.settings)

    def retained(self, topic: str) -> bytes | None:
        """Return the retained message of a complete topic, None where there is none."""
        return self._retained.get(topic)

    def attach(self, link: "MemoryLink") -> bool:
        """Connect a link and deliver the retained messages that it subscribes to; False where that is refused."""
        topics = link.topics()
        with self._lock:
            if not self._available or not self.refuse.isdisjoint(topics):
                return False
            self.cut(link.settings.client_id)
            self._links[link.settings.client_id] = link
            link.gain()
            for topic in topics:
                if topic in self._retained:
                    link.deliver(topic, self._retained[topic], retained=True)
        return True

    def detach(self, link: "MemoryLink") -> None:
        """Disconnect a link in order: no Last Will."""
        with self._lock:
            if self._links.get(link.settings.client_id) is link:
                del self._links[link.settings.client_id]
                link.lose("the link was closed")

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Route a message to a complete topic and return the MQTT 5 reason code of its acknowledgement."""
        with self._lock:
            if topic in self.forbid:
                return self.forbid[topic]
            if retain and payload:
                self._retained[topic] = payload
            elif retain:
                self._retained.pop(topic, None)
            listeners = [link for link in self._links.values() if topic in link.topics()]
            for link in listeners:
                link.deliver(topic, payload, retained=False)
        return SUCCESS if listeners else NOBODY_SUBSCRIBED

    def _tell_will(self, settings: LinkSettings) -> None:
        if settings.will is not None:
            topic, payload = settings.will
            self.publish(f"{settings.base_topic}/{topic}", payload, retain=True)


class MemoryLink:
    """A :class:`edge.line.link.Link` to a :class:`MemoryBroker`."""

    def __init__(self, broker: MemoryBroker, settings: LinkSettings, events: LinkEvents) -> None:
        check(settings)
        self.settings = settings
        self._broker = broker
        self._events = events
        self._lock = threading.Lock()
        self._generation = 0
        self._connected = False
        self._trouble: str | None = None
        self._in_flight = 0
        self._inbox: queue.SimpleQueue[_Delivery | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=settings.client_id, daemon=True)

    @property
    def connected(self) -> bool:
        """True while attached to the broker."""
        return self._connected

    @property
    def trouble(self) -> str | None:
        """Why there is no connection; None while there is one, or none was tried yet."""
        return None if self._connected else self._trouble

    @property
    def alive(self) -> bool:
        """True but where the link's thread has died."""
        return self._stop.is_set() or self._thread.ident is None or self._thread.is_alive()

    def topics(self) -> frozenset[str]:
        """Return the complete topics that the link subscribes to."""
        return frozenset(f"{self.settings.base_topic}/{topic}" for topic in self.settings.subscriptions)

    def open(self) -> None:
        """Begin to connect, in the background and for ever; may be called once."""
        self._thread.start()

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool = False,
        token: object = None,
        not_after_ns: int | None = None,
    ) -> bool:
        """Hand a message to the broker, or return False: nothing is ever queued for later."""
        expired = Outgoing(topic, payload, qos, retain, token, not_after_ns).expired
        with self._lock:
            if not self._connected or (qos and self._in_flight >= room(topic, WINDOW)):
                return False
            generation = self._generation
            self._in_flight += 1 if qos and not expired else 0
        if expired:
            self._inbox.put((generation, lambda: self._tell(self._events.expired, token)))
            return True
        self._tell(self._events.sent, token)
        reason = self._broker.publish(f"{self.settings.base_topic}/{topic}", payload, retain=retain)
        if qos:
            self._inbox.put((generation, lambda: self._acknowledge(token, reason)))
        return True

    def close(self, farewell: tuple[str, bytes] | None = None) -> None:
        """Publish the retained farewell if connected, and disconnect; must not be called from a callback."""
        if farewell is not None and not self._stop.is_set():
            self.publish(farewell[0], farewell[1], qos=1, retain=True)
        self._broker.detach(self)
        self._stop.set()
        self._inbox.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def gain(self) -> None:
        """Be connected: the broker's word."""
        with self._lock:
            self._generation += 1
            self._connected = True
            self._in_flight = 0
        self._inbox.put((None, self._events.connected))

    def lose(self, reason: str) -> None:
        """Be disconnected: the broker's word. What has not been delivered yet never will be."""
        with self._lock:
            self._generation += 1
            self._connected = False
            self._trouble = reason
        self._inbox.put((None, lambda: self._events.disconnected(reason)))

    def deliver(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take a message that arrived on a complete topic."""
        self._inbox.put((self._generation, lambda: self._receive(topic, payload, retained)))

    def _receive(self, topic: str, payload: bytes, retained: bool) -> None:
        below = topic.removeprefix(f"{self.settings.base_topic}/")
        received_ns = time.monotonic_ns()
        self._events.message(Message(topic=below, payload=payload, retained=retained, received_ns=received_ns))

    @staticmethod
    def _tell(callback: Callable[[object], None], token: object) -> None:
        if token is not None:
            guarded(callback, token)

    def _acknowledge(self, token: object, reason: int) -> None:
        with self._lock:
            self._in_flight -= 1
        if token is not None:
            self._events.published(token, reason)

    def _run(self) -> None:
        while True:
            if not self._connected and not self._stop.is_set():
                self._broker.attach(self)
            try:
                item = self._inbox.get(timeout=None if self._connected or self._stop.is_set() else ATTEMPT_S)
            except queue.Empty:
                continue
            if item is None:
                return
            generation, call = item
            if generation in {None, self._generation}:
                guarded(call)
