"""What is audited, on what, and what was promised of it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a bundle promises: escapes stay below ``escape_upper`` at ``confidence``, from so many defective parts."""

    escape_upper: float
    confidence: float
    defective_parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The bundle and the data that it is audited on.

    Args:
        bundle: What to call the bundle.
        product: Its product.
        data: What to call the data.
        judged: How the pictures were judged, a sentence.
        prior: The share of defective parts (0-1) at which its probabilities are calibrated.
        claim: Its risk claim; None makes it provisional.
        parts_needed: How many independent defective parts the loosest claim needs; None where that is not known.
        trained_on: Whether the network was trained on these very pictures.
        date: When, in words.
    """

    bundle: str
    product: str
    data: str
    judged: str
    prior: float
    claim: Claim | None = None
    parts_needed: int | None = None
    trained_on: bool = False
    date: str = ""


def pictures_fingerprint(hashes: Iterable[str]) -> str:
    """Return the fingerprint of a set of pictures as ``bundle.json`` states it: over their files' sorted SHA-256."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode("ascii")).hexdigest()
