"""The side-car: what a picture in the spool shows and how the station judged it, as one JSON object beside it.

Fields, in this order (later versions may append some; a reader ignores those that it does not know):

========================  =========================================================================================
``version``               1
``store``                 id of the spool that the picture was written to, 8 hex digits
``station``               ``site``, ``line``, ``name``
``session, trig``         the PLC's session and trigger number
``epoch, seq``            the station's own numbers of the part
``part``                  the part's name as the PLC gave it, may be empty
``recipe, revision``      what the part was judged by
``camera``                the view's name
``decision, code``        the part's verdict of record (``accept``, ``reject``, ``cannot_judge``) and its reason code
``view_code``             this view's own code, 0 if it was judged
``score``                 this view's calibrated defect probability, 0-1, or null
``limits``                ``accept_below``, ``reject_above`` (0-1) that applied to this view, or null
``boxes``                 ``x, y, width, height`` in pixels of the picture, ``category, category_id, score``
``bundle``                full hash of the bundle that judged this view, or null
``software``              version of the station's software
``received_at``           receipt of the trigger, Unix ms
``captured_at``           exposure of the picture, Unix ms, or null
``image``                 ``file`` (name, beside this one), ``sha256``, ``size`` (bytes), ``width``, ``height`` (pixels)
``reason``                why the picture was kept: see :class:`edge.spool.selection.KeepReason`
``ledger``                ``id`` and ``hash`` of the ledger's last event at that time, an anchor; or null
========================  =========================================================================================
"""

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.core.wire import MAX_U16, MAX_U32, NAME_PATTERN, PART_PATTERN

VERSION: Final = 1
MAX_SIDECAR_BYTES: Final = 1 << 20
CAMERA_PATTERN: Final = r"[A-Za-z0-9_-]{1,32}"
STORE_PATTERN: Final = r"[0-9a-f]{8}"

Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
U16 = Annotated[int, Field(ge=0, le=MAX_U16)]
U32 = Annotated[int, Field(ge=0, le=MAX_U32)]
UnixMs = Annotated[int, Field(ge=0, lt=253_402_300_800_000)]  # until the year 9999
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SideCarError(ValueError):
    """Bytes that are not a side-car this software can read; the message says why."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


class StationName(_Record):
    """Which station took the picture."""

    site: Name
    line: Name
    name: Name


class BoxRecord(_Record):
    """A defect's box in pixels of the picture; ``score`` is its probability (0-1)."""

    x: int
    y: int
    width: int
    height: int
    category: str
    category_id: int
    score: Probability


class LimitsRecord(_Record):
    """The probability limits (0-1) that applied to this view."""

    accept_below: Probability
    reject_above: Probability


class ImageRecord(_Record):
    """The picture's file, beside the side-car; ``size`` in bytes, ``width`` and ``height`` in pixels."""

    file: Annotated[str, Field(pattern=rf"^\d{{1,10}}-\d{{1,10}}-{CAMERA_PATTERN}\.jpg$")]
    sha256: Sha256
    size: Annotated[int, Field(gt=0)]
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]


class AnchorRecord(_Record):
    """The ledger's last event when the picture was handed over: its id, and its hash in the chain."""

    id: Annotated[int, Field(ge=1)]
    hash: Sha256


class SideCar(_Record):
    """One side-car; the fields are described above."""

    version: Literal[1] = VERSION
    store: Annotated[str, Field(pattern=f"^{STORE_PATTERN}$")]
    station: StationName
    session: U32
    trig: U32
    epoch: U32
    seq: U32
    part: Annotated[str, Field(pattern=f"^{PART_PATTERN}$")]
    recipe: U16
    revision: int
    camera: Annotated[str, Field(pattern=f"^{CAMERA_PATTERN}$")]
    decision: Annotated[str, Field(pattern="^(accept|reject|cannot_judge)$")]
    code: U16
    view_code: U16
    score: Probability | None
    limits: LimitsRecord | None
    boxes: list[BoxRecord]
    bundle: str | None
    software: str
    received_at: UnixMs
    captured_at: UnixMs | None
    image: ImageRecord
    reason: str
    ledger: AnchorRecord | None = None


def encode_sidecar(sidecar: SideCar) -> bytes:
    """Return the side-car as UTF-8 JSON, one line."""
    return sidecar.model_dump_json().encode() + b"\n"


def parse_sidecar(data: bytes) -> SideCar:
    """Parse a side-car.

    Raises:
        SideCarError: too long, no JSON, a newer version, or a field that is missing or out of range.
    """
    if len(data) > MAX_SIDECAR_BYTES:
        raise SideCarError(f"side-car of {len(data)} bytes, at most {MAX_SIDECAR_BYTES} are read")
    try:
        return SideCar.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise SideCarError(f"side-car is broken at {place}: {first['msg']}") from error


def file_stem(epoch: int, seq: int, camera: str) -> str:
    """Return ``EPOCH-SEQ-CAMERA``, the name of a picture's files without suffix.

    Raises:
        ValueError: a number that is negative or beyond 32 bits, or a camera name of other characters.
    """
    if not 0 <= epoch <= MAX_U32 or not 0 <= seq <= MAX_U32:
        raise ValueError(f"epoch {epoch} and seq {seq}: expected 0 to {MAX_U32}")
    if not re.fullmatch(CAMERA_PATTERN, camera):
        raise ValueError(f"camera name {camera!r}: use 1 to 32 of A-Z, a-z, 0-9, '-' and '_'")
    return f"{epoch}-{seq}-{camera}"
