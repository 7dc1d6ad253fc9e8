"""Results of a run on disk, whole or not at all."""

import fcntl
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edge.durable import PUBLIC_MODE, write_whole
from models.errors import ModelError
from models.whole_files import make_folder

_LOCK: Final = "run.lock"
_LOCK_MODE: Final = 0o644


def open_folder(folder: Path) -> None:
    """Make a folder, or find out now, and not after an hour of training, that nothing can be written there.

    Raises:
        ModelError: It cannot be made or written.
    """
    try:
        make_folder(folder)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written ({error.strerror}); name another --out or --work") from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep a work folder to this run: two at once would write each other's pictures and networks.

    The lock is the kernel's (flock): it ends with the process, however that ends.

    Raises:
        ModelError: Another run has it, or it cannot be locked.
    """
    path = folder / _LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _LOCK_MODE)
    except OSError as error:
        raise ModelError(f"{path}: cannot be locked ({error.strerror}); name another --work") from error
    try:
        _lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ModelError(
            f"{path.parent}: another run (process {_holder(path)}) works there; wait until it has ended, or name "
            "another folder (--work)"
        ) from error
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be locked ({error.strerror}); name a --work folder on a disk of this machine"
        ) from error
    with suppress(OSError):  # who holds it is only told to people
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole; raises :class:`ModelError` where that fails."""
    try:
        write_whole(path, data, mode=PUBLIC_MODE)
    except OSError as error:
        raise ModelError(f"{path}: cannot be written ({error.strerror}); free space and start again") from error


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write named arrays to an ``.npz`` file, whole; raises :class:`ModelError` where that fails."""
    packed = io.BytesIO()
    np.savez(packed, **dict(arrays))  # type: ignore[arg-type]  # numpy's stub mixes arrays with a flag
    write_file(path, packed.getvalue())


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the named arrays of a file.

    Raises:
        ModelError: It cannot be read.
    """
    try:
        with path.open("rb") as stream, np.load(stream) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise ModelError(f"{path}: cannot be read ({error}); delete it and start again") from error
