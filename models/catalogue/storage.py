"""Reading a catalogue: every fault at once, with its line; and the hash of all that it says."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from edge.config.faults import ConfigFault, Finding, spell
from edge.config.lines import line_numbers, line_of
from edge.config.wording import explain
from models.catalogue.errors import CatalogueError
from models.catalogue.schema import Catalogue, broken_rules
from models.whole_files import read_bounded

FILE_BYTES_MAX: Final = 1_000_000
PICTURE_BYTES_MAX: Final = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCatalogue:
    """A file's checked content, where it lies, and the SHA-256 over it and its limit samples.

    The hash is that of the file's and each sample's SHA-256, in the file's order, in lower-case hex, each followed by a
    newline (ASCII).
    """

    path: Path
    content: Catalogue
    sha256: str

    @property
    def samples(self) -> tuple[Path, ...]:
        """The limit samples' pictures."""
        return tuple(self.path.parent / sample.picture for sample in self.content.sample)


def read_catalogue(path: Path) -> StoredCatalogue:
    """Read and check a catalogue and hash its limit samples.

    Raises:
        CatalogueError: The file or a sample cannot be read, or the file is wrong; lists every fault with its line.
    """
    data = _read(path, FILE_BYTES_MAX)
    try:
        text = data.decode("utf-8-sig")
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CatalogueError(f"{path}: is not TOML in UTF-8 ({error}); correct it") from error
    content = _checked(path, text, raw)
    pictures = [path.parent / sample.picture for sample in content.sample]
    hashes = [hashlib.sha256(data).hexdigest(), *_picture_hashes(path, pictures)]
    joined = "".join(f"{known}\n" for known in hashes)
    return StoredCatalogue(path=path, content=content, sha256=hashlib.sha256(joined.encode("ascii")).hexdigest())


def _checked(path: Path, text: str, raw: dict[str, Any]) -> Catalogue:
    found: list[Finding] = list(broken_rules(raw))
    content = None
    try:
        content = Catalogue.model_validate(raw)
    except ValidationError as error:
        found += explain(error.errors(include_url=False, include_input=False))
    if content is not None and not found:
        return content
    lines = line_numbers(text)
    faults = [ConfigFault(line=line_of(place, lines), key=spell(place), text=told) for place, told in found]
    told = "\n".join(f"{path}: {fault}" for fault in sorted(faults, key=lambda fault: (fault.line, fault.key)))
    raise CatalogueError(told)


def _picture_hashes(path: Path, pictures: list[Path]) -> list[str]:
    hashes: list[str] = []
    faults: list[str] = []
    for picture in pictures:
        try:
            hashes.append(hashlib.sha256(_read(picture, PICTURE_BYTES_MAX)).hexdigest())
        except CatalogueError as error:
            faults.append(f"{path}: limit sample {error}")
    if faults:
        raise CatalogueError("\n".join(faults))
    return hashes


def _read(path: Path, largest: int) -> bytes:
    try:
        return read_bounded(path, largest)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CatalogueError(f"{path}: cannot be read ({reason}); correct the path, or its owner and mode") from error
