"""Why no bundle was taken: one family of errors, each with one of these reasons."""

from enum import StrEnum
from typing import Final


class Refusal(StrEnum):
    """The reason; its value is what people read."""

    TAMPERED = "tampered"
    """A file's content is not what was signed."""
    WRONG_KEY = "wrong key"
    """Signed by nobody, or by a key that is not trusted, or no more."""
    ROLLED_BACK = "rolled back"
    """Older than what this station has seen."""
    EXPIRED = "expired"
    """Out of date: maybe somebody holds newer metadata back."""
    MIXED = "mixed"
    """Files that do not belong together."""
    TOO_BIG = "too big"
    """More bytes than were announced, or than any bundle has."""
    DAMAGED = "damaged bundle"
    """Signed as it is, but no bundle that this software can read."""
    UNSIGNED = "unsigned"
    """A plain file, on a station that takes signed bundles only."""
    UNTRUSTED = "no root key"
    """There is no root to trust, or it cannot be used."""
    PRODUCT = "other product"
    """Somebody asked for it; on its own a station passes it over in silence, as it does the next."""
    TURN = "not this station's turn"
    SOFTWARE = "software too old"
    UNKNOWN = "not on offer"
    UNREACHABLE = "unreachable"
    DISK = "disk"
    BUSY = "busy"

    @property
    def alarming(self) -> bool:
        """Whether somebody has to look: it goes into the record and raises an alarm."""
        return self not in _HARMLESS

    @property
    def refused(self) -> bool:
        """Whether it was refused for safety, rather than that it did not work."""
        return self not in _FAILURES


_FAILURES: Final = frozenset({Refusal.UNKNOWN, Refusal.UNREACHABLE, Refusal.DISK, Refusal.BUSY})
_HARMLESS: Final = frozenset({Refusal.UNKNOWN, Refusal.UNREACHABLE, Refusal.BUSY})


class UpdateError(Exception):
    """No bundle was taken. What decides on this station is untouched; the message says what to do."""

    def __init__(self, refusal: Refusal, message: str, *, bundle: str = "") -> None:
        super().__init__(message)
        self.refusal = refusal
        self.bundle = bundle
