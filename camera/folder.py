"""Lists the pictures of a folder in replay order: a COCO folder's ``annotations.json``, or any folder's file names."""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from camera.errors import CameraUnavailableError
from camera.image_file import IMAGE_SUFFIXES

_ANNOTATIONS: Final = "annotations.json"
_LARGEST_ANNOTATIONS: Final = 256_000_000


@dataclass(frozen=True, slots=True)
class ListedPicture:
    """A picture's name, as the folder lists it, and where its file should be."""

    name: str
    path: Path


def list_pictures(folder: Path) -> tuple[ListedPicture, ...]:
    """Return a folder's pictures; at least one. A listed file need not exist.

    With ``annotations.json``: its ``images`` in their order, the files in ``images/``. Without: the JPEG, PNG and BMP
    files of the folder itself, ordered by name.

    Raises:
        CameraUnavailableError: The folder is missing, unreadable or has no pictures, or its list is broken.
    """
    annotations = folder / _ANNOTATIONS
    try:
        if not folder.is_dir():
            raise CameraUnavailableError(f"{folder}: no such folder; correct the path after 'replay:'")
        names = _annotated_names(annotations) if annotations.exists() else None
        if names is not None:
            return tuple(ListedPicture(name, folder / "images" / name) for name in names)
        found = sorted(entry.name for entry in folder.iterdir() if entry.suffix.lower() in IMAGE_SUFFIXES)
    except OSError as error:
        raise CameraUnavailableError(f"{error.filename or folder}: {error.strerror}; make it readable") from error
    if not found:
        raise CameraUnavailableError(
            f"{folder}: holds neither {_ANNOTATIONS} nor any picture ({', '.join(sorted(IMAGE_SUFFIXES))}); "
            "name a COCO folder, or a folder with pictures directly in it",
        )
    return tuple(ListedPicture(name, folder / name) for name in found)


def _annotated_names(annotations: Path) -> list[str]:
    if annotations.stat().st_size > _LARGEST_ANNOTATIONS:
        raise CameraUnavailableError(f"{annotations}: is larger than {_LARGEST_ANNOTATIONS} bytes; split the folder")
    try:
        content = json.loads(annotations.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CameraUnavailableError(f"{annotations}: is not JSON ({error}); export it again") from error
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise CameraUnavailableError(f"{annotations}: has no list 'images'; export it again in COCO format")
    if not images:
        raise CameraUnavailableError(f"{annotations}: lists no pictures; export the folder again")
    return [_checked_name(annotations, number, entry) for number, entry in enumerate(images)]


def _checked_name(annotations: Path, number: int, entry: object) -> str:
    name = entry.get("file_name") if isinstance(entry, dict) else None
    where = f"{annotations}: images[{number}]"
    if not isinstance(name, str) or not name:
        raise CameraUnavailableError(f"{where} has no 'file_name'; export the folder again in COCO format")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path == PurePosixPath() or "\0" in name:
        raise CameraUnavailableError(
            f"{where}: file_name {name!r:.80} leaves the folder 'images'; file names must be relative and stay inside",
        )
    return name
