"""The archive's member names and bounds, shared by reader and writer."""

import re
from typing import Final

MANIFEST: Final = "bundle.json"
MODEL: Final = "model.tflite"
METRICS: Final = "metrics.json"
REPORT: Final = "report.html"
CARD: Final = "MODEL_CARD.md"
GOLDEN_EXPECTED: Final = "golden/expected.json"
GOLDEN_PICTURE: Final = re.compile(r"golden/[A-Za-z0-9_-]{1,48}\.(jpg|png)")

REQUIRED: Final = (MANIFEST, MODEL, METRICS, REPORT, CARD, GOLDEN_EXPECTED)

ENTRANCE: Final = "entrance"
REST: Final = "rest"
"""Signatures of a network in two parts: what is run strip by strip, and what is run once on the map that this makes."""

MEMBERS_MAX: Final = 64
FILE_BYTES_MAX: Final = 64 * 1024 * 1024
"""A bundle for the station's processors is a few megabytes; beyond this it is refused unread."""


def is_known(name: str) -> bool:
    """Tell whether the format has a member of this name."""
    return name in REQUIRED or GOLDEN_PICTURE.fullmatch(name) is not None
