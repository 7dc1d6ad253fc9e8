"""What is audited, on what, and what was promised of it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from edge.core.types import Limits
from models.preprocess import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a bundle promises: escapes stay below ``escape_upper`` at ``confidence``, from so many defective parts."""

    escape_upper: float
    confidence: float
    defective_parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectView:
    """What the pictures of one view are judged by.

    Args:
        name: The view; empty where all pictures are judged alike.
        bundle: What to call its bundle.
        limits: Those in force.
        bundle_limits: The bundle's own.
        roi: x, y, width, height in pixels; None where the whole picture is judged.
        commissioned: The SHA-256 of its commissioned file, None without one.
        catalogue: The SHA-256 over its catalogue and the limit samples, None without one.
        excuses: Whether the catalogue accepts what the bundle does not.
    """

    name: str
    bundle: str
    limits: Limits
    bundle_limits: Limits
    roi: Region | None = None
    commissioned: str | None = None
    catalogue: str | None = None
    excuses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The bundle and the data that it is audited on.

    Args:
        bundle: What to call the bundle.
        product: Its product.
        data: What to call the data.
        judged: How the pictures were judged, in sentences.
        prior: The share of defective parts (0-1) at which its probabilities are calibrated; None where views differ.
        views: What the pictures of each view were judged by; empty where the bundle alone judged them.
        claim: The risk that is claimed for what is judged so; None makes it provisional.
        parts_needed: How many independent defective parts the loosest claim needs; None where that is not known.
        trained_on: Whether the network was trained on this very set of pictures.
        trained_files: Those of the pictures that it was trained on; None where the bundle does not tell.
        commissioned_files: Those that set or proved a view's commissioned rules; None where no file tells.
        chose_limits: Whether the limits were chosen on the scores of these very pictures.
        doubts: What else is open, in sentences.
        date: When, in words.
    """

    bundle: str
    product: str
    data: str
    judged: str
    prior: float | None
    views: tuple[SubjectView, ...] = ()
    claim: Claim | None = None
    parts_needed: int | None = None
    trained_on: bool = False
    trained_files: tuple[str, ...] | None = None
    commissioned_files: tuple[str, ...] | None = None
    chose_limits: bool = False
    doubts: tuple[str, ...] = ()
    date: str = ""


def pictures_fingerprint(hashes: Iterable[str]) -> str:
    """Return the fingerprint of a set of pictures as ``bundle.json`` states it: over their files' sorted SHA-256."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode("ascii")).hexdigest()
