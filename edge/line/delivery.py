"""What every kind of link shares: its bounds, a message on its way, and calling into the program safely."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.core import wire

LOGGER: Final = logging.getLogger(__name__)

WINDOW: Final = 20
"""How many QoS 1 messages may be unacknowledged at once: what mosquitto allows unless told otherwise."""

REPLAY_SHARE: Final = 2
"""What is replayed (``hist/result``) may fill the window's half only: a live result must never wait behind it."""

QUEUE: Final = 64
"""How many messages other threads may hand over before the network thread has taken one."""


def room(topic: str, window: int) -> int:
    """Return how many messages may be unacknowledged when one goes out on this topic (below the base)."""
    return max(1, window // REPLAY_SHARE) if topic == wire.HISTORY else window


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to the network thread; ``topic`` is below the base topic, ``not_after_ns`` monotonic."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    token: object
    not_after_ns: int | None

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.not_after_ns is not None and time.monotonic_ns() >= self.not_after_ns


def guarded(function: Callable[..., None], *arguments: object) -> None:
    """Call into the program; an exception there is logged and must not end the link."""
    try:
        function(*arguments)
    except Exception:
        LOGGER.exception("the line link's callback %s failed", getattr(function, "__qualname__", function))
