"""The link's own certificates under watch: told before they end, and what is wrong with them once they have."""

import datetime as dt
import logging
import time
from pathlib import Path
from typing import Final

from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms
from edge.line.certificate import WARN_DAYS, Ending, ending, validities
from edge.line.link import LinkError
from edge.line.settings import LinkSettings

LOOK_NS: Final = 3_600_000_000_000
"""How often the files are looked at although nothing about them has changed."""

_LOG: Final = logging.getLogger(__name__)


class CertificateWatch:
    """Keeps ``alarm/cert``: raised from 30 days before a certificate of the link ends until it is renewed."""

    def __init__(self, settings: LinkSettings, alarms: Alarms) -> None:
        self._settings = settings
        self._alarms = alarms
        self._seen: tuple[object, ...] | None = None
        self._next_ns = 0
        self._told: str | None = None

    def look(self) -> None:
        """Read the files if they have changed or an hour has gone by; cheap otherwise."""
        present_ns = time.monotonic_ns()
        seen = tuple(_stamp(path) for path in (self._settings.cert, self._settings.ca))
        if seen == self._seen and present_ns < self._next_ns:
            return
        self._seen, self._next_ns = seen, present_ns + LOOK_NS
        self._tell(self._judge())

    def _judge(self) -> Ending | None:
        try:
            return ending(validities(self._settings), dt.datetime.now(dt.UTC))
        except LinkError as error:
            return Ending(days_left=0, text=str(error))

    def _tell(self, found: Ending | None) -> None:
        if found is None:
            self._alarms.clear(Alarm.CERT, clock.now())
        else:
            self._alarms.set(Alarm.CERT, clock.now(), found.text, value=found.days_left, limit=WARN_DAYS)
        text = None if found is None else found.text
        if text is not None and text != self._told:
            _LOG.warning("%s", text)
        self._told = text


def _stamp(path: Path | None) -> object:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return status.st_ino, status.st_mtime_ns, status.st_size
