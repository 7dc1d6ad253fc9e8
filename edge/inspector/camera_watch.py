"""The cameras under watch between parts: one that is not there makes the station not ready, and no part will tell."""

import time
from collections.abc import Mapping
from typing import Final

from camera.source import Source, SourceState
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms

PATIENCE_NS: Final = 2_000_000_000
"""A camera that is away for less is not told: a start, or a hiccup of a stream."""

_WORDS: Final = {
    SourceState.CLOSED: "is closed",
    SourceState.CONNECTING: "is not there yet",
    SourceState.LOST: "was lost, and is looked for again",
}


class CameraWatch:
    """Raises ``alarm/camera`` while a source is away; what the pictures of a part show is the loop's to tell."""

    def __init__(self, sources: Mapping[str, Source], alarms: Alarms) -> None:
        self._sources = sources
        self._alarms = alarms
        self._away_since_ns: dict[str, int] = {}
        self._told = False

    def look(self) -> None:
        """Tell of cameras that have been away for two seconds, and when all of them are back."""
        present_ns = time.monotonic_ns()
        states = {name: source.state for name, source in self._sources.items()}
        away = {name: state for name, state in states.items() if state is not SourceState.READY}
        self._away_since_ns = {name: self._away_since_ns.get(name, present_ns) for name in away}
        told = [name for name, since_ns in self._away_since_ns.items() if present_ns - since_ns >= PATIENCE_NS]
        if told:
            text = "; ".join(f"camera {name!r} ({self._sources[name].identity}) {_WORDS[away[name]]}" for name in told)
            self._alarms.set(Alarm.CAMERA, clock.now(), f"{text}: check its cable and power", value=len(told))
        elif self._told and not away:
            self._alarms.clear(Alarm.CAMERA, clock.now())
        self._told = bool(told) or (self._told and bool(away))
