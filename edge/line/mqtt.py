"""The line link over MQTT: keeps one connection up in the background, and never sends anything late."""

import logging
import random
import threading
import time
from dataclasses import dataclass, field, replace
from typing import Final

from paho.mqtt.enums import MQTTProtocolVersion

from edge.line.connection import CONNECT_TIMEOUT_S, Connection
from edge.line.delivery import Outgoing, guarded
from edge.line.link import LinkEvents
from edge.line.settings import LinkSettings, check

LOGGER: Final = logging.getLogger(__name__)

BACK_OFF_S: Final = 0.2
BACK_OFF_MAX_S: Final = 5.0
STEADY_S: Final = 5.0
"""A connection that lasted this long starts the next back-off anew."""

FAREWELL_S: Final = 1.0
_VERSIONS: Final = {MQTTProtocolVersion.MQTTv5: "5", MQTTProtocolVersion.MQTTv311: "3.1.1"}
REMINDER_S: Final = 600.0
"""How often the log repeats what keeps the link down."""
MAX_TOLD: Final = 16
OLDER_PROTOCOL_S: Final = 600.0
"""How long the MQTT version that a broker was found to speak is tried first, before the newest is tried again."""


@dataclass(frozen=True, slots=True)
class _Farewell:
    """The token of the link's own last message."""

    told: threading.Event = field(default_factory=threading.Event)


class MqttLink:
    """A :class:`edge.line.link.Link` over paho.

    Connects with the first of ``settings.protocols``; a broker that refuses or drops the connection before it has
    accepted it is tried with the next at once. What worked is tried first for ten minutes.

    A lost link is noticed within 5 s where messages wait for an acknowledgement (TCP_USER_TIMEOUT for a cut cable, an
    overdue PUBACK for a stuck broker) and within 10 s on an idle one (unanswered ping).
    """

    def __init__(self, settings: LinkSettings, events: LinkEvents) -> None:
        self._settings = settings
        self._events = replace(events, published=self._on_published)
        self._published = events.published
        self._address = check(settings)
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._dialled: Connection | None = None
        self._farewell_told = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name=settings.client_id, daemon=True)
        self._preferred: tuple[MQTTProtocolVersion, float] | None = None
        self._trouble: str | None = None
        self._told: dict[str, float] = {}

    @property
    def connected(self) -> bool:
        """True while the broker has accepted the connection and all subscriptions, and the network thread lives."""
        return self._connection is not None and self._thread.is_alive()

    @property
    def trouble(self) -> str | None:
        """Why there is no connection, in a sentence for people; None while there is one, or none was tried yet."""
        return None if self._connection is not None else self._trouble

    @property
    def alive(self) -> bool:
        """False where the network thread has ended although nobody closed the link: only a new process helps."""
        return self._stop.is_set() or self._thread.ident is None or self._thread.is_alive()

    @property
    def protocol(self) -> MQTTProtocolVersion | None:
        """The MQTT version of the present connection, None while there is none."""
        connection = self._connection
        return None if connection is None else connection.protocol

    def open(self) -> None:
        """Begin to connect, in the background and for ever, with back-off; may be called once.

        Raises:
            LinkError: a certificate file has become unreadable since the link was built.
        """
        check(self._settings)
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
        """Hand a message to the network thread; False while disconnected or with 20 messages unacknowledged.

        For ``hist/result`` the bound is 10, so that a replay leaves room for live results.
        True means that it leaves on the present connection, and before ``not_after_ns``, or never.
        """
        connection = self._connection
        if connection is None:
            return False
        return connection.offer(Outgoing(topic, payload, qos, retain, token, not_after_ns))

    def close(self, farewell: tuple[str, bytes] | None = None) -> None:
        """Publish the retained farewell if connected, wait up to 1 s for its acknowledgement, and disconnect.

        A farewell that the broker did not acknowledge is followed by a dropped connection, so that the Last Will is
        told instead. Must not be called from a callback. May be called twice.
        """
        if farewell is not None and not self._stop.is_set():
            token = _Farewell()
            topic, payload = farewell
            handed_over = self.publish(topic, payload, qos=1, retain=True, token=token)
            self._farewell_told = handed_over and token.told.wait(FAREWELL_S)
        self._stop.set()
        with self._lock:
            if self._dialled is not None:
                self._dialled.wake()
        if self._thread.ident is not None:
            self._thread.join(CONNECT_TIMEOUT_S + FAREWELL_S)
            if self._thread.is_alive():
                LOGGER.warning("the line link still waits for %s; it ends with the process", self._settings.broker)

    def _keep_up(self) -> None:
        failures = 0
        refused_with: MQTTProtocolVersion | None = None
        while not self._stop.is_set():
            protocol = self._choose(refused_with)
            began = time.monotonic()
            connection = self._connect_once(protocol)
            if connection is not None and connection.accepted and time.monotonic() - began >= STEADY_S:
                failures = 0
            turned_away = connection is not None and connection.reached and not connection.accepted
            if turned_away and refused_with is None and len(self._settings.protocols) > 1:
                refused_with = protocol
                continue
            refused_with = None
            pause = min(BACK_OFF_MAX_S, BACK_OFF_S * 2**failures)
            failures = min(failures + 1, 16)
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads stations, guards nothing

    def _choose(self, refused_with: MQTTProtocolVersion | None) -> MQTTProtocolVersion:
        if refused_with is not None:
            return next(protocol for protocol in self._settings.protocols if protocol is not refused_with)
        if self._preferred is not None and time.monotonic() < self._preferred[1]:
            return self._preferred[0]
        return self._settings.protocols[0]

    def _connect_once(self, protocol: MQTTProtocolVersion) -> Connection | None:
        """Make one connection, serve it to its end and return it, None where it could not even be built."""
        try:
            connection = Connection(self._settings, self._address, protocol, self._events, self._on_ready)
            with self._lock:
                self._dialled = connection
            reason = connection.run(self._stop.is_set, farewell_told=lambda: self._farewell_told)
        except Exception:
            LOGGER.exception("the line link failed; connecting again")
            connection, reason = None, "internal failure"
        was_ready = self._connection is not None
        self._connection = None
        with self._lock:
            self._dialled = None
        if not self._stop.is_set():
            self._tell(f"no line link to {self._settings.broker} (MQTT {_VERSIONS[protocol]}): {reason}")
            self._trouble = reason
        if was_ready:
            guarded(self._events.disconnected, reason)
        return connection

    def _tell(self, text: str) -> None:
        """Log what keeps the link down: at once where it is news, else every ten minutes."""
        now = time.monotonic()
        news = now - self._told.get(text, -REMINDER_S) >= REMINDER_S
        if news:
            if len(self._told) >= MAX_TOLD:
                self._told.clear()
            self._told[text] = now
        LOGGER.log(logging.WARNING if news else logging.DEBUG, "%s", text)

    def _on_published(self, token: object, reason: int) -> None:
        if isinstance(token, _Farewell):
            token.told.set()
        else:
            self._published(token, reason)

    def _on_ready(self, connection: Connection) -> None:
        self._preferred = (connection.protocol, time.monotonic() + OLDER_PROTOCOL_S)
        self._connection = connection
        self._trouble = None
        self._told.clear()
        LOGGER.info(
            "line link to %s is up (MQTT %s)",
            self._settings.broker,
            _VERSIONS[connection.protocol],
        )
        guarded(self._events.connected)
