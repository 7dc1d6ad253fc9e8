"""Sets of numbers that come nearly in order, in memory that does not grow with their count."""

import heapq
from bisect import bisect_right
from typing import Final

from edge.ledger.report import Findings

AHEAD: Final = 10_000
"""So many numbers may wait for one that was left out; then it is taken for missing."""
MAX_RUNS: Final = 1_000
"""So many runs of numbers are kept of a session; a PLC that counts as it should makes one."""


class Triggers:
    """The trigger numbers of one session that were named so far, as runs without a gap.

    Beyond :data:`MAX_RUNS` every number up to the lowest run's end is taken for named.
    """

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._floor: int | None = None

    def add(self, number: int) -> bool:
        """Note a number; True if it was not named before."""
        firsts, lasts = self._firsts, self._lasts
        place = bisect_right(firsts, number) - 1
        if (self._floor is not None and number <= self._floor) or (place >= 0 and number <= lasts[place]):
            return False
        follows = place >= 0 and lasts[place] == number - 1
        leads = place + 1 < len(firsts) and firsts[place + 1] == number + 1
        if follows and leads:
            lasts[place] = lasts.pop(place + 1)
            firsts.pop(place + 1)
        elif follows:
            lasts[place] = number
        elif leads:
            firsts[place + 1] = number
        else:
            firsts.insert(place + 1, number)
            lasts.insert(place + 1, number)
        if len(firsts) > MAX_RUNS:
            firsts.pop(0)
            self._floor = lasts.pop(0)
        return True


class Numbers:
    """The ``seq`` of one epoch as they come: nearly in order. ``explained`` are those that an anomaly holds."""

    def __init__(self, epoch: int, findings: Findings) -> None:
        self.explained: set[int] = set()
        self._epoch = epoch
        self._findings = findings
        self._whole = 0
        self._ahead: list[int] = []

    def add(self, number: int) -> None:
        """Take a number that a receipt or a loss holds."""
        if number == self._whole + 1 and not self._ahead:
            self._whole = number
            return
        heapq.heappush(self._ahead, number)
        while self._ahead and (self._ahead[0] <= self._whole + 1 or len(self._ahead) > AHEAD):
            self._advance()

    def finish(self) -> None:
        """Report what is missing below the highest number."""
        while self._ahead:
            self._advance()

    def _advance(self) -> None:
        number, first = heapq.heappop(self._ahead), self._whole + 1
        if number > first:
            told = sum(first <= known < number for known in self.explained)
            if number - first > told:
                missing = number - first - told
                self._findings.add(f"epoch {self._epoch}: {missing} of seq {first} to {number - 1} have no event")
        self._whole = max(self._whole, number)
