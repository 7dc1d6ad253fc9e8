"""Bringing one bundle's file into the store: staged, proved, on disk, and only then under its name."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.repository.layout import target_key
from deploy.repository.offer import Offer
from deploy.updates.errors import Refusal, UpdateError
from deploy.updates.trust import disk_error, make_folder, sweep, write
from deploy.updates.values import Fetched, Progress
from edge.durable import sync_folder
from edge.objects.errors import ObjectMissingError, RemoteError
from edge.objects.opening import Reader
from models.bundle import Bundle, read_bundle
from models.bundle.layout import FILE_BYTES_MAX
from models.errors import BundleError

RESERVE: Final = 64 << 20
"""Bytes that stay free: an update must never be what fills the disk under the ledger."""

_FOLDER: Final = ("models", "incoming")
_FILE_MODE: Final = 0o640


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The station's store, and who is to own what is written (user and group id, None: whoever runs this)."""

    store: Path
    owner: tuple[int, int] | None


def download(reader: Reader, offer: Offer, to: Destination, *, source: str, progress: Progress) -> Fetched:
    """Bring a bundle on offer to ``STORE/models/incoming/NAME-VERSION.lgb``, where it is whole and on disk.

    What is told of it lies beside it in ``NAME-VERSION.lgb.json``, written last. A file that is there already and is
    the one is not read again.

    Raises:
        UpdateError: it is not what was signed, too large or damaged, or cannot be read or written; nothing has its
            name.
        StoppedError: given up.
    """
    if offer.length > FILE_BYTES_MAX:
        text = f"{offer.file_name}: {offer.length} bytes are more than any bundle has ({FILE_BYTES_MAX})"
        raise UpdateError(Refusal.TOO_BIG, text, bundle=offer.bundle)
    with _on_disk(to.store):
        incoming = _incoming(to)
        final = incoming / offer.file_name
        if not _is_there(final, offer):
            _check_room(incoming, offer.length, offer.bundle)
            with _staged(incoming, offer.file_name, to) as part:
                _receive(reader, offer, part, progress)
                _check_bundle(part, offer)
                part.rename(final)
            sync_folder(incoming)
    fetched = Fetched(
        path=final,
        sha256=offer.sha256,
        name=offer.name,
        version=offer.version,
        product=offer.product,
        source=source,
        notes=offer.notes,
        minimum_software=offer.minimum_software,
        share_permille=offer.share_permille,
    )
    _tell(fetched, to)
    return fetched


def take_unsigned(path: Path, to: Destination) -> Fetched:
    """Copy a plain bundle to where a fetched one would be.

    Raises:
        UpdateError: it is no bundle, or cannot be read or written.
    """
    try:
        bundle = read_bundle(path)
    except BundleError as error:
        raise UpdateError(Refusal.DAMAGED, str(error)) from error
    manifest = bundle.manifest
    with _on_disk(to.store):
        incoming = _incoming(to)
        final = incoming / manifest.file_name
        _check_room(incoming, path.stat().st_size, final.stem)
        with _staged(incoming, manifest.file_name, to) as part:
            shutil.copyfile(path, part)
            if hashlib.sha256(part.read_bytes()).hexdigest() != bundle.sha256:
                raise UpdateError(Refusal.DAMAGED, f"{path}: changed while it was copied: try again")
            _flush(part)
            part.rename(final)
        sync_folder(incoming)
    fetched = Fetched(
        path=final,
        sha256=bundle.sha256,
        name=manifest.name,
        version=manifest.version,
        product=manifest.product,
        source=str(path),
        signed=False,
    )
    _tell(fetched, to)
    return fetched


def _incoming(to: Destination) -> Path:
    folder = to.store
    for name in _FOLDER:
        folder /= name
        make_folder(folder, to.owner)
    sweep(folder)
    return folder


def _is_there(final: Path, offer: Offer) -> bool:
    try:
        with final.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == offer.sha256
    except FileNotFoundError:
        return False


def _check_room(incoming: Path, length: int, bundle: str) -> None:
    """Refuse what does not leave the reserve free, also while its second copy is made: the one in the slots."""
    free, needed = shutil.disk_usage(incoming).free, 2 * length + RESERVE
    if free < needed:
        raise UpdateError(
            Refusal.DISK,
            f"{incoming}: the disk is full but for {free >> 20} MB; {bundle} and the station's reserve need "
            f"{(needed >> 20) + 1} MB: free some space (linegate buffer prune)",
            bundle=bundle,
        )


def _receive(reader: Reader, offer: Offer, part: Path, progress: Progress) -> None:
    """Write what comes, as long as it can still be what was signed."""
    digest, length = hashlib.sha256(), 0
    key = target_key(offer.sha256, offer.file_name)
    try:
        with part.open("r+b") as file:
            for piece in reader.stream(key):
                length += len(piece)
                if length > offer.length:
                    raise UpdateError(
                        Refusal.TOO_BIG, f"{key}: more than the {offer.length} bytes signed", bundle=offer.bundle
                    )
                digest.update(piece)
                file.write(piece)
                progress(offer.file_name, length, offer.length)
    except ObjectMissingError as error:
        raise UpdateError(
            Refusal.UNREACHABLE, f"{error}: is missing from the repository", bundle=offer.bundle
        ) from error
    except RemoteError as error:
        raise UpdateError(Refusal.UNREACHABLE, str(error), bundle=offer.bundle) from error
    if length != offer.length or digest.hexdigest() != offer.sha256:
        raise UpdateError(
            Refusal.TAMPERED,
            f"{key}: is not the file that was signed ({length} of {offer.length} bytes came): copy or publish it again",
            bundle=offer.bundle,
        )
    _flush(part)


def _check_bundle(part: Path, offer: Offer) -> None:
    try:
        bundle = read_bundle(part)
    except BundleError as error:
        text = str(error).replace(str(part), offer.file_name)
        raise UpdateError(Refusal.DAMAGED, f"{text} (it was signed like this)", bundle=offer.bundle) from error
    if _names(bundle) != (offer.name, offer.version, offer.product):
        name, version, product = _names(bundle)
        raise UpdateError(
            Refusal.DAMAGED,
            f"{offer.file_name}: holds {name}-{version} for {product}, is offered as {offer.bundle} for "
            f"{offer.product}: publish it again",
            bundle=offer.bundle,
        )


def _names(bundle: Bundle) -> tuple[str, int, str]:
    return bundle.manifest.name, bundle.manifest.version, bundle.manifest.product


def _tell(fetched: Fetched, to: Destination) -> None:
    told = {
        "sha256": fetched.sha256,
        "source": fetched.source[:500],
        "signed": fetched.signed,
        "notes": fetched.notes,
        "share_permille": fetched.share_permille,
    }
    path = fetched.path.with_name(fetched.path.name + ".json")
    with _on_disk(path):
        write(path, json.dumps(told).encode(), owner=to.owner, mode=_FILE_MODE)


@contextmanager
def _staged(folder: Path, name: str, to: Destination) -> Iterator[Path]:
    """Yield an empty file that is gone when the block ends, unless it was given another name."""
    part = folder / f".{name}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(part, flags, _FILE_MODE)
        try:
            if to.owner is not None:
                os.fchown(descriptor, *to.owner)
        finally:
            os.close(descriptor)
        yield part
    finally:
        part.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(Path(error.filename) if isinstance(error.filename, str) else path, error) from error
