"""The station's alarms: what is wrong now, since when, and how wrong, for people (never interlocked on)."""

import threading
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.core import wire
from edge.core.events import Instant


class Alarm(StrEnum):
    """The alarms that this station knows; names are topics, at most 7 characters."""

    CAMERA = "camera"
    MODEL = "model"
    LEDGER = "ledger"
    LINK = "link"
    CERT = "cert"
    PLC = "plc"
    STATE = "state"
    SPOOL = "spool"
    TRIGGER = "trigger"
    TRUTH = "truth"
    MISSED = "missed"
    EARLY = "early"
    LATE = "late"
    ARCHIVE = "archive"
    GOLDEN = "golden"
    ROLLED = "rolled"
    RATES = "rates"
    BUNDLES = "bundles"
    UPDATE = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmState:
    """One alarm: raised or not, since when (Unix ms), the value and the limit that it broke, and a text."""

    raised: bool
    since: int
    value: float
    limit: float
    text: str


class Alarms:
    """All alarms, from any thread; every one is published, raised or not, so that no stale one stands retained."""

    def __init__(self, at: Instant) -> None:
        quiet = AlarmState(raised=False, since=at.utc_ms, value=0, limit=0, text="")
        self._states = dict.fromkeys(Alarm, quiet)
        self._lock = threading.Lock()

    def set(self, alarm: Alarm, at: Instant, text: str, *, value: float = 1, limit: float = 0) -> None:
        """Raise an alarm, or renew one that stands: ``since`` is kept."""
        with self._lock:
            old = self._states[alarm]
            since = old.since if old.raised else at.utc_ms
            self._states[alarm] = AlarmState(raised=True, since=since, value=value, limit=limit, text=text[:200])

    def clear(self, alarm: Alarm, at: Instant) -> None:
        """Clear an alarm; without effect where it is not raised."""
        with self._lock:
            old = self._states[alarm]
            if old.raised:
                self._states[alarm] = replace(old, raised=False, since=at.utc_ms, value=0)

    def raised(self, alarm: Alarm) -> bool:
        """Return whether an alarm stands."""
        return self._states[alarm].raised

    def messages(self) -> list[tuple[str, bytes]]:
        """Return topic and payload of every alarm."""
        with self._lock:
            states = dict(self._states)
        return [
            (
                wire.alarm_topic(alarm),
                wire.encode(
                    {
                        "name": alarm.value,
                        "raised": int(state.raised),
                        "since": state.since,
                        "value": state.value,
                        "limit": state.limit,
                        "text": state.text,
                    }
                ),
            )
            for alarm, state in states.items()
        ]
