"""Writing a file so that after a power cut it is either absent or whole."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

TEMPORARY_PREFIX: Final = "."
TEMPORARY_SUFFIX: Final = ".tmp"
_FILE_MODE: Final = 0o640
_FOLDER_MODE: Final = 0o750


def is_temporary(name: str) -> bool:
    """Say whether a file name is one that :func:`write_whole` uses while it writes."""
    return name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX)


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write ``data`` to ``path``: temporary file in the same folder, fsync, rename, fsync of the folder.

    The caller sees to it that nobody else writes there and that ``path`` is free. The temporary is gone afterwards,
    whatever happened.

    Raises:
        OSError: the file system refused; ``path`` may exist only if the last fsync was what failed.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}{TEMPORARY_SUFFIX}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _FILE_MODE)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.rename(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folders(folder: Path, below: Path) -> None:
    """Create ``folder`` and what lies between it and the existing ``below``, each made durable in its parent.

    Raises:
        OSError: the file system refused.
        ValueError: ``folder`` is not below ``below``.
    """
    current = below
    for part in folder.relative_to(below).parts:
        parent, current = current, current / part
        current.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        # Also where it existed: whoever made it may have been killed before this.
        sync_folder(parent)


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable.

    Raises:
        OSError: the file system refused.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
