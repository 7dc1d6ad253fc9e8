"""Which stations may take a bundle while it is rolled out in stages: a station's place is a hash, not a server's list.

Pure. A place is uniform on [0, 1) for each bundle, so that every bundle meets other stations first, and a raised share
keeps all who had their turn.
"""

import hashlib
from typing import Final

EVERYBODY: Final = 1000
"""A share is in per mille of the stations."""

_DOMAIN: Final = b"linegate roll-out v1"
_PLACES: Final = 1 << 64


def place(station: str, bundle_sha256: str) -> int:
    """Return a station's place for a bundle, 0 to 2^64 - 1; ``station`` is ``SITE/LINE/STATION``."""
    text = b"\n".join((_DOMAIN, station.encode(), bundle_sha256.encode()))
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def has_turn(station: str, bundle_sha256: str, share_permille: int) -> bool:
    """Return whether a station belongs to the share of those that may take a bundle; 1000 is all, 0 nobody."""
    return place(station, bundle_sha256) * EVERYBODY < share_permille * _PLACES
