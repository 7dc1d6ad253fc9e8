"""Reading ``linegate.toml``: every fault of a file is found in one pass and carries its line number."""

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from edge.config.faults import ConfigError, ConfigFault, Finding, Location, spell
from edge.config.lines import line_numbers, line_of
from edge.config.rules import broken_rules
from edge.config.schema import Config
from edge.config.wording import explain

DEFAULT_PATH = Path("/etc/linegate/linegate.toml")

_LONG_NUMBER: Final = re.compile(r"[0-9_]{4300,}")

FurtherCheck = Callable[[dict[str, Any]], Iterable[Finding]]
"""Looks for faults that this layer cannot know in a parsed and unchecked file: reads it leniently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A checked configuration and the SHA-256 of the file's bytes, which every verdict records."""

    config: Config
    sha256: str
    path: Path


def nothing_further(_raw: dict[str, Any]) -> Iterable[Finding]:
    """Look for nothing beyond what the file itself shows."""
    return ()


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: the file cannot be read or is wrong; lists every fault.
    """
    return load_config_file(path).config


def load_config_file(path: Path, further: FurtherCheck = nothing_further) -> LoadedConfig:
    """Read and check a configuration file, and keep its hash. What ``further`` finds is listed beside the rest.

    Raises:
        ConfigError: as :func:`load_config`.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        text = f"cannot be read ({error.strerror}): {_advice(error)}"
        raise ConfigError(path, [ConfigFault(line=0, key="", text=text)]) from error
    try:
        # Some editors begin a file with a byte order mark.
        config = parse_config(raw.decode("utf-8-sig"), further)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        fault = ConfigFault(line=line, key="", text="is not UTF-8 text: save the file in that encoding")
        raise ConfigError(path, [fault]) from error
    except ConfigError as error:
        raise ConfigError(path, error.faults) from error
    return LoadedConfig(config=config, sha256=hashlib.sha256(raw).hexdigest(), path=path)


def parse_config(text: str, further: FurtherCheck = nothing_further) -> Config:
    """Check the text of a configuration file.

    Raises:
        ConfigError: lists every fault with its line.
    """
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(Path(), [_syntax_fault(text, error)]) from error
    found = list(broken_rules(raw))
    config = None
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        found += explain(error.errors(include_url=False, include_input=False))
    places = {location for location, _ in found}
    found += [(location, text_) for location, text_ in further(raw) if location not in places]
    if found or config is None:
        raise ConfigError(Path(), _placed(found, line_numbers(text)))
    return config


def _placed(found: list[Finding], lines: Mapping[Location, int]) -> list[ConfigFault]:
    faults = [ConfigFault(line=line_of(place, lines), key=spell(place), text=text) for place, text in found]
    return sorted(faults, key=lambda fault: (fault.line, fault.key))


def _syntax_fault(text: str, error: ValueError | RecursionError) -> ConfigFault:
    if isinstance(error, RecursionError):
        return ConfigFault(line=0, key="", text="is nested too deeply: a configuration needs three levels")
    if not isinstance(error, tomllib.TOMLDecodeError):
        # Python itself refuses to convert such a number, without saying where it is.
        number = _LONG_NUMBER.search(text)
        line = text.count("\n", 0, number.start()) + 1 if number else 0
        return ConfigFault(line=line, key="", text="holds a number of thousands of digits: correct it")
    place = re.search(r"\(at line (\d+)", str(error))
    line = int(place.group(1)) if place else text.count("\n") + 1
    return ConfigFault(line=line, key="", text=f"is not TOML: {error}")


def _advice(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "check its owner and mode, or run as the user that may read it"
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return "give the path of the file itself with --config FILE"
    return "check the path and its file system"
