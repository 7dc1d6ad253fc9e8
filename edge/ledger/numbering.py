"""Finding numbers of an epoch that no event holds, in memory that does not grow with the epoch."""

import heapq
from typing import Final

from edge.ledger.report import Findings

AHEAD: Final = 10_000
"""So many numbers may wait for one that was left out; then it is taken for missing."""


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
