"""Files and folders that a power cut leaves absent, as they were, or whole."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o750
PUBLIC_MODE: Final = 0o644

_PREFIX: Final = "."
_SUFFIX: Final = ".tmp"


def is_temporary(name: str) -> bool:
    """Say whether a file name is one that :func:`stage` uses: a process that is killed may leave it behind."""
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def write_whole(path: Path, data: bytes | memoryview, *, mode: int = FILE_MODE) -> None:
    """Write ``data`` to ``path``: temporary file in the same folder, fsync, rename, fsync of the folder.

    What stood there is replaced. The temporary is gone afterwards, whatever happened.

    Raises:
        OSError: the file system refused; ``path`` is as it was, unless the last fsync was what failed.
    """
    temporary = stage(path.parent, data, mode=mode)
    try:
        temporary.rename(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def stage(
    folder: Path, data: bytes | memoryview, *, mode: int = PUBLIC_MODE, owner: tuple[int, int] | None = None
) -> Path:
    """Write a file under a temporary name, on disk when this returns.

    Until ``mode`` and ``owner`` (user and group id, None: whoever runs this) are set, nobody else may read it.

    Raises:
        OSError: the file system refused; nothing is left.
    """
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder)
    try:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fchmod(descriptor, mode)
            if owner is not None:
                os.fchown(descriptor, *owner)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def make_folders(folder: Path, below: Path) -> None:
    """Create ``folder`` and what lies between it and the existing ``below``, each made durable in its parent.

    Raises:
        OSError: the file system refused.
        ValueError: ``folder`` is not below ``below``.
    """
    current = below
    for part in folder.relative_to(below).parts:
        parent, current = current, current / part
        current.mkdir(mode=FOLDER_MODE, exist_ok=True)
        # Also where it existed: whoever made it may have been killed before this.
        sync_folder(parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut.

    Raises:
        OSError: the file system refused.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
