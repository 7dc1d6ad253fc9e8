"""How the C library keeps the memory of pictures: the daemon's resident size must neither creep nor cost time."""

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

WHOLE_FRAME: Final = 4 << 20
"""Bytes from which a block goes back to the kernel at once: a full-HD frame (6 MB), not what is made of its half."""

KEPT: Final = 16 << 20
ARENAS: Final = 2


def settle() -> bool:
    """Keep small blocks for the next part and give whole frames back; False where the C library has no such setting.

    Left alone, glibc learns from the first freed frame to take frames from a heap of each thread, where what is freed
    is not given back; and giving the small ones back costs milliseconds a part in page faults. See mallopt(3). To be
    called before threads are started.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    taken = [mallopt(_MMAP_THRESHOLD, WHOLE_FRAME), mallopt(_TRIM_THRESHOLD, KEPT), mallopt(_ARENA_MAX, ARENAS)]
    return all(taken)
