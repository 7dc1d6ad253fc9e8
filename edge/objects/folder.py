"""Objects as files of a folder, on a disk or a stick that may be pulled out at any moment."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from edge.durable import stage, sync_folder
from edge.objects.errors import ObjectExistsError, ObjectMissingError, RemoteError, RemoteFault, StoppedError

_CHUNK: Final = 65_536
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK})
"""What the file systems of USB sticks answer, which know no hard links; nobody else writes to a stick."""

_MISSING: Final = (FileNotFoundError, NotADirectoryError)


class FolderObjects:
    """Reads and writes files below a folder; every file that is there is whole and on disk."""

    def __init__(self, folder: Path, go_on: Callable[[], bool]) -> None:
        self._folder = folder
        self._go_on = go_on

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield a file's content, piece by piece.

        Raises:
            ObjectMissingError: there is none.
            RemoteError: it cannot be read, or is no regular file; a link is none, wherever it leads.
            StoppedError: given up.
        """
        path = self._folder / key
        try:
            # Non-blocking, so that a named pipe is refused and not waited for. No link is followed: a stranger's stick
            # may lead to a device of this machine, and some act on being opened.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise RemoteError(RemoteFault.REFUSED, f"{path}: is not a regular file")
                while piece := file.read(_CHUNK):
                    if not self._go_on():
                        raise StoppedError
                    yield piece
        except _MISSING as error:
            raise ObjectMissingError(str(path)) from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                text = f"{path}: is a link, not a file: copy the files themselves (cp -rL)"
                raise RemoteError(RemoteFault.REFUSED, text) from error
            raise _explained(error, path) from error

    def create(self, key: str, data: bytes, content_type: str) -> None:  # noqa: ARG002 -- a file has no type
        """Create a file, whole or not at all; folders on the way are made.

        Raises:
            ObjectExistsError: there is one of this name; it is left as it is.
            RemoteError: it cannot be written.
        """
        path = self._folder / key
        try:
            temporary = _staged(path, data)
            try:
                _publish(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(path.parent)
        except FileExistsError as error:
            raise ObjectExistsError(str(path)) from error
        except OSError as error:
            raise _explained(error, path) from error

    def replace(self, key: str, data: bytes, content_type: str) -> None:  # noqa: ARG002 -- a file has no type
        """Write a file over one that may be there: the older one or the new one, never a part.

        Raises:
            RemoteError: it cannot be written.
        """
        path = self._folder / key
        try:
            temporary = _staged(path, data)
            try:
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)
        except OSError as error:
            raise _explained(error, path) from error

    def close(self) -> None:
        """Nothing is held."""


def _staged(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return stage(path.parent, data)


def _publish(temporary: Path, path: Path) -> None:
    """Give a file its name unless that is taken."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(path) from error
        temporary.rename(path)


def _explained(error: OSError, path: Path) -> RemoteError:
    return RemoteError(RemoteFault.UNREACHABLE, f"{path}: {error.strerror or error}")
