"""Estimates when a frame was exposed, from its arrival and the stream's own time stamps. Pure."""

from dataclasses import dataclass
from typing import Final

from camera.source import Timing

_SETTLE_NS: Final = 500_000_000
_SETTLE_AT_MOST_NS: Final = 5_000_000_000
_FALL_NS: Final = 5_000_000
_WINDOW_NS: Final = 30_000_000_000
_LARGEST_DELAY_NS: Final = 5_000_000_000


class StreamBrokenError(Exception):
    """The stream's stamps went back or the stream fell seconds behind: connect again."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """When a frame was exposed (monotonic nanoseconds), and whether the stream is live enough to use the frame."""

    captured_ns: int
    usable: bool


class StreamClock:
    """Takes the configured latency off a frame's arrival, and any further delay that the stamps reveal.

    A stream that stalled delivers its old frames in a burst: they arrive late, but were exposed long before. Arrival
    minus stamp, less its lowest value of the last half to one minute, is such a frame's extra delay. A new connection
    likewise begins with a backlog: nothing is usable until that lowest value has been steady for half a second.
    Without stamps only the latency is taken off.
    """

    def __init__(self, latency_ns: int) -> None:
        """Start for one connection; ``latency_ns`` is from exposure to arrival."""
        self._latency_ns = latency_ns
        self._stamped = True
        self._settled = False
        self._first_ns: int | None = None
        self._fallen_ns = 0
        self._stamp_ns = 0
        self._bucket_ns = 0
        self._lowest: int | None = None
        self._lowest_before: int | None = None

    @property
    def timing(self) -> Timing:
        """Arrival."""
        return Timing.ARRIVAL

    def observe(self, arrival_ns: int, stamp_ns: int) -> Estimate:
        """Return the estimate for the next frame; ``stamp_ns`` on the stream's own clock, 0 for none.

        Raises:
            StreamBrokenError: The stamps went back, or show a delay of more than five seconds.
        """
        if self._first_ns is None:
            self._first_ns = self._fallen_ns = self._bucket_ns = arrival_ns
        extra_ns = self._extra_delay(arrival_ns, stamp_ns) if self._stamped and stamp_ns > 0 else 0
        if not self._settled:
            self._settled = arrival_ns - self._fallen_ns >= _SETTLE_NS
            if not self._settled and arrival_ns - self._first_ns >= _SETTLE_AT_MOST_NS:
                # These stamps run faster than time: invented by a demuxer, as for MJPEG over HTTP.
                self._stamped, self._settled = False, True
        return Estimate(arrival_ns - self._latency_ns - extra_ns, self._settled)

    def _extra_delay(self, arrival_ns: int, stamp_ns: int) -> int:
        if stamp_ns < self._stamp_ns:
            raise StreamBrokenError("its time stamps went back")
        self._stamp_ns = stamp_ns
        delay_ns = arrival_ns - stamp_ns
        if arrival_ns - self._bucket_ns >= _WINDOW_NS:
            self._bucket_ns, self._lowest_before, self._lowest = arrival_ns, self._lowest, None
        known = [value for value in (self._lowest, self._lowest_before) if value is not None]
        floor_ns = min(known, default=delay_ns)
        if delay_ns < floor_ns - _FALL_NS:
            self._fallen_ns = arrival_ns
        self._lowest = delay_ns if self._lowest is None else min(self._lowest, delay_ns)
        extra_ns = max(0, delay_ns - floor_ns)
        if extra_ns > _LARGEST_DELAY_NS:
            raise StreamBrokenError(f"it fell {extra_ns / 1e9:.1f} s behind")
        return extra_ns


class DriverClock:
    """Takes the driver's own stamps: the start of exposure on the station's monotonic clock.

    A frame whose stamp cannot be true (in the future, or seconds old) is not usable; when there are only such frames
    for five seconds, the driver uses another clock after all.
    """

    def __init__(self, latency_ns: int) -> None:
        """Start for one connection; ``latency_ns`` is from exposure to stamp."""
        self._latency_ns = latency_ns
        self._plausible_ns: int | None = None

    @property
    def timing(self) -> Timing:
        """Driver."""
        return Timing.DRIVER

    def observe(self, arrival_ns: int, stamp_ns: int) -> Estimate:
        """Return the estimate for the next frame.

        Raises:
            StreamBrokenError: The stamps are not of the station's clock.
        """
        plausible = 0 <= arrival_ns - stamp_ns <= _LARGEST_DELAY_NS
        if plausible or self._plausible_ns is None:
            self._plausible_ns = arrival_ns
        if arrival_ns - self._plausible_ns > _LARGEST_DELAY_NS:
            raise StreamBrokenError("the driver's time stamps are not of the station's monotonic clock")
        return Estimate(stamp_ns - self._latency_ns, plausible)
