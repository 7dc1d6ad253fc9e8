"""Reads picture and mask files for training exactly as the station reads them.

The rules are those of ``camera.image_file``, which models may not import; a test holds the two together. JPEG, PNG and
BMP are read into 8-bit BGR. Grey becomes three equal channels, palettes are looked up, transparency is dropped (the
colours beneath it show, nothing is composited), 16 bits keep their upper 8 (never scaled by what a picture holds), and
the EXIF orientation is ignored, as boxes and masks count the pixels of the file.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import DatasetError
from models.whole_files import read_bounded

FILE_BYTES_MAX: Final = 64_000_000
PIXELS_MAX: Final = 100_000_000

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_END: Final = 26
_JPEG_SIGNATURE: Final = b"\xff\xd8\xff"
_BMP_SIGNATURE: Final = b"BM"
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers that carry a size (SOF0 to SOF15 without DHT, JPG and DAC)."""
_EXIF_SEGMENT: Final = 0xE1
_EXIF_MARK: Final = b"Exif\0\0"
_MARKER: Final = 0xFF
"""Every JPEG marker starts with it; a second one is a fill byte."""
_WITHOUT_LENGTH: Final = frozenset({0xFF, 0x01, *range(0xD0, 0xD8)})
"""A fill byte, TEM and RSTn."""
_ORIENTATION_TAG: Final = 0x0112
_ORIENTATIONS: Final = 8
_UPRIGHT: Final = 1
_OS2_HEADER: Final = 12


class PictureFileError(DatasetError):
    """A file cannot be read as a picture; ``reason`` is what is wrong with it, ``remedy`` what to do."""

    def __init__(self, path: Path, reason: str, remedy: str = "replace the file, or take it off the list") -> None:
        super().__init__(path, reason, remedy)
        self.path, self.reason, self.remedy = path, reason, remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}; {self.remedy}"


class Mode(StrEnum):
    """What the pixels of a file are, before they are read as BGR."""

    GREY = "grey"
    GREY_ALPHA = "grey with transparency"
    COLOUR = "colour"
    COLOUR_ALPHA = "colour with transparency"
    PALETTE = "palette"
    CMYK = "CMYK"


