"""The timer trigger: a part every so many seconds, for lines whose PLC cannot trigger; results go to evt/auto."""

import logging
import threading
from collections.abc import Callable
from typing import Final

_LOG: Final = logging.getLogger(__name__)


class TimerTrigger:
    """Calls ``trigger`` every ``period_s`` seconds while ``ready`` says so, from its own thread."""

    def __init__(self, period_s: float, *, trigger: Callable[[], None], ready: Callable[[], bool]) -> None:
        self._period_s = period_s
        self._trigger = trigger
        self._ready = ready
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="timer-trigger", daemon=True)

    def start(self) -> None:
        """Begin; the first part comes after one period."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join(timeout=1.0)

    def _work(self) -> None:
        while not self._stopping.wait(self._period_s):
            try:
                if self._ready():
                    self._trigger()
            except Exception:  # noqa: BLE001 - the next part comes all the same
                _LOG.exception("a part of the timer could not be taken on")
