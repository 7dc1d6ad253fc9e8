"""The protocol of a line link: what the inspector needs of MQTT, and nothing more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class LinkError(Exception):
    """The link's settings cannot work (the message says what to change). A broker that is away is not an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What arrived: ``topic`` is below the base topic, ``received_ns`` the monotonic instant of the callback."""

    topic: str
    payload: bytes
    retained: bool
    received_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEvents:
    """What the link calls, from its own network thread; none of them may block.

    An exception in a callback is logged and swallowed: the network thread must survive it. Of a message with a token,
    ``sent`` tells that it goes out now, before anybody can answer it, ``expired`` that it never will because its time
    was over, and ``published`` the broker's reason code (below 0x80 success; 0x10: nobody subscribed).
    """

    message: Callable[[Message], None]
    connected: Callable[[], None]
    disconnected: Callable[[str], None]
    published: Callable[[object, int], None]
    sent: Callable[[object], None] = lambda _token: None
    expired: Callable[[object], None] = lambda _token: None


class Link(Protocol):
    """A connection to the broker that is kept up by itself. ``publish`` may be called from any thread."""

    @property
    def connected(self) -> bool:
        """True while the broker has accepted the connection and all subscriptions, and the network thread lives."""

    @property
    def trouble(self) -> str | None:
        """Why there is no connection, in a sentence for people; None while there is one, or none was tried yet."""

    @property
    def alive(self) -> bool:
        """False where the network thread has ended although nobody closed the link: only a new process helps."""

    def open(self) -> None:
        """Begin to connect, in the background and for ever, with back-off; an absent broker is no error.

        Raises:
            LinkError: the settings cannot work (certificate file missing, bad address).
        """

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
        """Hand a message to the broker at once, or return False: nothing is ever queued for later.

        ``topic`` is below the base topic. A non-None ``token`` comes back through ``sent`` or ``expired``, and after
        ``sent`` through ``published`` when a QoS 1 message is acknowledged; never, when the connection breaks first.
        From the monotonic instant ``not_after_ns`` on it is not sent any more: looked at right before it goes out.
        """

    def close(self, farewell: tuple[str, bytes] | None = None) -> None:
        """Publish the retained farewell (topic, payload) if connected, wait shortly for its ack, and disconnect."""
