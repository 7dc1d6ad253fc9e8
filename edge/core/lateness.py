"""Detecting triggers that were held up on their way, from the PLC's own clock, without any common time."""

import math
from collections import deque
from typing import Final

TICK_MODULUS: Final = 2**32
WINDOW_MS: Final = 600_000
DRIFT: Final = 2e-4
"""By how much the PLC's clock and the station's may run apart: two crystals of 100 ppm each."""


class TickClock:
    """The delay of a session's triggers against the quickest of its last ten minutes.

    Arrival minus the PLC's free-running tick is the transport delay plus an unknown constant; its running minimum
    stands for the quickest way, so the excess over it is how much longer this trigger took. The constant creeps, for no
    two clocks run alike: an older trigger counts as slower by what the clocks may have run apart since
    (:data:`DRIFT`). The minimum is kept in a monotonic queue (amortised constant time).
    """

    def __init__(self) -> None:
        self._session: int | None = None
        self._origin = (0, 0)
        self._minima: deque[tuple[int, float]] = deque()

    def excess_ms(self, session: int, tick: int, arrival_ms: int) -> int:
        """Return by how many milliseconds this trigger surely took longer than the quickest of the last ten minutes.

        ``tick`` wraps at 2**32; 0 means that the PLC has none and gives 0. ``arrival_ms`` is monotonic.
        """
        if tick == 0:
            return 0
        if session != self._session:
            self._session, self._origin = session, (tick, arrival_ms)
            self._minima.clear()
        tick_origin, arrival_origin = self._origin
        elapsed = (tick - tick_origin + TICK_MODULUS // 2) % TICK_MODULUS - TICK_MODULUS // 2
        offset = (arrival_ms - arrival_origin) - elapsed
        self._origin = (tick, arrival_ms - offset)
        crept = DRIFT * arrival_ms
        while self._minima and self._minima[-1][1] >= offset - crept:
            self._minima.pop()
        self._minima.append((arrival_ms, offset - crept))
        while self._minima[0][0] < arrival_ms - WINDOW_MS:
            self._minima.popleft()
        return math.ceil(offset - crept - self._minima[0][1])
