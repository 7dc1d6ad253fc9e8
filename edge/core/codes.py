"""Reason codes of a verdict, a refusal or a loss, as they stand on the wire (docs/line-contract.md lists them)."""

from enum import IntEnum
from typing import Final

REJECT_BASE: Final = 1000
"""A reject's code is this plus the id of the defect's class in the bundle (1 is the first); 1000 alone: unknown."""

SCORE_NONE: Final = 65535
"""The score on the wire when no view has one."""


class Code(IntEnum):
    """Why a part was not accepted, or a trigger not judged. 0 is an accept's.

    Hundreds name the stage: 1 trigger, 2 camera and frame, 3 model, 4 store, 5 recipe. Codes are never re-used for
    another meaning.
    """

    NONE = 0

    LATE_TRIGGER = 101
    DEADLINE = 102
    BUSY = 103
    NOT_READY = 104
    STOPPING = 105
    RETAINED = 110
    FOREIGN_EPOCH = 111
    SUPERSEDED_SESSION = 112
    MALFORMED = 113
    OVERSIZED = 114
    GAP = 120
    TIMED_OUT_AT_PLC = 121
    ORPHAN = 122
    PASSED_BY = 123

    CAMERA_UNAVAILABLE = 201
    CAMERA_TIMEOUT = 202
    CAPTURE_OVERRUN = 203
    FRAME_UNCHANGED = 204
    FRAME_IDENTICAL = 205
    VIEW_MISSING = 206
    FRAME_UNREADABLE = 207
    FRAME_SHAPE = 208
    TIMING_UNKNOWN = 209
    TOO_DARK = 210
    TOO_BRIGHT = 211
    TOO_FLAT = 212
    BLURRED = 213
    MOVED = 214

    MODEL_FAILED = 301
    SCORE_INVALID = 302
    UNCERTAIN = 303
    MODEL_MISSING = 304
    MODEL_NOT_ALLOWED = 305
    NOVEL = 306
    CANARY_DISAGREES = 307
    CANARY_SILENT = 308

    STORE_FAILED = 401
    STORE_LATE = 402

    RECIPE_UNKNOWN = 501
    RECIPE_NOT_LOADED = 502
    RECIPE_CHANGING = 503


MISSED: Final = frozenset({Code.GAP, Code.TIMED_OUT_AT_PLC, Code.PASSED_BY})
"""The losses of parts whose trigger never reached the station."""


def describe(code: int) -> str:
    """Return a code's meaning in a few words for people, e.g. ``too dark`` or ``defect of class 2``."""
    if code >= REJECT_BASE:
        return "defect" if code == REJECT_BASE else f"defect of class {code - REJECT_BASE}"
    try:
        known = Code(code)
    except ValueError:
        return f"unknown code {code}"
    return "none" if known is Code.NONE else known.name.lower().replace("_", " ")
