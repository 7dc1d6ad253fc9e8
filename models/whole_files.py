"""Files read within bounds, and folders that can be written to."""

import errno
import os
import stat
import tempfile
from pathlib import Path


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
