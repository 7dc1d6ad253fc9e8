"""What every kind of link shares: its bounds, a message on its way, and calling into the program safely."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LOGGER: Final = logging.getLogger(__name__)

WINDOW: Final = 20
"""How many QoS 1 messages may be unacknowledged at once: what mosquitto allows unless told otherwise."""

QUEUE: Final = 64
"""How many messages other threads may hand over before the network thread has taken one."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to the network thread; ``topic`` is complete."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    token: object


def guarded(function: Callable[..., None], *arguments: object) -> None:
    """Call into the program; an exception there is logged and must not end the link."""
    try:
        function(*arguments)
    except Exception:
        LOGGER.exception("the line link's callback %s failed", getattr(function, "__qualname__", function))
