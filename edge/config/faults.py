"""What can be wrong with a configuration file, and where."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Location = tuple[str | int, ...]
"""The way to a value: names of tables and keys, and indices (from 0) of entries in lists."""

Finding = tuple[Location, str]
"""A fault of the file: where it is, and what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFault:
    """One fault: the line (from 1, 0 where the whole file is meant), the key's path and what to do."""

    line: int
    key: str
    text: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.key}: {self.text}" if self.key else f"{where}{self.text}"


class ConfigError(Exception):
    """A configuration file cannot be used; ``faults`` lists everything that is wrong with it."""

    def __init__(self, path: Path, faults: list[ConfigFault]) -> None:
        self.path = path
        self.faults = faults
        super().__init__("\n".join(f"{path}: {fault}" for fault in faults))


def spell(location: Location) -> str:
    """Return a location as people read it: ``recipe[0].views[1].camera``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def tables(table: dict[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the entries of a list of tables with their indices; what is no table is another check's fault."""
    value = table.get(key)
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        if isinstance(entry, dict):
            yield index, entry
