"""The golden test of what is in use: what its outcome means for the station, and one on request."""

import logging
import time
from typing import Final

from edge.inspector import clock
from edge.inspector.alarms import Alarm
from edge.inspector.selftest import SelfTest
from edge.inspector.service.errors import ModelRefusedError
from edge.inspector.service.workshop import Parts, Workshop, with_product

HEARTBEAT_S: Final = 0.6
"""So long the station says that it is not ready before a test begins: the PLC has heard it by then."""
AGAIN_S: Final = 10.0
"""Tests come no closer than this: each takes the station out of service for a second."""
_PROVED: Final = SelfTest(pictures=1, faults=(), milliseconds=0)
_LOG: Final = logging.getLogger(__name__)


class GoldenTest:
    """Tests what is in use; a station that fails is not ready and accepts nothing. Used by one thread at a time.

    ``failed`` tells why the active bundle does not pass, None where it does or another one is to blame.
    """

    def __init__(self, parts: Parts, workshop: Workshop, tested: SelfTest) -> None:
        """Take over; ``tested`` is what the test at the start came to."""
        self._parts = parts
        self._workshop = workshop
        self._ended = -AGAIN_S
        self.failed: str | None = None
        self._note_for_product(tested)

    def proved(self) -> None:
        """Note that what is in use from now on passed a moment ago."""
        self._note_for_product(_PROVED)

    def run(self) -> SelfTest:
        """Judge the golden pictures by what is in use, while the station says that it is not ready.

        Raises:
            ModelRefusedError: The last test was a moment ago.
        """
        if time.monotonic() - self._ended < AGAIN_S:
            raise ModelRefusedError(f"a self-test ended less than {AGAIN_S:g} s ago: try again later")
        station = self._parts.station
        station.testing = True
        try:
            time.sleep(HEARTBEAT_S)
            self._parts.gaps.wait()
            recipes = self._parts.serving.recipes
            tested = self._workshop.tested(recipes)
            with self._workshop.turn:
                if recipes is self._parts.serving.recipes:  # what has come into office meanwhile was proved then
                    self._note(tested)
        finally:
            self._ended = time.monotonic()
            station.testing = False  # the last of all: no part is judged before what came of it is known
        return tested

    def _note_for_product(self, tested: SelfTest) -> None:
        self._note(with_product(tested, self._parts.config.models.product, self._workshop.product))

    def _note(self, tested: SelfTest) -> None:
        active = self._workshop.slots.active
        self.failed = tested.text if active is not None and active.sha256 in tested.failed else None
        self._parts.station.self_test_failed = not tested.passed
        alarms = self._parts.alarms
        if tested.passed:
            alarms.clear(Alarm.GOLDEN, clock.now())
            return
        text = f"self-test failed, nothing is accepted: {tested.text}"
        if not alarms.raised(Alarm.GOLDEN):
            _LOG.error("%s", text)
        alarms.set(Alarm.GOLDEN, clock.now(), text)