_PNG_MODES: Final = {
    0: Mode.GREY,
    2: Mode.COLOUR,
    3: Mode.PALETTE,
    4: Mode.GREY_ALPHA,
    6: Mode.COLOUR_ALPHA,
}
_JPEG_MODES: Final = {1: Mode.GREY, 3: Mode.COLOUR, 4: Mode.CMYK}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureHeader:
    """What a file's header says of it.

    Sides are in pixels as stored, ``bits`` is per channel, ``orientation`` the EXIF value (1 upright, to 8).
    """

    container: str
    width: int
    height: int
    mode: Mode
    bits: int
    orientation: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadPicture:
    """A file's bytes, header and pixels (height x width x 3, BGR, uint8)."""

    encoded: bytes
    header: PictureHeader
    pixels: NDArray[np.uint8]


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a file's picture: height x width x 3, BGR, uint8, C-contiguous.

    Raises:
        PictureFileError: A ``DatasetError``: the file is missing, empty, too large, of another format or broken; the
            message names it.
    """
    return read_whole(path).pixels


def read_whole(path: Path) -> ReadPicture:
    """Return a file's picture with its bytes and header; raises as :func:`read_picture`."""
    encoded, header = _opened(path)
    pixels = _decoded(path, encoded, header, cv2.IMREAD_COLOR)
    return ReadPicture(encoded=encoded, header=header, pixels=np.ascontiguousarray(pixels))


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Return a mask file's grey values: height x width, uint8, 255 on defects.

    Raises:
        PictureFileError: As :func:`read_picture`.
    """
    encoded, header = _opened(path)
    return _decoded(path, encoded, header, cv2.IMREAD_GRAYSCALE)


def _opened(path: Path) -> tuple[bytes, PictureHeader]:
    try:
        encoded = read_bounded(path, FILE_BYTES_MAX)
        header = _header(encoded)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PictureFileError(path, reason) from error
    if not 0 < header.width * header.height <= PIXELS_MAX:
        raise PictureFileError(
            path, f"its header announces {header.width} x {header.height} pixels, allowed are 1 to {PIXELS_MAX} in all"
        )
    return encoded, header


def _decoded(path: Path, encoded: bytes, header: PictureHeader, colours: int) -> NDArray[np.uint8]:
    try:
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), colours | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise PictureFileError(path, f"cannot be decoded ({error.err})") from error
    if pixels is None or pixels.shape[:2] != (header.height, header.width):
        raise PictureFileError(path, "is broken and cannot be decoded whole")
    return np.asarray(pixels, np.uint8)


def _header(data: bytes) -> PictureHeader:
    """Read the header, so that a decompression bomb is refused without decoding it."""
    if not data:
        raise ValueError("is empty (0 bytes)")
    if data.startswith(_PNG_SIGNATURE) and data[12:16] == b"IHDR":
        return _png_header(data)
    if data.startswith(_JPEG_SIGNATURE):
        return _jpeg_header(data)
    if data.startswith(_BMP_SIGNATURE):
        return _bmp_header(data)
    raise ValueError("is no JPEG, PNG or BMP image")


def _png_header(data: bytes) -> PictureHeader:
    if len(data) < _PNG_HEADER_END:
        raise ValueError("is a broken PNG image")
    bits, kind = data[24], data[25]
    return PictureHeader(
        container="PNG",
        width=int.from_bytes(data[16:20]),
        height=int.from_bytes(data[20:24]),
        mode=_PNG_MODES.get(kind, Mode.COLOUR),
        bits=bits,
        orientation=_png_orientation(data),
    )


def _png_orientation(data: bytes) -> int:
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind == b"eXIf":
            return _orientation(data[at + 8 : at + 8 + length])
        at += 12 + length
    return _UPRIGHT


def _bmp_header(data: bytes) -> PictureHeader:
    if int.from_bytes(data[14:18], "little") == _OS2_HEADER:
        width, height = int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
        depth = int.from_bytes(data[24:26], "little")
    else:
        # A negative height means that rows run from top to bottom.
        width = abs(int.from_bytes(data[18:22], "little", signed=True))
        height = abs(int.from_bytes(data[22:26], "little", signed=True))
        depth = int.from_bytes(data[28:30], "little")
    indexed, transparent = 8, 32
    mode = Mode.PALETTE if depth <= indexed else Mode.COLOUR_ALPHA if depth == transparent else Mode.COLOUR
    return PictureHeader(container="BMP", width=width, height=height, mode=mode, bits=8, orientation=_UPRIGHT)


def _jpeg_header(data: bytes) -> PictureHeader:
    at, orientation = 2, _UPRIGHT
    while at + 9 <= len(data):
        if data[at] != _MARKER:
            raise ValueError("is a broken JPEG image")
        marker = data[at + 1]
        if marker in _FRAME_HEADERS:
            channels = data[at + 9] if at + 9 < len(data) else 0
            return PictureHeader(
                container="JPEG",
                width=int.from_bytes(data[at + 7 : at + 9]),
                height=int.from_bytes(data[at + 5 : at + 7]),
                mode=_JPEG_MODES.get(channels, Mode.COLOUR),
                bits=data[at + 4],
                orientation=orientation,
            )
        bare = marker in _WITHOUT_LENGTH
        length = 0 if bare else int.from_bytes(data[at + 2 : at + 4])
        if marker == _EXIF_SEGMENT and data.startswith(_EXIF_MARK, at + 4):
            orientation = _orientation(data[at + 4 + len(_EXIF_MARK) : at + 2 + length])
        at += (1 if marker == _MARKER else 2) + length
    raise ValueError("is a JPEG image without a size")


def _orientation(tiff: bytes) -> int:
    """Return the orientation tag of an EXIF block (a TIFF directory), 1 where there is none or it is broken."""
    if tiff[:2] not in {b"II", b"MM"}:
        return _UPRIGHT

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if tiff.startswith(b"II") else "big")

    directory = number(4, 4)
    for entry in range(min(number(directory, 2), len(tiff) // 12)):
        at = directory + 2 + 12 * entry
        if number(at, 2) == _ORIENTATION_TAG and _UPRIGHT <= number(at + 8, 2) <= _ORIENTATIONS:
            return number(at + 8, 2)
    return _UPRIGHT
