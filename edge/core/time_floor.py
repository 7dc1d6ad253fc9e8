"""The earliest that it can be: a time that only rises, and only by witnesses better than the station's own clock.

Pure; times are Unix seconds. A station whose clock was reset must not take expired metadata for fresh. What is called
fresh is so only up to this floor: against somebody who withholds newer metadata from a station that has neither NTP
nor newer signatures, nothing more can be claimed (TUF specification 1.0.33, sections 1.5.2 and 5.3: freeze attacks).
"""

from typing import Final

SYNCHRONISED_WITHIN_S: Final = 16.0
"""Estimated error above which a kernel's clock does not count as synchronised (RFC 5905: MAXDISP)."""


def raised(floor: float, *, clock: float, synchronised: bool, signed: float | None) -> float:
    """Return the new floor.

    ``clock`` counts if it is ``synchronised``; else ``signed``, a moment that a trusted signature vouches for (None:
    none): where both are there, a publisher whose clock is ahead must not block the station for years. It never falls.
    """
    if synchronised:
        return max(floor, clock)
    return floor if signed is None else max(floor, signed)


def reference(floor: float, clock: float) -> float:
    """Return the moment that expiry is judged by: the clock's, but never before the floor."""
    return max(floor, clock)
