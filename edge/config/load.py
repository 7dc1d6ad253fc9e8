"""Reading ``linegate.toml``: every fault of a file is found in one pass and carries its line number."""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.config.schema import Config

DEFAULT_PATH = Path("/etc/linegate/linegate.toml")

_HEADER = re.compile(r"^\s*(\[\[?)\s*([\w.\"'-]+?)\s*\]\]?")
_KEY = re.compile(r"^\s*([\w\"'-]+)\s*(?:\.\s*[\w\"'.-]+\s*)?=")

Location = tuple[str | int, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A checked configuration and the SHA-256 of the file's bytes, which every verdict records."""

    config: Config
    sha256: str
    path: Path


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: the file cannot be read or is wrong; lists every fault.
    """
    return load_config_file(path).config


def load_config_file(path: Path) -> LoadedConfig:
    """Read and check a configuration file, and keep its hash.

    Raises:
        ConfigError: as :func:`load_config`.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        hint = "give its path with --config FILE" if isinstance(error, FileNotFoundError) else "check its permissions"
        text = f"cannot be read ({error.strerror}): {hint}"
        raise ConfigError(path, [ConfigFault(line=0, key="", text=text)]) from error
    try:
        config = parse_config(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(path, [ConfigFault(line=line, key="", text="is not UTF-8 text")]) from error
    except ConfigError as error:
        raise ConfigError(path, error.faults) from error
    return LoadedConfig(config=config, sha256=hashlib.sha256(raw).hexdigest(), path=path)


def parse_config(text: str) -> Config:
    """Check the text of a configuration file.

    Raises:
        ConfigError: lists every fault with its line.
    """
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"\(at line (\d+)", str(error))
        line = int(place.group(1)) if place else text.count("\n") + 1
        fault = ConfigFault(line=line, key="", text=f"is not TOML: {error}")
        raise ConfigError(Path(), [fault]) from error
    lines = _line_numbers(text)
    found = list(_reference_faults(raw))
    config = None
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        found += [(entry["loc"], _explain(entry["type"], entry["msg"])) for entry in error.errors()]
    if found or config is None:
        faults = [
            ConfigFault(line=_line_of(location, lines), key=_spell(location), text=text_) for location, text_ in found
        ]
        raise ConfigError(Path(), sorted(faults, key=lambda fault: (fault.line, fault.key)))
    return config


def _explain(kind: str, message: str) -> str:
    known = {
        "extra_forbidden": "is not a known key: remove it or correct its spelling",
        "missing": "is missing: add it",
        "value_error": message.removeprefix("Value error, "),
    }
    return known.get(kind, message[:1].lower() + message[1:])


def _reference_faults(raw: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    """Yield faults between tables; reads the raw file leniently so that they are found beside any other fault."""
    cameras = [camera.get("name") for camera in _tables(raw, "camera")]
    for index, name in enumerate(cameras):
        if name is not None and cameras.index(name) < index:
            yield ("camera", index, "name"), f"{name!r} names two cameras: names must differ"
    recipes = _tables(raw, "recipe")
    counted = Counter(str(recipe.get("id")) for recipe in recipes)
    for index, recipe in enumerate(recipes):
        if "id" in recipe and counted[str(recipe["id"])] > 1:
            yield ("recipe", index, "id"), f"{recipe['id']} numbers two recipes: ids must differ"
        yield from _view_faults(index, recipe, cameras)
    line = raw.get("line")
    if isinstance(line, dict) and str(line.get("broker", "")).startswith("mqtts:"):
        for key in ("ca", "cert", "key"):
            if key not in line:
                yield ("line", key), "is missing: an mqtts:// broker needs ca, cert and key files"


def _view_faults(index: int, recipe: dict[str, Any], cameras: list[Any]) -> Iterator[tuple[Location, str]]:
    views = [view.get("camera") for view in _tables(recipe, "views")]
    for place, camera in enumerate(views):
        if camera is not None and camera not in cameras:
            known = ", ".join(sorted({str(name) for name in cameras})) or "none"
            yield ("recipe", index, "views", place), f"camera {camera!r} is not configured (known: {known})"
        elif camera is not None and camera in views[:place]:
            yield ("recipe", index, "views", place), f"camera {camera!r} stands twice in one recipe"


def _tables(table: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = table.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _line_numbers(text: str) -> dict[Location, int]:
    """Map the path of every table and key to its line; the standard parser keeps none."""
    lines: dict[Location, int] = {}
    table: Location = ()
    counts: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            name = header.group(2)
            table = tuple(name.split("."))
            if header.group(1) == "[[":
                table = (*table, counts[name])
                counts[name] += 1
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, key.group(1).strip("\"'")), number)
    return lines


def _line_of(location: Location, lines: dict[Location, int]) -> int:
    for length in range(len(location), 0, -1):
        if location[:length] in lines:
            return lines[location[:length]]
    return 0


def _spell(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
