"""Both clocks read together, and times of stages."""

import time

from edge.core.events import Instant

NS_PER_MS = 1_000_000


def now() -> Instant:
    """Return this moment on the monotonic and on the calendar clock."""
    return Instant(mono_ns=time.monotonic_ns(), utc_ms=time.time_ns() // NS_PER_MS)


def at(mono_ns: int) -> Instant:
    """Return a recent monotonic instant with the calendar time that it had."""
    present = now()
    return Instant(mono_ns=mono_ns, utc_ms=present.utc_ms - (present.mono_ns - mono_ns) // NS_PER_MS)


class StageClock:
    """Adds up how long each named stage of one part took, in nanoseconds."""

    def __init__(self, start_ns: int) -> None:
        self._mark_ns = start_ns
        self.stages_ns: dict[str, int] = {}

    def lap(self, stage: str) -> None:
        """Book the time since the last lap under ``stage``."""
        present = time.monotonic_ns()
        self.add(stage, present - self._mark_ns)
        self._mark_ns = present

    def split(self, stage: str, part_ns: int) -> None:
        """Book ``part_ns`` of the time since the last lap under ``stage``; the rest stays for the next lap."""
        self.add(stage, part_ns)
        self._mark_ns += part_ns

    def add(self, stage: str, duration_ns: int) -> None:
        """Book a duration under ``stage``."""
        self.stages_ns[stage] = self.stages_ns.get(stage, 0) + duration_ns
