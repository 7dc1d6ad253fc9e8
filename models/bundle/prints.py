"""Short prints of single pictures, by which a set that shares some with another is recognised; pure."""

import json
from collections.abc import Iterable
from typing import Final

from models.bundle.contents import Bundle

PRINT_DIGITS: Final = 16
"""Hex digits of the SHA-256 over a picture's file: 64 bits, in which two pictures of millions hardly ever meet."""
TRAINED_PICTURES: Final = "trained_pictures"
"""The key of ``metrics.json`` that holds the prints of the photos which the network was trained on, sorted."""


def picture_print(sha256: str) -> str:
    """Return the print of a picture from the SHA-256 over its file, both in lower-case hex."""
    return sha256[:PRINT_DIGITS]


def sorted_prints(hashes: Iterable[str]) -> list[str]:
    """Return the prints of a set of pictures, each once."""
    return sorted({picture_print(sha256) for sha256 in hashes})


def trained_prints(bundle: Bundle) -> frozenset[str] | None:
    """Return the prints of the photos that a bundle's network was trained on; None where the bundle does not tell.

    Bundles made before there were prints do not; ``metrics.json`` has no schema, so that anything else is not telling.
    """
    try:
        metrics = json.loads(bundle.metrics)
    except (ValueError, RecursionError):
        return None
    told = metrics.get(TRAINED_PICTURES) if isinstance(metrics, dict) else None
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        return None
    return frozenset(told)
