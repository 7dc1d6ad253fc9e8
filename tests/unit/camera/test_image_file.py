import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from camera.errors import FrameUnreadableError
from camera.image_file import ImageLimits, read_image
from tests.support.cameras import picture

LIMITS = ImageLimits()


def encoded(suffix: str, image: np.ndarray | None = None) -> bytes:
    done, data = cv2.imencode(suffix, picture(height=120, width=160) if image is None else image)
    assert done
    return data.tobytes()


def saved(folder: Path, data: bytes, name: str = "part.jpg") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_picture_is_read_as_a_frame(tmp_path: Path, suffix: str) -> None:
    image = read_image(saved(tmp_path, encoded(suffix)), LIMITS)
    assert image.shape == (120, 160, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert not image.flags.writeable
    assert np.abs(image.astype(int) - picture(height=120, width=160)).mean() < 3


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_grey_picture_becomes_bgr(tmp_path: Path, suffix: str) -> None:
    image = read_image(saved(tmp_path, encoded(suffix, np.full((8, 9), 77, np.uint8))), LIMITS)
    assert image.shape == (8, 9, 3)
    assert (image == 77).all()


def test_sixteen_bits_and_transparency_become_eight_bit_colour(tmp_path: Path) -> None:
    deep = saved(tmp_path, encoded(".png", np.full((4, 4, 3), 0x7F7F, np.uint16)), "deep.png")
    clear = saved(tmp_path, encoded(".png", np.full((4, 4, 4), 9, np.uint8)), "clear.png")
    assert read_image(deep, LIMITS).shape == read_image(clear, LIMITS).shape == (4, 4, 3)


def test_exif_orientation_is_ignored(tmp_path: Path) -> None:
    tiff = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"\xff\xe1" + struct.pack(">H", 2 + 6 + len(tiff)) + b"Exif\0\0" + tiff
    data = encoded(".jpg")
    turned = saved(tmp_path, data[:2] + exif + data[2:])
    honoured = cv2.imread(str(turned))
    assert honoured is not None
    assert honoured.shape == (160, 120, 3), "the tag is in force for a reader that honours it"
    assert read_image(turned, LIMITS).shape == (120, 160, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    data = encoded(suffix)
    for length in range(0, len(data) - 16, max(1, len(data) // 40)):
        path = saved(tmp_path, data[:length])
        with pytest.raises(FrameUnreadableError, match=r"part\.jpg"):
            read_image(path, LIMITS)


def test_a_flipped_bit_in_a_png_is_refused(tmp_path: Path) -> None:
    data = encoded(".png")
    for position in range(60, len(data) - 20, len(data) // 20):
        broken = bytearray(data)
        broken[position] ^= 0x10
        path = saved(tmp_path, bytes(broken))
        with pytest.raises(FrameUnreadableError):
            read_image(path, LIMITS)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"BM", b"\x89PNG\r\n\x1a\n", b"not an image", b"\0" * 500])
def test_no_picture_at_all_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(FrameUnreadableError, match=r"part\.jpg"):
        read_image(saved(tmp_path, data), LIMITS)


@pytest.mark.parametrize("suffix", [".tif", ".webp"])
def test_formats_that_decode_half_a_picture_are_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FrameUnreadableError, match="no JPEG, PNG or BMP"):
        read_image(saved(tmp_path, encoded(suffix)), LIMITS)


def test_missing_files_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("absent.jpg", "pipe.jpg", "folder.jpg"):
        with pytest.raises(FrameUnreadableError, match=name):
            read_image(tmp_path / name, LIMITS)


def test_a_file_with_too_many_bytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "giant.bmp"
    with path.open("wb") as file:
        file.truncate(LIMITS.file_bytes + 1)
    with pytest.raises(FrameUnreadableError, match="allowed are 64000000"):
        read_image(path, LIMITS)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(suffix: str, width: int, height: int) -> bytes:
    if suffix == ".png":
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    data = bytearray(encoded(suffix))
    if suffix == ".bmp":
        data[18:26] = struct.pack("<ii", width, -height)
    else:
        start_of_frame = data.index(b"\xff\xc0")
        data[start_of_frame + 5 : start_of_frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_decompression_bomb_is_refused_by_its_header(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, bomb(suffix, 60_000, 60_000))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(FrameUnreadableError, match="60000 x 60000"):
        read_image(path, LIMITS)


def test_the_pixel_limit_is_exact(tmp_path: Path) -> None:
    path = saved(tmp_path, encoded(".png"))
    assert read_image(path, ImageLimits(pixels=120 * 160)).size
    with pytest.raises(FrameUnreadableError):
        read_image(path, ImageLimits(pixels=120 * 160 - 1))
