"""What a station remembers of repositories, in one file: replaced as a whole, so that a power cut loses no version.

The metadata last seen protects against older one; python-tuf, which keeps it as files that it never brings to disk,
works on a copy. Beside it: the time floor, which bundles were brought, and what the inspector has still to be told.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.updates.errors import Refusal, UpdateError
from edge.durable import stage, sync_folder
from models.whole_files import read_bounded

FOLDER: Final = "updates"
FILE: Final = "trust.json"
_LOCK: Final = "updates.lock"
_LARGEST: Final = 256 << 20
_MODE: Final = 0o640
_FOLDER_MODE: Final = 0o750
_UNTOLD: Final = 50
"""Reports that wait for an inspector which does not run, and sources that are not well; the oldest ones go."""

_HALF_WRITTEN: Final = (".*.tmp", ".*.part")
_DELIVERED: Final = 1_000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Delivered(_Part):
    """A bundle that was brought to this station."""

    name: str
    version: int
    sha256: str


class Told(_Part):
    """What the inspector is to be told, or was told last of a source."""

    source: str
    refusal: str | None
    bundle: str
    text: str
    at: int


class TrustState(_Part):
    """All that is remembered.

    ``files`` are python-tuf's, by their names below its folder; ``floor`` is a Unix time in seconds; ``untold`` waits
    for the inspector, ``standing`` is the last report of each source that is not well.
    """

    version: Literal[1] = 1
    files: Mapping[str, str] = {}
    floor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    delivered: tuple[Delivered, ...] = ()
    untold: tuple[Told, ...] = ()
    standing: tuple[Told, ...] = ()


class Trust:
    """The open memory; nobody else changes it meanwhile. See :func:`opened`."""

    def __init__(self, folder: Path, owner: tuple[int, int] | None, state: TrustState) -> None:
        self.state = state
        self.owner = owner
        self._folder = folder

    def change(self, **fields: object) -> None:
        """Remember something else; on disk when this returns.

        Raises:
            UpdateError: the disk does not take it; what was remembered before still is.
        """
        state = TrustState.model_validate({**dict(self.state), **fields})
        if state == self.state:
            return
        try:
            write(self._folder / FILE, state.model_dump_json().encode(), owner=self.owner, mode=_MODE)
        except OSError as error:
            raise disk_error(self._folder / FILE, error) from error
        self.state = state

    def deliver(self, bundle: Delivered) -> None:
        """Remember that a bundle was brought. Raises as :meth:`change`."""
        others = tuple(one for one in self.state.delivered if one != bundle)
        self.change(delivered=(*others, bundle)[-_DELIVERED:])

    def queue(self, told: Told) -> None:
        """Remember to tell something, and whether its source is well. Raises as :meth:`change`."""
        others = tuple(one for one in self.state.standing if one.source != told.source)
        standing = others if told.refusal is None else (*others, told)
        self.change(untold=(*self.state.untold, told)[-_UNTOLD:], standing=standing[-_UNTOLD:])


@contextmanager
def opened(store: Path) -> Iterator[Trust]:
    """Yield what the station remembers, held until the block ends.

    As root, what is written belongs to who owns the store.

    Raises:
        UpdateError: another process is fetching, the file is damaged, or the disk does not work.
    """
    folder = store / FOLDER
    try:
        owner = owner_for(store)
        make_folder(folder, owner)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
        if owner is not None:
            os.fchown(lock, *owner)
    except OSError as error:
        raise disk_error(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        text = f"{folder}: another update is under way: try again when it is done, or stop linegate-sync meanwhile"
        raise UpdateError(Refusal.BUSY, text) from error
    try:
        with suppress(OSError):
            sweep(folder)
        yield Trust(folder, owner, _read(folder / FILE))
    finally:
        os.close(lock)


def owner_for(store: Path) -> tuple[int, int] | None:
    """Return who is to own what is written below a store: its owner, where this process may give files away.

    Raises:
        OSError: there is no such folder.
    """
    status = store.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(store))
    return (status.st_uid, status.st_gid) if os.geteuid() == 0 else None


def make_folder(folder: Path, owner: tuple[int, int] | None) -> None:
    """Make a folder of the store that is there on return. Raises :class:`OSError`."""
    with suppress(FileExistsError):
        folder.mkdir(mode=_FOLDER_MODE)
        if owner is not None:
            os.chown(folder, *owner)
        sync_folder(folder.parent)


def sweep(folder: Path) -> None:
    """Remove what a process that died left half written: who holds the memory is alone. Raises :class:`OSError`."""
    for pattern in _HALF_WRITTEN:
        for left in folder.glob(pattern):
            left.unlink(missing_ok=True)


def write(path: Path, data: bytes, *, owner: tuple[int, int] | None, mode: int) -> None:
    """Write a file whole and bring it to disk; raises :class:`OSError`, and the older one stands."""
    temporary = stage(path.parent, data, mode=mode, owner=owner)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def disk_error(path: Path, error: OSError) -> UpdateError:
    """Return what a failing disk means, with what to do."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        advice = "the disk is full: free some space (linegate buffer prune); what decides is untouched"
    elif isinstance(error, FileNotFoundError | NotADirectoryError):
        advice = "no such folder: correct store.path, or create it for the user that runs linegate"
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        advice = f"may not be written ({error.strerror}): run this as the station's user or root; check the mount"
    else:
        advice = f"{error.strerror or error}: check the disk"
    return UpdateError(Refusal.DISK, f"{path}: {advice}")


def _read(path: Path) -> TrustState:
    try:
        data = read_bounded(path, _LARGEST)
    except FileNotFoundError:
        return TrustState()
    except OSError as error:
        raise disk_error(path, error) from error
    try:
        return TrustState.model_validate_json(data)
    except ValidationError as error:
        raise UpdateError(
            Refusal.UNTRUSTED,
            f"{path}: is damaged, or of newer software. Nothing is taken until it is restored, or moved away: this "
            "station then begins again with its root key, and has forgotten which versions it has seen",
        ) from error
