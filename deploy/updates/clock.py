"""The station's clock, and whether it is synchronised."""

import ctypes
import time
from dataclasses import dataclass
from typing import Final

from edge.core.time_floor import SYNCHRONISED_WITHIN_S

_STRUCTURE_BYTES: Final = 256  # struct timex has 208 on 64-bit Linux
_MAXIMUM_ERROR_AT: Final = 24
_STATUS_AT: Final = 40
_UNSYNCHRONISED: Final = 0x0040  # STA_UNSYNC


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The clock's time (Unix seconds), and whether NTP, PTP or the like vouches for it."""

    unix_s: float
    synchronised: bool


def present() -> Moment:
    """Return the time now; where the kernel does not say how good it is, it does not count as synchronised.

    adjtimex(2) with no mode set only reads; chrony, ntpd, systemd-timesyncd and ptp4l all keep what it tells.
    """
    buffer = ctypes.create_string_buffer(_STRUCTURE_BYTES)
    try:
        answered = ctypes.CDLL(None, use_errno=True).adjtimex(buffer) >= 0
    except (OSError, AttributeError):
        answered = False
    status = int.from_bytes(buffer.raw[_STATUS_AT : _STATUS_AT + 4], "little")
    error_us = int.from_bytes(buffer.raw[_MAXIMUM_ERROR_AT : _MAXIMUM_ERROR_AT + 8], "little", signed=True)
    good = answered and not status & _UNSYNCHRONISED and 0 <= error_us <= SYNCHRONISED_WITHIN_S * 1e6
    return Moment(unix_s=time.time(), synchronised=good)
