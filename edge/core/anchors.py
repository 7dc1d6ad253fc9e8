"""Anchors: the ledger's head as others keep it, by which a later check knows that nothing before it was changed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

KEY: Final = "ledger"
"""Under this key a side-car and the retained state carry an anchor."""

_WRITTEN: Final = re.compile(r"([1-9]\d{0,18}):([0-9a-f]{16,64})", re.ASCII)


class AnchorError(ValueError):
    """A text that is no anchor."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Anchor:
    """An event's id and its hash in the chain, lower-case hex: 64 digits, or at least the first 16 of them."""

    event: int
    digest: str

    def __str__(self) -> str:
        return f"{self.event}:{self.digest}"

    def fields(self) -> dict[str, Any]:
        """Return the anchor as JSON carries it."""
        return {"id": self.event, "hash": self.digest}


def parse_anchor(text: str) -> Anchor:
    """Return the anchor that is written as ``ID:HASH``.

    Raises:
        AnchorError: it is not written so.
    """
    match = _WRITTEN.fullmatch(text.strip().lower())
    if match is None:
        raise AnchorError(f"{text!r:.100} is no anchor: write ID:HASH, with 16 to 64 hexadecimal digits of the hash")
    return Anchor(event=int(match[1]), digest=match[2])


def anchors_in(value: object) -> Iterator[Anchor]:
    """Yield the anchors of a JSON value: a side-car, a retained state, the anchor itself, or a list of such.

    Raises:
        AnchorError: what stands where an anchor is due is none.
    """
    if isinstance(value, list):
        for entry in value:
            yield from anchors_in(entry)
    elif isinstance(value, dict):
        found = value.get(KEY, value if value.keys() == {"id", "hash"} else None)
        if found is not None:
            yield _from_fields(found)


def _from_fields(found: object) -> Anchor:
    if not isinstance(found, dict):
        raise AnchorError(f"{found!r:.100} is no anchor: it has id and hash")
    return parse_anchor(f"{found.get('id')}:{found.get('hash')}")
