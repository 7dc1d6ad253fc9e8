"""Files read within bounds, and written whole or not at all."""

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

_MODE: Final = 0o644


def read_bounded(path: Path, largest: int) -> bytes:
    """Return a regular file's bytes, at most ``largest``.

    Raises:
        OSError: It cannot be read; ``errno`` is EINVAL where it is no regular file and EFBIG where it is larger.
    """
    # Non-blocking, so that a named pipe is refused and not waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file")
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"larger than {largest} bytes")
    return data


def make_folder(folder: Path) -> None:
    """Make a folder and see that it can be written to, before the long work; raises :class:`OSError` if not."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(prefix=".", suffix=".tmp", dir=folder):
        pass


def write_whole(path: Path, data: bytes) -> None:
    """Write a file: a crash leaves the older one, or the new one on disk, never a part.

    Raises:
        OSError: It cannot be written; the older file stands as it did.
    """
    temporary = stage(path.parent, data)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def stage(folder: Path, data: bytes, *, mode: int = _MODE, owner: tuple[int, int] | None = None) -> Path:
    """Write a file under a temporary name, on disk when this returns; raises :class:`OSError` and leaves nothing.

    Until ``mode`` and ``owner`` (user and group id, None: whoever runs this) are set, nobody else may read it.
    """
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if owner is not None:
                os.fchown(stream.fileno(), *owner)
            os.fsync(stream.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def sync_folder(folder: Path) -> None:
    """Bring renames in a folder to disk; raises :class:`OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
