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

    An exception in a callback is logged and swallowed: the network thread must survive it. ``published`` tells the
    token given to ``publish`` and the broker's reason code (below 0x80 success; 0x10: nobody subscribed).
    """

    message: Callable[[Message], None]
    connected: Callable[[], None]
    disconnected: Callable[[str], None]
    published: Callable[[object, int], None]


class Link(Protocol):
    """A connection to the broker that is kept up by itself. ``publish`` may be called from any thread."""

    @property
    def connected(self) -> bool:
        """True while the broker has accepted the connection and all subscriptions, and the network thread lives."""

    def open(self) -> None:
        """Begin to connect, in the background and for ever, with back-off; an absent broker is no error.

        Raises:
            LinkError: the settings cannot work (certificate file missing, bad address).
        """

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False, token: object = None) -> bool:
        """Hand a message to the broker at once, or return False: nothing is ever queued for later.

        ``topic`` is below the base topic. A non-None ``token`` comes back through ``published`` when a QoS 1 message
        is acknowledged; never, when the connection breaks first.
        """

    def close(self, farewell: tuple[str, bytes] | None = None) -> None:
        """Publish the retained farewell (topic, payload) if connected, wait shortly for its ack, and disconnect."""
