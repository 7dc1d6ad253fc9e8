"""Bands for the rates of rejects and abstentions: is a rate outside of what is known, at whatever time one looks?

Wealth of betting against "the rate is at most the band's upper end" and "at least its lower end"
(:mod:`edge.core.betting`). The rate may drift inside the band: what counts is the chance of each part given those
before it. A run of bad parts is outside the band while it lasts, and counts as that.
"""

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from edge.core.betting import log_wealth, threshold

_ENDS: Final = 2


class Side(Enum):
    """Where a rate lies."""

    INSIDE = "inside"
    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateBand:
    """The rates that raise no alarm, as shares of all parts, both ends among them.

    Raises:
        ValueError: Not 0 <= low <= high <= 1.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.high <= 1.0:
            raise ValueError(f"a band needs 0 <= low ({self.low}) <= high ({self.high}) <= 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class BandRule:
    """A band, the chance ``alpha`` of a false alarm in one window, and the window in parts.

    After a window without an alarm the count starts anew, so that a long time inside the band does not hide a change.

    Raises:
        ValueError: ``alpha`` is not between 0 and 1, or the window below 1.
    """

    band: RateBand
    alpha: float = 0.01
    window: int = 10_000

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 1.0 or self.window < 1:
            raise ValueError(f"alpha ({self.alpha}) must lie between 0 and 1, the window ({self.window}) be 1 or more")

    @property
    def log_alarm(self) -> float:
        """The logarithm of the e-value at which the rate is outside: ``alpha`` is shared evenly by the two ends."""
        return threshold(self.alpha / _ENDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateWatch:
    """A rate since the watch began, or since its last window; each part gives a new value.

    Once outside it stays so (``side``) until a new watch is begun.
    """

    parts: int = 0
    hits: int = 0
    side: Side = Side.INSIDE

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.parts:
            raise ValueError(f"hits ({self.hits}) must lie between 0 and parts ({self.parts})")

    @property
    def rate(self) -> float | None:
        """The share of parts so far; None without parts."""
        return self.hits / self.parts if self.parts else None

    def seen(self, hit: bool, rule: BandRule) -> "RateWatch":
        """Return the watch after one part more."""
        inside = self.side is Side.INSIDE
        begun = RateWatch() if inside and self.parts >= rule.window else self
        after = replace(begun, parts=begun.parts + 1, hits=begun.hits + hit)
        return replace(after, side=_side(after, rule)) if inside else after


def log_above(parts: int, hits: int, rate: float) -> float:
    """Return the logarithm of the e-value against "the rate is at most this"; -inf where nothing can be above."""
    if rate >= 1.0:
        return -math.inf
    if rate <= 0.0:
        return math.inf if hits else 0.0
    return log_wealth(((1.0 - rate, hits), (-rate, parts - hits)))


def log_below(parts: int, hits: int, rate: float) -> float:
    """Return the logarithm of the e-value against "the rate is at least this"; -inf where nothing can be below."""
    return log_above(parts, parts - hits, 1.0 - rate)


def _side(watch: RateWatch, rule: BandRule) -> Side:
    if log_above(watch.parts, watch.hits, rule.band.high) >= rule.log_alarm:
        return Side.ABOVE
    if log_below(watch.parts, watch.hits, rule.band.low) >= rule.log_alarm:
        return Side.BELOW
    return Side.INSIDE
