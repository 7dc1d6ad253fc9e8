"""Results of a run on disk, whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError


def make_folder(folder: Path) -> None:
    """Make a folder, or find out now, and not after an hour of training, that nothing can be written there.

    Raises:
        ModelError: It cannot be made or written.
    """
    probe = folder / ".linegate-probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written ({error.strerror}); name another --out or --work") from error


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write named arrays to an ``.npz`` file under its final name once they are on disk.

    Raises:
        ModelError: The file cannot be written.
    """
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as stream:
            np.savez(stream, **dict(arrays))  # type: ignore[arg-type]  # numpy's stub mixes arrays with a flag
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ModelError(f"{path}: cannot be written ({error.strerror}); free space and start again") from error


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the named arrays of a file.

    Raises:
        ModelError: It cannot be read.
    """
    try:
        with np.load(path) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); delete it and start again") from error
