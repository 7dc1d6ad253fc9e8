"""Reads one image file into a frame's pixels, with bounds that hold before anything is decoded.

JPEG, PNG and BMP are read; TIFF and others are not, because their decoders hand out half-decoded pictures without a
word. EXIF orientation is ignored: a pixel of the file is a pixel of the frame, as the boxes and masks of a COCO folder
count them.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from camera.errors import FrameUnreadableError
from camera.simulated import as_frame_image
from camera.source import Image

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
"""File name endings, in lower case, of the formats that are read."""

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE: Final = b"\xff\xd8\xff"
_BMP_SIGNATURE: Final = b"BM"
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers that carry a size (SOF0 to SOF15 without DHT, JPG and DAC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """The largest image file that is opened: bytes on disk, and pixels that its header announces."""

    file_bytes: int = 64_000_000
    pixels: int = 100_000_000


def read_image(path: Path, limits: ImageLimits) -> Image:
    """Return a file's picture: H x W x 3 uint8, BGR, C-contiguous, read-only; grey files become BGR.

    Raises:
        FrameUnreadableError: The file is missing, empty, too large, of another format or broken; the message names it.
    """
    try:
        data = _read_bytes(path, limits.file_bytes)
        width, height = _announced_size(data)
    except (OSError, ValueError, IndexError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FrameUnreadableError(f"{path}: {reason}; replace the file, or take it out of the folder") from error
    if not 0 < width * height <= limits.pixels:
        raise FrameUnreadableError(
            f"{path}: its header announces {width} x {height} pixels, allowed are 1 to {limits.pixels} in all; "
            "replace the file, or take it out of the folder",
        )
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise FrameUnreadableError(f"{path}: cannot be decoded ({error.err}); replace the file") from error
    if pixels is None or pixels.shape[:2] != (height, width):
        raise FrameUnreadableError(f"{path}: is broken and cannot be decoded whole; replace the file")
    return as_frame_image(pixels, str(path))


def _read_bytes(path: Path, largest: int) -> bytes:
    # Non-blocking, so that a named pipe in the folder cannot hang the reader before it is refused.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - from a descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is not a regular file")
        if status.st_size > largest:
            raise ValueError(f"has {status.st_size} bytes, allowed are {largest}")
        data = file.read(largest)
    if not data:
        raise ValueError("is empty (0 bytes)")
    return data


def _announced_size(data: bytes) -> tuple[int, int]:
    """Return width and height from the header, so that a decompression bomb is refused without decoding it."""
    if data.startswith(_PNG_SIGNATURE) and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if data.startswith(_JPEG_SIGNATURE):
        return _jpeg_size(data)
    if data.startswith(_BMP_SIGNATURE):
        os2_header = 12
        if int.from_bytes(data[14:18], "little") == os2_header:
            return int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
        # A negative height means that rows run from top to bottom.
        return (
            abs(int.from_bytes(data[18:22], "little", signed=True)),
            abs(int.from_bytes(data[22:26], "little", signed=True)),
        )
    raise ValueError("is no JPEG, PNG or BMP image")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:  # noqa: PLR2004 - every marker starts with it
            raise ValueError("is a broken JPEG image")
        marker = data[at + 1]
        if marker in _FRAME_HEADERS:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        # A fill byte, or a marker without a length (TEM, RSTn).
        bare = marker in {0xFF, 0x01} or 0xD0 <= marker <= 0xD7  # noqa: PLR2004
        at += (1 if marker == 0xFF else 2) if bare else 2 + int.from_bytes(data[at + 2 : at + 4])  # noqa: PLR2004
    raise ValueError("is a JPEG image without a size")
