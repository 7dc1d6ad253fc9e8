"""Reading a spool that somebody else may be writing to; nothing here changes a file."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from edge.spool.errors import SpoolError
from edge.spool.sidecar import CAMERA_PATTERN, MAX_SIDECAR_BYTES, SideCar, SideCarError, parse_sidecar
from edge.spool.stock import STORE_ID_FILE

_DATE_PARTS: Final = (r"\d{4}", r"\d{2}", r"\d{2}")
_FILE: Final = re.compile(rf"(0|[1-9]\d{{0,9}})-(0|[1-9]\d{{0,9}})-({CAMERA_PATTERN})\.(jpg|json)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledImage:
    """A picture in the spool; ``path`` is the picture's, relative to the spool, with '/'.

    Either ``sidecar`` or ``problem`` is None; ``pending`` says that the side-car is not there (yet).
    ``sidecar_bytes`` is the side-car's file as it was read.
    """

    path: str
    sidecar: SideCar | None = None
    sidecar_bytes: bytes = field(default=b"", repr=False)
    problem: str | None = None
    pending: bool = False

    @property
    def sidecar_path(self) -> str:
        """The side-car's path, relative to the spool."""
        return sidecar_path_of(self.path)


def sidecar_path_of(image_path: str) -> str:
    """Return the side-car's path for a picture's."""
    return PurePosixPath(image_path).with_suffix(".json").as_posix()


def list_spool(directory: Path) -> Iterator[SpooledImage]:
    """Yield every picture, by day, epoch, number and camera; a broken one is an entry with its problem.

    A picture without side-car is an entry too; it may be one that is being written now.

    Raises:
        SpoolError: the spool itself cannot be read.
    """
    for day in days(directory):
        for path in pictures_of(directory, day):
            yield read_entry(directory, path)


def days(directory: Path) -> list[str]:
    """Return the days that have a folder as ``YYYY/MM/DD``, oldest first.

    Raises:
        SpoolError: there is no spool (or its disk is not mounted), or it cannot be read.
    """
    if not (directory / STORE_ID_FILE).is_file():
        raise SpoolError(f"no spool at {directory}: has the inspector run with this store, is its disk mounted?")
    found = [""]
    for pattern in _DATE_PARTS:
        found = [f"{up}/{name}" for up in found for name in _names(directory / up[1:]) if re.fullmatch(pattern, name)]
    return sorted(day[1:] for day in found)


def pictures_of(directory: Path, day: str) -> list[str]:
    """Return one day's pictures by epoch, number and camera, as paths relative to the spool.

    A side-car without picture is listed under the picture's name; files of other names are passed over.

    Raises:
        SpoolError: the day's folder cannot be read.
    """
    matches = (_FILE.fullmatch(name) for name in _names(directory / day))
    found = {(int(match[1]), int(match[2]), match[3]) for match in matches if match}
    return [f"{day}/{epoch}-{seq}-{camera}.jpg" for epoch, seq, camera in sorted(found)]


def read_entry(directory: Path, image_path: str) -> SpooledImage:
    """Read a picture's side-car; whatever is wrong with it becomes the entry's problem."""
    path = directory / sidecar_path_of(image_path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIDECAR_BYTES + 1)
        sidecar = parse_sidecar(data)
    except FileNotFoundError:
        problem = "has no side-car: being written, or left by a crash"
        return SpooledImage(path=image_path, problem=problem, pending=True)
    except OSError as error:
        return _broken(image_path, f"side-car cannot be read: {error.strerror or error}")
    except SideCarError as error:
        return _broken(image_path, str(error))
    if sidecar.image.file != PurePosixPath(image_path).name:
        return _broken(image_path, f"side-car belongs to {sidecar.image.file}")
    if not (directory / image_path).is_file():
        return _broken(image_path, "picture is missing, only its side-car is there")
    return SpooledImage(path=image_path, sidecar=sidecar, sidecar_bytes=data)


def _broken(image_path: str, problem: str) -> SpooledImage:
    return SpooledImage(path=image_path, problem=problem)


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SpoolError(f"cannot read {folder}: {error.strerror or error}; check its permissions") from error
