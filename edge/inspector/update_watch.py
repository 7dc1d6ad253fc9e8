"""What comes of attempts to bring bundles here: ``alarm/update`` stands while a source gives what is refused."""

import datetime as dt
import threading
from dataclasses import dataclass
from typing import Final

from edge.core.events import Instant
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.operating import UpdateRequest

STANDS_NS: Final = 24 * 3600 * 1_000_000_000
"""A source that is not heard of again, a stick for example, is told for so long, whatever becomes of the clock."""

SOURCES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused:
    text: str
    told_ns: int


class UpdateWatch:
    """Keeps the alarm; told from operators' threads, looked at by the supervisor."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._standing: dict[str, _Refused] = {}
        self._lock = threading.Lock()

    def tell(self, request: UpdateRequest) -> None:
        """Take in how an attempt ended."""
        present = clock.now()
        with self._lock:
            self._standing.pop(request.source, None)
            if request.refusal:
                self._standing[request.source] = _Refused(
                    text=f"{request.refusal}: {request.text}", told_ns=present.mono_ns
                )
                for source in list(self._standing)[:-SOURCES]:
                    del self._standing[source]
            self._show(present)

    def look(self) -> None:
        """Let go of what has not been heard of for a day."""
        present = clock.now()
        with self._lock:
            old = [name for name, one in self._standing.items() if present.mono_ns - one.told_ns > STANDS_NS]
            for source in old:
                del self._standing[source]
            if old:
                self._show(present)

    def _show(self, present: Instant) -> None:
        if self._standing:
            last = next(reversed(self._standing.values()))
            self._alarms.set(Alarm.UPDATE, present, last.text, value=len(self._standing))
        else:
            self._alarms.clear(Alarm.UPDATE, present)


def recorded_text(request: UpdateRequest) -> str:
    """Return what the record holds of an attempt."""
    when = f"{dt.datetime.fromtimestamp(request.at / 1000, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    what = f"refused ({request.refusal})" if request.refusal else "taken" if request.bundle else "well again"
    return ", ".join(
        part for part in (what, request.bundle, request.text, f"source {request.source}", f"at {when}") if part
    )
