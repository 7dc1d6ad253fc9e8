"""The lock that keeps a second inspector off the same store."""

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.ledger.errors import LedgerReadOnlyError, LedgerStorageError, StoreLockedError

FILE_NAME: Final = "inspector.lock"
ATTEMPTS: Final = 10
PAUSE_S: Final = 0.03
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class StoreLock:
    """An exclusive lock on a store, held until :meth:`release` or the end of the process."""

    def __init__(self, directory: Path) -> None:
        """Take the lock.

        Raises:
            StoreLockedError: another process holds it.
            LedgerReadOnlyError: the lock file may not be written.
            LedgerStorageError: the directory is missing or broken.
        """
        path = directory / FILE_NAME
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                raise LedgerStorageError(
                    f"{directory}: no such folder; create it for the user that runs linegate (the service's is made "
                    "by 'systemd-tmpfiles --create'), or correct store.path"
                ) from error
            if isinstance(error, PermissionError) or error.errno == errno.EROFS:
                raise LedgerReadOnlyError(
                    f"{path}: may not be written ({error.strerror}); check the folder's owner and the mount"
                ) from error
            raise LedgerStorageError(f"{path}: {error.strerror}; check the store's path and its file system") from error
        try:
            self._take(path)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            # A full disk cannot hold the pid; the lock itself needs no space.
            if error.errno not in _NO_SPACE:
                os.close(self._descriptor)
                raise LedgerStorageError(f"{path}: {error.strerror}; check the disk") from error
        except StoreLockedError:
            os.close(self._descriptor)
            raise

    def release(self) -> None:
        """Let another process take the store."""
        with suppress(OSError):
            os.close(self._descriptor)

    def _take(self, path: Path) -> None:
        for attempt in range(ATTEMPTS):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if attempt + 1 < ATTEMPTS:
                    time.sleep(PAUSE_S)  # a reader that only asks holds it for microseconds
            else:
                return
        pid = holder(path.parent)
        who = "another process" if pid is None else f"process {pid}"
        raise StoreLockedError(f"{path.parent}: in use by {who}; stop that inspector first", pid)


def holder(directory: Path) -> int | None:
    """Return the process id that the lock file names, None where it names none."""
    try:
        return int((directory / FILE_NAME).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def is_held(directory: Path) -> bool:
    """Tell whether an inspector runs on this store; False where the lock file cannot be read."""
    try:
        descriptor = os.open(directory / FILE_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
