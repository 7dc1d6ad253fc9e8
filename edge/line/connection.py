"""One MQTT connection, from dialling to its end, with every call into paho made by one thread.

A paho client is used once and thrown away, so that nothing handed to a lost connection is ever sent again by a later
one. The loop is ours (paho's documented interface for foreign event loops), for three reasons: a failure ends the
loop visibly instead of killing a hidden thread; ``publish`` from other threads only appends to a queue, so a packet's
id is known before its acknowledgement can be read; and a stuck broker can be told from an idle one.
"""

import contextlib
import logging
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.core import wire
from edge.line.delivery import QUEUE, WINDOW, Outgoing, guarded, room
from edge.line.link import LinkEvents, Message
from edge.line.reasons import explain
from edge.line.settings import KEEPALIVE_S, BrokerAddress, LinkSettings, tls_context

LOGGER: Final = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 3.0
TICK_MS: Final = 250
REFUSAL_MS: Final = 300
"""How long a broker may take to refuse a client's certificate, or to send its first session ticket."""
PARTING_S: Final = 0.5
RESUBSCRIBE_S: Final = 2.0
MQTT_FAILURE: Final = 0x80
"""The first reason code that means failure; paho also gives it for a connection that ended without a reason."""


class Connection:
    """One connection. ``run`` belongs to the network thread; ``offer`` and ``wake`` may be called from any thread."""

    def __init__(
        self,
        settings: LinkSettings,
        address: BrokerAddress,
        protocol: MQTTProtocolVersion,
        events: LinkEvents,
        ready: Callable[["Connection"], None],
    ) -> None:
        self.protocol = protocol
        self.reached = False
        self.accepted = False
        self._settings = settings
        self._address = address
        self._events = events
        self._ready = ready
        self._lock = threading.Lock()
        self._open = True
        self._queue: deque[Outgoing] = deque()
        self._window = WINDOW
        self._in_flight = 0
        self._unacknowledged: dict[int, tuple[object, float]] = {}
        self._subscribed = False
        self._subscribe_at: float | None = None
        self._suback_due: float | None = None
        self._reason = ""
        self._hint = ""
        self._waker = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._client = self._build_client()

    def offer(self, outgoing: Outgoing) -> bool:
        """Queue a message for the network thread; False where the connection has ended or is full."""
        with self._lock:
            if not self._open or len(self._queue) >= QUEUE:
                return False
            if outgoing.qos:
                if self._in_flight >= room(outgoing.topic, self._window):
                    return False
                self._in_flight += 1
            self._queue.append(outgoing)
            os.eventfd_write(self._waker, 1)
        return True

    def wake(self) -> None:
        """Make the network thread look at once at what has changed."""
        with self._lock:
            if self._open:
                os.eventfd_write(self._waker, 1)

    def run(self, stopping: Callable[[], bool], *, farewell_told: Callable[[], bool]) -> str:
        """Connect and serve until the connection ends or ``stopping`` says so; return why it ended.

        Where ``farewell_told`` says no at the end, the connection is dropped so that the broker tells the Last Will.
        """
        try:
            if self._address.tls:
                self._client.tls_set_context(tls_context(self._settings))
            self._client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
            self._serve(stopping)
            if stopping():
                self._end("the link was closed")
                if farewell_told():
                    self._disconnect()
        except Exception as error:  # noqa: BLE001 - whatever ends a connection is a reason to make the next one
            self._end(explain(str(error) or type(error).__name__))
        finally:
            self._shut()
        return self._reason

    def _disconnect(self) -> None:
        """End in order, and let the broker read the end.

        paho closes the socket at once; what the broker has sent meanwhile (the echo of the last state) would then make
        the kernel reset the connection, and a broker that has not read the farewell's end tells the Last Will.
        """
        held = self._client.socket()
        if held is None:
            return
        with socket.socket(fileno=os.dup(held.fileno())) as kept, contextlib.suppress(OSError):
            self._client.disconnect()
            kept.settimeout(PARTING_S)
            kept.shutdown(socket.SHUT_WR)
            until = time.monotonic() + PARTING_S
            while time.monotonic() < until and kept.recv(4096):
                pass

    def _build_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.client_id,
            protocol=self.protocol,
            clean_session=None if self.protocol is MQTTProtocolVersion.MQTTv5 else True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_log = self._on_log
        if self._settings.will is not None:
            topic, payload = self._settings.will
            client.will_set(f"{self._settings.base_topic}/{topic}", payload, qos=1, retain=True)
        return client

    def _serve(self, stopping: Callable[[], bool]) -> None:
        poller = select.poll()
        connected = self._client.socket()
        if connected is None:
            return
        descriptor = connected.fileno()
        poller.register(self._waker, select.POLLIN)
        while not stopping():
            self._send_queued()
            held = self._client.socket()
            if held is None or self._overdue():
                return
            wanted = select.POLLIN | (select.POLLOUT if self._client.want_write() else 0)
            poller.register(descriptor, wanted)
            happened = dict(poller.poll(TICK_MS))
            if self._waker in happened:
                os.eventfd_read(self._waker)
            if happened.get(descriptor, 0) & select.POLLOUT:
                self._client.loop_write()
            if happened.get(descriptor, 0) & ~select.POLLOUT:
                self._read()
            self._client.loop_misc()
        self._send_queued()

    def _read(self) -> None:
        while True:
            status = self._client.loop_read()
            held = self._client.socket()
            # TLS may hold decrypted bytes that poll() cannot see.
            pending = getattr(held, "pending", None)
            if status is not MQTTErrorCode.MQTT_ERR_SUCCESS or pending is None or not pending():
                return

    def _send_queued(self) -> None:
        """Send what waits. Behind a packet that the socket has not taken whole it waits here, where it can expire."""
        while self._queue and self._client.socket() is not None and not self._client.want_write():
            outgoing = self._queue.popleft()
            if outgoing.expired:
                self._drop(outgoing)
                continue
            if outgoing.token is not None:
                guarded(self._events.sent, outgoing.token)
            topic = f"{self._settings.base_topic}/{outgoing.topic}"
            info = self._client.publish(topic, outgoing.payload, outgoing.qos, outgoing.retain)
            if outgoing.qos:
                self._unacknowledged[info.mid] = (outgoing.token, time.monotonic())

    def _drop(self, outgoing: Outgoing) -> None:
        if outgoing.qos:
            with self._lock:
                self._in_flight -= 1
        if outgoing.token is not None:
            guarded(self._events.expired, outgoing.token)

    def _overdue(self) -> bool:
        """Tell whether the broker owes an answer for too long; ask again for refused subscriptions meanwhile."""
        now = time.monotonic()
        if self._subscribe_at is not None and now >= self._subscribe_at:
            self._subscribe()
        oldest = next(iter(self._unacknowledged.values()), None)
        if oldest is not None and now - oldest[1] > KEEPALIVE_S:
            self._end(f"the broker has not acknowledged a message for {KEEPALIVE_S} s")
        elif self._suback_due is not None and now > self._suback_due:
            self._end(f"the broker has not answered the subscription for {KEEPALIVE_S} s")
        return bool(self._reason)

    def _subscribe(self) -> None:
        self._subscribe_at = None
        topics = {topic: f"{self._settings.base_topic}/{topic}" for topic in self._settings.subscriptions}
        if not topics:
            self._become_ready()
            return
        self._suback_due = time.monotonic() + KEEPALIVE_S
        if self.protocol is MQTTProtocolVersion.MQTTv5:
            # It can tell at once of a trigger that it is published retained; 3.1.1 tells when the broker repeats it.
            self._client.subscribe(
                [
                    (whole, SubscribeOptions(qos=1, retainAsPublished=topic == wire.TRIGGER))
                    for topic, whole in topics.items()
                ]
            )
        else:
            self._client.subscribe([(whole, 1) for whole in topics.values()])

    def _become_ready(self) -> None:
        if not self._subscribed:
            self._subscribed = True
            self._ready(self)

    def _on_socket_open(self, _client: Client, _data: Any, opened: Any) -> None:
        """Send at once, and have the kernel end a link whose other end no longer answers."""
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, KEEPALIVE_S * 1000)
        if isinstance(opened, ssl.SSLSocket) and opened.version() == "TLSv1.3":
            _hear_refusal(opened)
        self.reached = True

    def _on_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._end(f"the broker refused the connection: {reason}")
            return
        self.accepted = True
        self._window = max(1, min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW)))
        self._subscribe()

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._suback_due = None
        refused = [
            f"{topic} ({reason})"
            for topic, reason in zip(self._settings.subscriptions, reasons, strict=False)
            if reason.value >= MQTT_FAILURE
        ]
        if not refused:
            self._become_ready()
            return
        LOGGER.error(
            "the broker refuses to let %s subscribe to %s below %s; allow it in the broker's access list; asking again",
            self._settings.client_id,
            ", ".join(refused),
            self._settings.base_topic,
        )
        self._subscribe_at = time.monotonic() + RESUBSCRIBE_S

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        received_ns = time.monotonic_ns()
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        below = topic.removeprefix(f"{self._settings.base_topic}/")
        arrived = Message(topic=below, payload=bytes(message.payload), retained=message.retain, received_ns=received_ns)
        guarded(self._events.message, arrived)

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if mid not in self._unacknowledged:
            return
        token, _since = self._unacknowledged.pop(mid)
        with self._lock:
            self._in_flight -= 1
        if token is not None:
            guarded(self._events.published, token, reason.value)

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._end(explain(f"the broker ended the connection: {reason}"))
        elif self._hint or reason.value != MQTT_FAILURE:
            self._end(explain(f"the connection was lost: {self._hint or reason}"))
        elif self.accepted:
            self._end("the broker closed the connection (it stopped, or another client uses the same client id)")
        else:
            self._end("the broker closed the connection instead of accepting it")

    def _on_log(self, _client: Client, _data: Any, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._hint = text

    def _end(self, reason: str) -> None:
        self._reason = self._reason or reason

    def _shut(self) -> None:
        with self._lock:
            self._open = False
            self._queue.clear()
            os.close(self._waker)
        held = self._client.socket()
        if held is not None:
            held.close()


def _hear_refusal(opened: ssl.SSLSocket) -> None:
    """Let a broker say that it refuses the client's certificate, before anything is sent.

    In TLS 1.3 (RFC 8446, section 4.4.2.4) the handshake is over for the client before the server has judged its
    certificate. What the client sends meanwhile makes the closing server's kernel reset the connection, and the reason
    is lost with it. A server that accepts sends session tickets; MQTT servers never speak first.

    Raises:
        OSError: the broker's refusal.
    """
    poller = select.poll()
    poller.register(opened, select.POLLIN)
    if poller.poll(REFUSAL_MS):
        with contextlib.suppress(ssl.SSLWantReadError):
            if not opened.recv(1):
                raise ConnectionResetError("the broker closed the connection right after the TLS handshake")
