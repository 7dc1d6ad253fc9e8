"""Pictures and requests for tests of the spool and of what reads it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.core.events import Instant, PartKey
from edge.core.types import Box, Decision, Limits
from edge.spool.selection import KeepReason
from edge.spool.sidecar import StationName
from edge.spool.store import Spool, StoreRequest

RECEIVED_MS = 1_760_000_000_000  # 2025-10-09 UTC
DAY = "2025/10/09"
STATION = StationName(site="plant1", line="line3", name="st07")


def picture(seed: int = 0, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Return a noisy colour picture that depends on the seed alone."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image.flags.writeable = False
    return image


def request(seq: int = 1, **changes: object) -> StoreRequest:
    """Return a request to keep a rejected part's picture; any field can be given."""
    fields: dict[str, object] = {
        "image": picture(seq),
        "key": PartKey(session=7, trig=seq, epoch=3, seq=seq),
        "part": "A/1:2",
        "recipe": 2,
        "revision": 5,
        "camera": "top",
        "decision": Decision.REJECT,
        "code": 1001,
        "view_code": 0,
        "score": 0.93,
        "boxes": (Box(x=1, y=2, width=3, height=4, category="scratch", category_id=1, score=0.9),),
        "limits": Limits(accept_below=0.1, reject_above=0.8),
        "bundle": "ab" * 32,
        "received": Instant(mono_ns=1, utc_ms=RECEIVED_MS),
        "captured": Instant(mono_ns=2, utc_ms=RECEIVED_MS + 20),
        "reason": KeepReason.REJECT,
        "station": STATION,
        "software": "0.1.0",
    }
    return StoreRequest(**(fields | changes))  # type: ignore[arg-type]


def open_spool(directory: Path, *, limit_bytes: int = 100 << 20, reserve_bytes: int = 0) -> Spool:
    """Open a spool without a reserve, at the default quality."""
    return Spool.open(directory, limit_bytes=limit_bytes, jpeg_quality=95, reserve_bytes=reserve_bytes)
