"""On which line of a TOML file each table, key and entry of a list stands; the standard parser does not tell.

The scan trusts that the file is TOML, as the parser has found it to be.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.config.faults import Location

_PIECE: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|#[^\n]*"
    r"|[\[\]{},=\n]"
    r"|[^\s\[\]{},=#\"']+",
    re.DOTALL,
)
_QUOTES: Final = ("'", '"')


@dataclass(slots=True)
class _Frame:
    """A table, inline table or list that is being read; ``value`` is the place of the value in hand, if any."""

    location: Location
    is_list: bool = False
    count: int = 0
    keys: list[str] = field(default_factory=list)
    value: Location | None = None


class _Scan:
    def __init__(self) -> None:
        self.lines: dict[Location, int] = {}
        self._frames = [_Frame(())]
        self._brackets = 0
        self._header: list[str] = []
        self._lists: Counter[Location] = Counter()

    def take(self, piece: str, number: int) -> None:
        top = self._frames[-1]
        if piece.startswith("#"):
            return
        if self._brackets:
            self._take_header(piece, number)
        elif len(self._frames) > 1:
            self._take_inside(top, piece, number)
        elif piece == "[" and top.value is None:
            self._brackets = 1
        elif piece == "\n":
            top.keys, top.value = [], None
        else:
            self._take_entry(top, piece, number)

    def _take_header(self, piece: str, number: int) -> None:
        if piece == "[":
            self._brackets = 2
        elif piece == "\n":
            self._frames = [_Frame(self._headed(number))]
            self._brackets, self._header = 0, []
        elif piece != "]":
            self._header.append(piece)

    def _headed(self, number: int) -> Location:
        """Return the table that a header begins, with the place of each list entry on the way."""
        location: Location = ()
        parts = _key(self._header)
        for place, part in enumerate(parts, 1):
            location = (*location, part)
            self.lines.setdefault(location, number)
            if place == len(parts) and self._brackets > 1:
                self._lists[location] += 1
            if self._lists[location]:
                location = (*location, self._lists[location] - 1)
                self.lines.setdefault(location, number)
        return location

    def _take_inside(self, top: _Frame, piece: str, number: int) -> None:
        if piece == "\n":
            return
        if piece in {"]", "}"}:
            self._frames.pop()
        elif piece == ",":
            top.count += 1
            top.keys, top.value = [], None
        elif top.is_list:
            location = (*top.location, top.count)
            self.lines.setdefault(location, number)
            self._open(location, piece)
        else:
            self._take_entry(top, piece, number)

    def _take_entry(self, top: _Frame, piece: str, number: int) -> None:
        if top.value is not None:
            self._open(top.value, piece)
        elif piece == "=":
            location = top.location
            for part in _key(top.keys):
                location = (*location, part)
                self.lines.setdefault(location, number)
            top.value = location
        else:
            top.keys.append(piece)

    def _open(self, location: Location, piece: str) -> None:
        if piece in {"[", "{"}:
            self._frames.append(_Frame(location, is_list=piece == "["))


def line_numbers(text: str) -> dict[Location, int]:
    """Map every table, key and entry of a list of a TOML text to its line, from 1."""
    scan = _Scan()
    number, position = 1, 0
    for piece in _PIECE.finditer(f"{text}\n"):
        number += text.count("\n", position, piece.start())
        position = piece.start()
        scan.take(piece.group(), number)
    return scan.lines


def line_of(location: Location, lines: Mapping[Location, int]) -> int:
    """Return the line of a place, or of the nearest thing around it that has one; 0 for the whole file."""
    for length in range(len(location), 0, -1):
        if location[:length] in lines:
            return lines[location[:length]]
    return 0


def _key(pieces: list[str]) -> list[str]:
    parts: list[str] = []
    for piece in pieces:
        parts += [piece[1:-1]] if piece.startswith(_QUOTES) else filter(None, piece.split("."))
    return parts
