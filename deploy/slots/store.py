"""The store of bundles on disk: their files, read-only, and what each of them is, on disk before it counts."""

import errno
import fcntl
import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from deploy.slots import record
from deploy.slots.errors import SlotsBusyError, SlotsError, SlotsRefusedError
from deploy.slots.provenance import Provenance, provenance_path
from edge.core.slots import By, IllegalMoveError, Slot, Slots, Stage, removable, remove, stage
from edge.durable import is_temporary, sync_folder, write_whole
from edge.durable import stage as write_temporary
from models.bundle import Bundle
from models.bundle.archive import parse_bundle
from models.bundle.layout import FILE_BYTES_MAX
from models.errors import BundleError
from models.whole_files import read_bounded

MODELS_FOLDER: Final = "models"
INCOMING_FOLDER: Final = "incoming"
LOCK_NAME: Final = "slots.lock"
BUNDLE_SUFFIX: Final = ".lgb"
READ_ONLY: Final = 0o440
FOLDER_MODE: Final = 0o750

MARK_NAME: Final = "in-service.json"
MARK_BYTES_MAX: Final = 4096

Change = Callable[[Slots], Slots]
_LOG: Final = logging.getLogger(__name__)


class Mark(BaseModel):
    """What a process runs: the active bundle's hash (None: the shipped one), in which boot of the machine."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    boot: str
    active: str | None


def models_folder(store: Path) -> Path:
    """Return where a station's store keeps its bundles."""
    return store / MODELS_FOLDER


def read_slots(store: Path) -> Slots:
    """Return what the bundles of a station's store are, beside a running station too; a new store's where none is.

    Raises:
        SlotsError: It cannot be read.
    """
    return record.load(models_folder(store))


