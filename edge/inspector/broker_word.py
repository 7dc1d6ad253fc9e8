"""What the broker says of the station's messages, and what it means: one alarm for all that keeps results away."""

import logging
import threading
from typing import Final

from edge.core import wire
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms

FAILED: Final = 0x80
"""MQTT 5 reason codes from here on say that the broker did not take the message."""

NOBODY: Final = 0x10
"""MQTT 5: nobody has subscribed, so it was thrown away."""

_LISTENED_TO: Final = (wire.RESULT,)
"""Where silence at the other end is a fault. Nobody need listen to the others: history waits, alarms are retained."""

_LOG: Final = logging.getLogger(__name__)


def taken(reason: int) -> bool:
    """Tell whether a message has reached somebody, or stands retained."""
    return reason < FAILED and reason != NOBODY


class LinkAlarm:
    """Keeps ``alarm/link``: raised while there is no connection, or while results or reports do not get through.

    May be told from any thread.
    """

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._lock = threading.Lock()
        self._refused: dict[str, int] = {}
        self._logged: set[str] = set()
        self._trouble: str | None = None

    def answered(self, topic: str, reason: int) -> None:
        """Take the broker's answer to a message on a topic below the base."""
        with self._lock:
            if reason >= FAILED or (reason == NOBODY and topic in _LISTENED_TO):
                self._refused[topic] = reason
            elif self._refused.pop(topic, None) is None:
                return
            self._show()

    def connection(self, trouble: str | None) -> None:
        """Take why there is no connection, None where there is one."""
        with self._lock:
            if trouble != self._trouble:
                self._trouble = trouble
                self._show()

    def connected(self) -> None:
        """Forget what was refused on the connection before."""
        with self._lock:
            self._refused.clear()
            self._logged.clear()
            self._trouble = None
            self._show()

    def _show(self) -> None:
        if self._trouble is not None:
            self._alarms.set(Alarm.LINK, clock.now(), f"no connection to the broker: {self._trouble}")
        elif self._refused:
            topic = min(self._refused, key=lambda one: (one not in _LISTENED_TO, one))
            text = _text(topic, self._refused[topic])
            self._alarms.set(Alarm.LINK, clock.now(), text, value=self._refused[topic])
            if text not in self._logged:  # a broker that refuses everything refuses the alarm as well
                self._logged.add(text)
                _LOG.warning("%s", text)
        else:
            self._alarms.clear(Alarm.LINK, clock.now())


def _text(topic: str, reason: int) -> str:
    if reason == NOBODY:
        return f"nobody receives {topic}: is the PLC connected, and subscribed to it?"
    return (
        f"the broker refuses {topic} (reason 0x{reason:02x}): check this station's access list and the broker's quota"
    )
