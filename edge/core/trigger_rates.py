"""When missed, early or late triggers are so frequent that somebody should look: a rule over running totals."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WINDOW_MS: Final = 600_000
SAMPLE_MS: Final = 10_000
FEWEST: Final = 3
"""So many in a window are worth a word, if they are a large enough share."""

LIMIT_PERCENT: Final = 1.0
RELEASE: Final = 0.5
"""Below this share of the limit a raised alarm is cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often one thing went wrong in the last ten minutes: ``count`` of ``triggers``; ``raised``: too often."""

    count: int
    triggers: int
    raised: bool

    @property
    def percent(self) -> float:
        """The share, 0 to 100."""
        return 100.0 * self.count / self.triggers if self.triggers else 0.0


class TriggerRates:
    """Follows running totals; the window's rate is the newest total less the one of ten minutes ago."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._samples: deque[tuple[int, int, dict[str, int]]] = deque()
        self._raised = dict.fromkeys(names, False)

    def update(self, at_ms: int, triggers: int, totals: Mapping[str, int]) -> dict[str, Rate]:
        """Take the totals since the start at a monotonic time, and return every rate.

        ``triggers`` counts those that arrived and those that should have.
        """
        if not self._samples:
            self._samples.append((at_ms, 0, dict.fromkeys(self._names, 0)))
        elif at_ms - self._samples[-1][0] >= SAMPLE_MS:
            self._samples.append((at_ms, triggers, {name: totals[name] for name in self._names}))
        while len(self._samples) > 1 and self._samples[1][0] <= at_ms - WINDOW_MS:
            self._samples.popleft()
        _, triggers_then, then = self._samples[0]
        return {name: self._rate(name, totals[name] - then[name], triggers - triggers_then) for name in self._names}

    def _rate(self, name: str, count: int, triggers: int) -> Rate:
        limit = LIMIT_PERCENT * (RELEASE if self._raised[name] else 1.0)
        percent = 100.0 * count / triggers if triggers else 0.0
        enough = count >= FEWEST or (self._raised[name] and count > 0)
        self._raised[name] = enough and percent >= limit
        return Rate(count=count, triggers=triggers, raised=self._raised[name])