class SlotStore:
    """The bundles of one station's store, held by one process. Used by one thread at a time."""

    def __init__(self, folder: Path, lock: int, slots: Slots) -> None:
        """Take over an open store; see :meth:`open`."""
        self.folder = folder
        self._lock = lock
        self._slots = slots

    @classmethod
    def open(cls, store: Path) -> Self:
        """Take the bundles of a station's store (its folder), making the folder where there is none.

        Read-only files that no slot names are what a crash left behind, and are removed.

        Raises:
            SlotsBusyError: Another process holds them.
            SlotsError: The folder cannot be used, or what the bundles are is lost.
        """
        folder = models_folder(store)
        try:
            for made in (folder, folder / INCOMING_FOLDER):
                made.mkdir(mode=FOLDER_MODE, exist_ok=True)
            sync_folder(store)
            sync_folder(folder)
            lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise _explained(folder, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            slots = record.load(folder)
            if slots.revision:
                record.mend(folder, slots)
            _tidy(folder, slots)
        except OSError as error:
            os.close(lock)
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise SlotsBusyError(
                    f"{folder}: another process works on the bundles; try again when it has ended"
                ) from error
            raise _explained(folder, error) from error
        except SlotsError:
            os.close(lock)
            raise
        return cls(folder, lock, slots)

    def close(self) -> None:
        """Let another process take the bundles."""
        with suppress(OSError):
            os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def slots(self) -> Slots:
        """What the bundles are now."""
        return self._slots

    @property
    def incoming(self) -> Path:
        """Where fetched bundles lie until they are staged."""
        return self.folder / INCOMING_FOLDER

    def path_of(self, slot: Slot) -> Path:
        """Return a bundle's file."""
        return self.folder / slot.file_name

    def move(self, change: Change) -> Slots:
        """Make a move; when this returns it is on disk.

        Raises:
            SlotsRefusedError: The rules do not know this move; the message says what to do.
            SlotsError: The disk did not take it: nothing has changed.
        """
        try:
            changed = change(self._slots)
        except IllegalMoveError as error:
            raise SlotsRefusedError(str(error)) from error
        try:
            record.save(self.folder, changed)
        except OSError as error:
            self._slots = record.load(self.folder)  # the last flush may be all that failed
            raise _explained(self.folder, error) from error
        self._slots = changed
        return changed

    def stage(self, path: Path, provenance: Provenance, by: By) -> Slot:
        """Take in a bundle: its bytes are read once, compared with the hash that was told of them, checked and kept.

        The incoming file and what was told of it are removed once the bundle is safely here. Bundles that nothing
        uses go where there are too many of them.

        Raises:
            SlotsRefusedError: The file is not the one that was announced, is no bundle, or is here already.
            SlotsError: It cannot be read, or the disk is full: nothing has changed.
        """
        data = _read(path)
        digest = hashlib.sha256(data).hexdigest()
        if digest != provenance.sha256:
            raise SlotsRefusedError(
                f"{path}: is not the file that was announced (SHA-256 {digest[:12]}…, expected "
                f"{provenance.sha256[:12]}…): delete it and fetch it again"
            )
        slot = _slot(_parsed(data, path), provenance, by)
        changed = self._planned(slot, by)
        try:
            temporary = write_temporary(self.folder, data, mode=READ_ONLY)
            try:
                temporary.replace(self.path_of(slot))
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            sync_folder(self.folder)
        except OSError as error:
            raise _explained(self.folder, error) from error
        self.move(lambda _slots: changed)
        self._drop_incoming(path)
        self._drop_spare()
        return slot

    def mark(self, mark: Mark) -> None:
        """Note what this process runs, until :meth:`unmark`: a mark that is found later tells of a bad end.

        Raises:
            SlotsError: The disk did not take it.
        """
        try:
            write_whole(self.folder / MARK_NAME, mark.model_dump_json().encode())
        except OSError as error:
            raise _explained(self.folder, error) from error

    def unmark(self) -> None:
        """Note that the process ends in order."""
        with suppress(OSError):
            (self.folder / MARK_NAME).unlink(missing_ok=True)
            sync_folder(self.folder)

    def found_mark(self) -> Mark | None:
        """Return what the process before ran, if it ended badly."""
        try:
            return Mark.model_validate_json(read_bounded(self.folder / MARK_NAME, MARK_BYTES_MAX))
        except (OSError, ValueError):
            return None

    def waiting(self) -> list[Path]:
        """Return the incoming bundles of which something is told, in the order of their names."""
        try:
            return sorted(path for path in self.incoming.glob(f"*{BUNDLE_SUFFIX}") if provenance_path(path).is_file())
        except OSError:
            return []

    def discard(self, path: Path) -> None:
        """Remove an incoming bundle that was refused, and what was told of it."""
        self._drop_incoming(path)

    def _planned(self, slot: Slot, by: By) -> Slots:
        try:
            return stage(self._slots, slot, by)
        except IllegalMoveError as error:
            raise SlotsRefusedError(str(error)) from error

    def _drop_incoming(self, path: Path) -> None:
        if path.parent == self.incoming:
            for gone in (path, provenance_path(path)):
                with suppress(OSError):
                    gone.unlink(missing_ok=True)

    def _drop_spare(self) -> None:
        """Forget bundles beyond the number that is kept: first in the record, then on disk."""
        for slot in removable(self._slots):
            self.move(partial(remove, sha256=slot.sha256))
            with suppress(OSError):
                self.path_of(slot).unlink(missing_ok=True)


def _slot(bundle: Bundle, provenance: Provenance, by: By) -> Slot:
    manifest = bundle.manifest
    return Slot(
        name=manifest.name,
        version=manifest.version,
        sha256=bundle.sha256,
        product=manifest.product,
        stage=Stage.STAGED,
        since=by.at,
        origin=provenance.origin,
    )


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, FILE_BYTES_MAX)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise SlotsRefusedError(f"{path}: larger than any bundle ({FILE_BYTES_MAX} bytes): delete it") from error
        raise SlotsError(f"{path}: cannot be read ({error.strerror}); fetch it again") from error


def _parsed(data: bytes, path: Path) -> Bundle:
    try:
        return parse_bundle(data, str(path))
    except BundleError as error:
        raise SlotsRefusedError(str(error)) from error


def _tidy(folder: Path, slots: Slots) -> None:
    """Remove what a crash left behind: temporary files, and bundles that never became known or are forgotten.

    A bundle that anybody may have put here, for a recipe that names its path, stays.
    """
    known = {slot.file_name for slot in slots.bundles}
    for path in folder.iterdir():
        if not path.is_file():
            continue
        ours = path.stat().st_mode & 0o777 == READ_ONLY
        if is_temporary(path.name) or (ours and path.suffix == BUNDLE_SUFFIX and path.name not in known):
            _LOG.warning("%s: nothing names it; it is removed", path)
            path.unlink(missing_ok=True)


def _explained(folder: Path, error: OSError) -> SlotsError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        advice = "the disk is full: nothing was changed; free some space (linegate buffer prune) and try again"
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        advice = f"may not be written ({error.strerror}): check its owner and the mount"
    else:
        advice = f"{error.strerror}: check the disk"
    return SlotsError(f"{folder}: {advice}")
