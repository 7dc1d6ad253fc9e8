"""The thread that looks after the models: what must happen without anybody asking."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from edge.inspector.alarms import Alarm
from edge.inspector.recipes import all_active
from edge.inspector.selftest import SelfTest
from edge.inspector.service.service import ModelService
from edge.inspector.service.workshop import Parts
from edge.inspector.trial.running import Trial

TICK_S: Final = 1.0
STOP_S: Final = 8.0
PATIENCE_NS: Final = 3_000_000_000
"""So long the active bundle may fail before the previous one takes its place."""
AGAIN_NS: Final = 30_000_000_000
"""Where nothing can take its place that is tried again so much later: loading bundles costs the line."""
SETTLED_NS: Final = 600_000_000_000
"""After so long without a bad end a bundle's crashes are forgotten."""
_LOG: Final = logging.getLogger(__name__)


class ModelWatch:
    """Makes the :class:`ModelService`, and does its errands: candidates that fell, trials that go on, rates, health."""

    def __init__(self, parts: Parts, tested: SelfTest) -> None:
        self._parts = parts
        self.service = ModelService(parts, tested, fell=self._fell)
        self._errands: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._failing_since_ns: int | None = None
        self._try_from_ns = 0
        self._started_ns = time.monotonic_ns()
        self._settled = False
        self._thread = threading.Thread(target=self._work, name="models", daemon=True)

    def start(self) -> None:
        """Begin; a trial that went on before goes on."""
        self.service.start()
        self._errands.put(self.service.resume)
        self._errands.put(self.service.keep_ready)
        self._thread.start()

    def stop(self, *, clean: bool) -> None:
        """End; a trial's state stays for the next start, and so does the mark of an end that is not ``clean``."""
        self._stopping.set()
        self._errands.put(_nothing)
        self.service.stop(clean=clean)
        self._thread.join(STOP_S)

    def errand(self, errand: Callable[[], object]) -> None:
        """Have something done in the thread that looks after the models, soon; never waits."""
        self._errands.put(errand)

    def look(self) -> None:
        """Look after all of it once."""
        self.service.look_at_rates()
        self._look_at_active()
        self.service.take_in()
        if not self._settled and time.monotonic_ns() - self._started_ns >= SETTLED_NS:
            self.service.forget_crashes()
            self._settled = True

    def _work(self) -> None:
        next_look = time.monotonic() + TICK_S
        while not self._stopping.is_set():
            with suppress(queue.Empty):
                self._survive(self._errands.get(timeout=max(0.0, next_look - time.monotonic())))
            # However many errands there are: an MES may ask for a test again and again.
            if time.monotonic() >= next_look:
                self._survive(self.look)
                next_look = time.monotonic() + TICK_S

    @staticmethod
    def _survive(errand: Callable[[], object]) -> None:
        try:
            errand()
        except Exception:  # noqa: BLE001 - whatever fails, the models are looked after
            _LOG.exception("looking after the models met a fault and goes on")

    def _look_at_active(self) -> None:
        """Have the active bundle give way where its answers, the line or its golden pictures say that it fails."""
        active = self.service.slots.active
        if active is None:
            return
        reason = self.service.health.failing()
        present = time.monotonic_ns()
        # Where other bundles judge too, the alarm does not say whose it is.
        if not self._parts.alarms.raised(Alarm.MODEL) or not all_active(self._parts.config.recipes):
            self._failing_since_ns = None
        elif self._failing_since_ns is None:
            self._failing_since_ns = present
        elif present - self._failing_since_ns >= PATIENCE_NS:
            reason = reason or "it fails, and does not recover"
        if reason is None and self.service.golden.failed is not None:
            reason = f"it fails its golden pictures: {self.service.golden.failed}"
        if reason is not None and present >= self._try_from_ns:
            self._failing_since_ns = None
            if not self.service.give_way(active, reason):
                self._try_from_ns = time.monotonic_ns() + AGAIN_NS

    def _fell(self, trial: Trial, reason: str) -> None:
        """Take that a candidate must not go on; from its own thread or the loop's."""
        self._errands.put(partial(self._withdraw, trial, reason))

    def _withdraw(self, trial: Trial, reason: str) -> None:
        # What stops the station may end the candidate's process too: the trial goes on with the next start.
        stopping = self._stopping.is_set() or self._parts.station.stopping
        if not stopping and not self.service.withdraw(trial, reason):
            self._stopping.wait(TICK_S)
            self._errands.put(partial(self._withdraw, trial, reason))


def _nothing() -> None:
    return None
