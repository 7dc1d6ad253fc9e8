"""The spool's writer: one picture and its side-car at a time, within a limit, never over an existing file."""

import errno
import hashlib
import logging
import math
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from edge.core.anchors import Anchor
from edge.core.events import Instant, PartKey
from edge.core.types import Box, Decision, Limits
from edge.durable import make_folders, write_whole
from edge.spool.errors import (
    SpoolEncodeError,
    SpoolError,
    SpoolFullError,
    SpoolNameError,
    SpoolOccupiedError,
    SpoolWriteError,
)
from edge.spool.selection import KeepReason
from edge.spool.sidecar import (
    AnchorRecord,
    BoxRecord,
    ImageRecord,
    LimitsRecord,
    SideCar,
    StationName,
    encode_sidecar,
    file_stem,
)
from edge.spool.stock import SpoolContents, read_or_draw_id, take_stock

DISK_RESERVE_BYTES: Final = 64 << 20
"""Room on the file system that pictures never take: the ledger usually lives there too."""

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoreRequest:
    """One view's picture to keep, and what is known of it.

    ``image`` is BGR (height x width x 3) or grey, 8 bits, and is not changed; ``decision`` and ``code`` are the part's
    verdict of record, ``view_code``, ``score`` (0-1), ``boxes``, ``limits`` and ``bundle`` (full hash) this view's.
    ``anchor`` is the ledger's head at this time.
    """

    image: NDArray[np.uint8]
    key: PartKey
    part: str
    recipe: int
    revision: int
    camera: str
    decision: Decision
    code: int
    view_code: int
    score: float | None
    boxes: tuple[Box, ...]
    limits: Limits | None
    bundle: str | None
    received: Instant
    captured: Instant | None
    reason: KeepReason
    station: StationName
    software: str
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A picture that is on disk: ``path`` relative to the spool, ``sha256`` and ``size`` (bytes) of the JPEG."""

    path: str
    sha256: str
    size: int


class Spool:
    """The writer of a spool. Used by one thread; ``used_bytes`` may be read by any."""

    def __init__(
        self, directory: Path, *, store_id: str, found: SpoolContents, limit: int, quality: int, reserve: int
    ) -> None:
        self.directory: Final = directory
        self.store_id: Final = store_id
        self.found: Final = found
        self.used_bytes = found.used_bytes
        self._limit = limit
        self._reserve = reserve
        self._day: Path | None = None
        self._encoding = (
            cv2.IMWRITE_JPEG_QUALITY,
            quality,
            # Halved chroma would wash out a coloured hairline.
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        )

    @classmethod
    def open(
        cls, directory: Path, *, limit_bytes: int, jpeg_quality: int, reserve_bytes: int = DISK_RESERVE_BYTES
    ) -> Self:
        """Open a spool, creating it if need be; remove what a crash left half written and count the rest.

        ``limit_bytes`` bounds all files together, ``reserve_bytes`` stays free on the file system, ``jpeg_quality`` is
        0-100. The parent of ``directory`` must exist.

        Raises:
            SpoolError: the folder cannot be made, read or cleaned.
        """
        try:
            make_folders(directory, directory.parent)
            store_id = read_or_draw_id(directory)
            found = take_stock(directory)
        except OSError as error:
            raise _write_error(directory, error) from error
        if found.temporaries or found.without_sidecar:
            _LOG.info(
                "spool %s: removed %d half-written files; %d pictures have no side-car (a crash; harmless)",
                directory,
                found.temporaries,
                found.without_sidecar,
            )
        return cls(
            directory, store_id=store_id, found=found, limit=limit_bytes, quality=jpeg_quality, reserve=reserve_bytes
        )

    def store(self, request: StoreRequest) -> StoredFile:
        """Write a picture and its side-car durably; returns when both would survive a power cut.

        Takes tens of milliseconds: never on the path of a part. After an error neither file is left.

        Raises:
            SpoolFullError: no room within the limit or on the disk.
            SpoolError: any other reason; see :mod:`edge.spool.errors`.
        """
        self._require_room(0)
        stem, folder = self._place(request)
        picture = _encode(request.image, self._encoding)
        path = folder / f"{stem}.jpg"
        sidecar_path = folder / f"{stem}.json"
        digest = hashlib.sha256(picture).hexdigest()
        sidecar = encode_sidecar(self._describe(request, path.name, digest, len(picture)))
        self._require_room(len(picture) + len(sidecar))
        try:
            if path.exists() or sidecar_path.exists():
                raise SpoolOccupiedError(f"{path} exists already and is kept; was the ledger reset but not the spool?")
            self._make_day(folder)
            try:
                write_whole(path, picture)
                write_whole(sidecar_path, sidecar)
            except BaseException:
                _remove(path, sidecar_path)
                raise
        except OSError as error:
            raise _write_error(path, error) from error
        self.used_bytes += len(picture) + len(sidecar)
        return StoredFile(path=path.relative_to(self.directory).as_posix(), sha256=digest, size=len(picture))

    def _place(self, request: StoreRequest) -> tuple[str, Path]:
        try:
            stem = file_stem(request.key.epoch, request.key.seq, request.camera)
            day = datetime.fromtimestamp(request.received.utc_ms / 1000, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise SpoolNameError(f"picture of part {request.key} not kept: {error}") from error
        return stem, self.directory / f"{day.year:04}" / f"{day.month:02}" / f"{day.day:02}"

    def _make_day(self, folder: Path) -> None:
        """Create a day's folder durably, once: each flush would compete with the ledger's."""
        if folder != self._day or not folder.is_dir():
            make_folders(folder, self.directory)
            self._day = folder

    def _describe(self, request: StoreRequest, name: str, digest: str, size: int) -> SideCar:
        height, width = request.image.shape[:2]
        try:
            return SideCar(
                store=self.store_id,
                station=request.station,
                session=request.key.session,
                trig=request.key.trig,
                epoch=request.key.epoch,
                seq=request.key.seq,
                part=request.part,
                recipe=request.recipe,
                revision=request.revision,
                camera=request.camera,
                decision=request.decision.label,
                code=int(request.code),
                view_code=int(request.view_code),
                score=_probability(request.score),
                limits=_limits_record(request.limits),
                boxes=[_box_record(box) for box in request.boxes],
                bundle=request.bundle,
                software=request.software,
                received_at=request.received.utc_ms,
                captured_at=None if request.captured is None else request.captured.utc_ms,
                image=ImageRecord(file=name, sha256=digest, size=size, width=width, height=height),
                reason=str(request.reason),
                ledger=_anchor_record(request.anchor),
            )
        except ValidationError as error:
            raise SpoolNameError(f"picture of part {request.key} not kept: {error}") from error

    def _require_room(self, size: int) -> None:
        """Refuse what would pass the limit or eat into the reserve."""
        if self.used_bytes + size >= self._limit:
            raise SpoolFullError(
                f"spool {self.directory} holds {self.used_bytes} of {self._limit} bytes: raise store.spool_limit, or "
                "let it be uploaded and pruned"
            )
        try:
            status = os.statvfs(self.directory)
        except OSError as error:
            raise _write_error(self.directory, error) from error
        free = status.f_bavail * status.f_frsize
        if free < self._reserve + size:
            raise SpoolFullError(
                f"file system of {self.directory} has {free} bytes free, {self._reserve} are kept for the ledger: "
                "free some space"
            )


def _encode(image: NDArray[np.uint8], encoding: tuple[int, ...]) -> bytes:
    try:
        done, data = cv2.imencode(".jpg", image, encoding)
    except cv2.error as error:
        raise SpoolEncodeError(f"picture of shape {image.shape}, {image.dtype}: {error}") from error
    if not done or data.size == 0:
        raise SpoolEncodeError(f"picture of shape {image.shape}, {image.dtype} cannot be made a JPEG")
    return data.tobytes()


def _probability(score: float | None) -> float | None:
    """Return the score, None where a broken model gave something that is no probability."""
    return score if score is not None and math.isfinite(score) and 0.0 <= score <= 1.0 else None


def _limits_record(limits: Limits | None) -> LimitsRecord | None:
    if limits is None:
        return None
    return LimitsRecord(accept_below=limits.accept_below, reject_above=limits.reject_above)


def _anchor_record(anchor: Anchor | None) -> AnchorRecord | None:
    return None if anchor is None else AnchorRecord(id=anchor.event, hash=anchor.digest)


def _box_record(box: Box) -> BoxRecord:
    return BoxRecord(
        x=box.x,
        y=box.y,
        width=box.width,
        height=box.height,
        category=box.category,
        category_id=box.category_id,
        score=_probability(box.score) or 0.0,
    )


def _remove(*paths: Path) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _write_error(path: Path, error: OSError) -> SpoolError:
    if error.errno in _NO_ROOM:
        return SpoolFullError(f"no room on the disk for {path}: free some space ({error.strerror})")
    return SpoolWriteError(f"cannot write {path}: {error.strerror or error}; check the disk and its permissions")
