"""Which parts' pictures are worth keeping: pure rules."""

from enum import StrEnum
from hashlib import blake2b
from typing import Final

from edge.core.types import Decision

ACCEPT_SHARE: Final = 0.02
"""The share (0-1) of accepted parts that is kept, so that what is labelled is not only what the model doubted."""

_HASH_BYTES: Final = 8


class KeepReason(StrEnum):
    """Why a picture is kept; the value stands in its side-car."""

    REJECT = "reject"
    CANNOT_JUDGE = "cannot_judge"
    ACCEPT_SAMPLE = "accept_sample"


def keep_reason(decision: Decision, epoch: int, seq: int, *, accept_share: float = ACCEPT_SHARE) -> KeepReason | None:
    """Return why a part's pictures are kept, None if they are not.

    Rejects and cannot-judges always (the caller asks only where there is a picture); of accepts the share
    ``accept_share`` (0-1), drawn by a hash of the part's numbers: the same part always gets the same answer, and a
    larger share keeps all that a smaller one kept.
    """
    if decision is Decision.REJECT:
        return KeepReason.REJECT
    if decision is Decision.CANNOT_JUDGE:
        return KeepReason.CANNOT_JUDGE
    return KeepReason.ACCEPT_SAMPLE if _draw(epoch, seq) < accept_share else None


def _draw(epoch: int, seq: int) -> float:
    """Return a number from 0 to below 1 that depends on the part's numbers alone."""
    digest = blake2b(f"{epoch}-{seq}".encode(), digest_size=_HASH_BYTES).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)
