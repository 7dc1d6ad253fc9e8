"""Sending one picture: checked against its side-car, created once, side-car last."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from edge.objects.errors import ObjectExistsError
from edge.objects.store import ObjectStore
from edge.spool.reader import read_entry, sidecar_path_of
from edge.spool.sidecar import SideCar
from sync.state import UploadState

MAX_PICTURE_BYTES: Final = 256 << 20
"""A picture is held in memory while it is sent; what claims to be larger is no JPEG of a camera."""


class LocalReadError(Exception):
    """The spool's disk failed while a picture was read; it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a picture; ``state`` pending means that its side-car is not there yet."""

    state: UploadState
    sha256: str | None = None
    key: str | None = None
    detail: str = ""


def object_key(prefix: str, sidecar: SideCar, image_path: str) -> str:
    """Return the key of a picture: ``PREFIX/SITE/LINE/STATION/STORE/YYYY/MM/DD/EPOCH-SEQ-CAMERA.jpg``.

    All but the prefix comes from the side-car and the file's place, so that a key never changes with the
    configuration. ``STORE`` is the spool's id: a station that is set up anew counts its epochs from 1 again, and must
    not meet the objects of its former life.
    """
    station = sidecar.station
    place = PurePosixPath(prefix, station.site, station.line, station.name, sidecar.store, image_path)
    return place.as_posix()


class Uploader:
    """Sends pictures of one spool to one object store; reads only."""

    def __init__(self, spool: Path, remote: ObjectStore, prefix: str) -> None:
        self._spool = spool
        self._remote = remote
        self._prefix = prefix

    def send(self, image_path: str) -> Outcome:
        """Send a picture and then its side-car, unless they are there already.

        Raises:
            RemoteError: the object store does not do it now.
            LocalReadError: the disk does not.
            StoppedError: given up halfway; sending again completes it.
        """
        entry = read_entry(self._spool, image_path)
        if entry.pending:
            exists = (self._spool / image_path).exists()
            return Outcome(state=UploadState.PENDING if exists else UploadState.GONE, detail=entry.problem or "")
        if entry.sidecar is None:
            return Outcome(state=UploadState.DAMAGED, detail=entry.problem or "")
        sidecar = entry.sidecar
        sha256 = sidecar.image.sha256
        picture = self._read(image_path, sidecar)
        if isinstance(picture, Outcome):
            return picture
        key = object_key(self._prefix, sidecar, image_path)
        sidecar_key = sidecar_path_of(key)
        for name, data, kind in (
            (key, picture, "image/jpeg"),
            (sidecar_key, entry.sidecar_bytes, "application/json"),
        ):
            if not self._create(name, data, kind):
                detail = f"object {name} exists with other content and was left as it is"
                return Outcome(state=UploadState.CONFLICT, sha256=sha256, key=key, detail=detail)
        return Outcome(state=UploadState.DONE, sha256=sha256, key=key)

    def _read(self, image_path: str, sidecar: SideCar) -> bytes | Outcome:
        """Return the picture's bytes if they are those that the side-car was written for."""
        expected = sidecar.image
        damaged = Outcome(
            state=UploadState.DAMAGED, sha256=expected.sha256, detail="the picture is not the one its side-car names"
        )
        if expected.size > MAX_PICTURE_BYTES:
            return damaged
        try:
            with (self._spool / image_path).open("rb") as file:
                data = file.read(expected.size + 1)
        except FileNotFoundError:
            return Outcome(state=UploadState.GONE, sha256=expected.sha256, detail="pruned before it was sent")
        except OSError as error:
            raise LocalReadError(f"cannot read {self._spool / image_path}: {error.strerror or error}") from error
        return data if hashlib.sha256(data).hexdigest() == expected.sha256 else damaged

    def _create(self, key: str, data: bytes, content_type: str) -> bool:
        """Create an object, or see that it is there already with this content; False if with another."""
        try:
            self._remote.create(key, data, content_type)
        except ObjectExistsError:
            return self._remote.sha256(key, len(data)) == hashlib.sha256(data).hexdigest()
        return True
