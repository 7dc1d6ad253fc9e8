"""Results of a run on disk, whole or not at all."""

import io
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.whole_files import make_folder, write_whole


def open_folder(folder: Path) -> None:
    """Make a folder, or find out now, and not after an hour of training, that nothing can be written there.

    Raises:
        ModelError: It cannot be made or written.
    """
    try:
        make_folder(folder)
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written ({error.strerror}); name another --out or --work") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole; raises :class:`ModelError` where that fails."""
    try:
        write_whole(path, data)
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
