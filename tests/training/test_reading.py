import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from camera.errors import CameraError
from camera.image_file import ImageLimits, read_image
from edge.core.dataset import DatasetError
from models.training.reading import FILE_BYTES_MAX, PIXELS_MAX, Mode, read_mask, read_picture, read_whole

pytestmark = pytest.mark.training


def pattern(height: int = 24, width: int = 32, channels: int = 3) -> NDArray[np.uint8]:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def encoded(suffix: str, image: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def palette_png(colours: bytes, indices: NDArray[np.uint8], transparency: bytes = b"") -> bytes:
    height, width = indices.shape
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", colours)
        + (chunk(b"tRNS", transparency) if transparency else b"")
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def exif(orientation: int, order: str = "<") -> bytes:
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def turned_jpeg(orientation: int, order: str = "<") -> bytes:
    data, tiff = encoded(".jpg", pattern()), exif(orientation, order)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff + data[2:]


def turned_png(orientation: int) -> bytes:
    data = encoded(".png", pattern())
    return data[:33] + chunk(b"eXIf", exif(orientation)) + data[33:]


FILES = {
    "colour.jpg": encoded(".jpg", pattern()),
    "colour.png": encoded(".png", pattern()),
    "colour.bmp": encoded(".bmp", pattern()),
    "grey.jpg": encoded(".jpg", pattern(channels=1)),
    "grey.png": encoded(".png", pattern(channels=1)),
    "grey.bmp": encoded(".bmp", pattern(channels=1)),
    "alpha.png": encoded(".png", pattern(channels=4)),
    "alpha.bmp": encoded(".bmp", pattern(channels=4)),
    "deep.png": encoded(".png", (np.arange(256) * 257).astype(np.uint16).reshape(16, 16)),
    "deep_colour.png": encoded(".png", pattern().astype(np.uint16) * 257),
    "palette.png": palette_png(bytes(range(12)), pattern(channels=1) % 4, b"\0\x80"),
    "turned.jpg": turned_jpeg(6),
    "turned_big_endian.jpg": turned_jpeg(8, ">"),
    "turned.png": turned_png(3),
    "animation.tif": encoded(".tif", pattern()),
    "text.jpg": b"no picture",
    "empty.png": b"",
    "short.png": encoded(".png", pattern())[:20],
}


def as_the_station(path: Path) -> NDArray[np.uint8] | None:
    try:
        return read_image(path, ImageLimits())
    except CameraError:
        return None


def in_training(path: Path) -> NDArray[np.uint8] | None:
    try:
        return read_picture(path)
    except DatasetError as error:
        assert str(path) in str(error)
        return None


def same(path: Path) -> bool:
    one, other = as_the_station(path), in_training(path)
    return one is other is None or (one is not None and other is not None and np.array_equal(one, other))


@pytest.mark.parametrize("name", FILES)
def test_training_reads_a_file_as_the_station_does(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    assert same(tmp_path / name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 5000), st.integers(0, 7), st.booleans())
def test_training_refuses_a_damaged_file_exactly_where_the_station_does(
    tmp_path: Path, name: str, place: int, bit: int, cut: bool
) -> None:
    data = bytearray(FILES[name])
    if data:
        place %= len(data)
        data = data[:place] if cut else data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
    path = tmp_path / name
    path.write_bytes(data)
    assert same(path)


def test_the_limits_are_the_stations() -> None:
    limits = ImageLimits()
    assert (limits.file_bytes, limits.pixels) == (FILE_BYTES_MAX, PIXELS_MAX)


def test_every_picture_becomes_eight_bit_bgr(tmp_path: Path) -> None:
    for name in ("grey.jpg", "alpha.png", "deep.png", "palette.png", "turned.jpg"):
        (tmp_path / name).write_bytes(FILES[name])
        pixels = read_picture(tmp_path / name)
        assert pixels.dtype == np.uint8
        assert (pixels.ndim, pixels.shape[2], pixels.flags.c_contiguous) == (3, 3, True)


def test_sixteen_bits_keep_their_upper_eight_whatever_the_picture_holds(tmp_path: Path) -> None:
    (tmp_path / "deep.png").write_bytes(encoded(".png", np.array([[0, 255, 256, 4095, 32768, 65535]], np.uint16)))
    assert read_picture(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 0, 1, 15, 128, 255]


def test_the_colours_beneath_transparency_show(tmp_path: Path) -> None:
    image = np.full((4, 4, 4), 200, np.uint8)
    image[0, 0, 3] = 0
    (tmp_path / "clear.png").write_bytes(encoded(".png", image))
    assert (read_picture(tmp_path / "clear.png") == 200).all()


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    indices = np.array([[0, 1]], np.uint8)
    (tmp_path / "palette.png").write_bytes(palette_png(bytes([10, 20, 30, 200, 100, 50]), indices))
    assert read_picture(tmp_path / "palette.png").tolist() == [[[30, 20, 10], [50, 100, 200]]]


@pytest.mark.parametrize("name", ["turned.jpg", "turned_big_endian.jpg", "turned.png"])
def test_a_turned_file_is_read_as_stored(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    assert read_picture(tmp_path / name).shape == (24, 32, 3)
    assert read_whole(tmp_path / name).header.orientation in {3, 6, 8}


@pytest.mark.parametrize(
    ("name", "mode", "bits"),
    [
        ("colour.jpg", Mode.COLOUR, 8),
        ("grey.jpg", Mode.GREY, 8),
        ("colour.png", Mode.COLOUR, 8),
        ("grey.png", Mode.GREY, 8),
        ("alpha.png", Mode.COLOUR_ALPHA, 8),
        ("alpha.bmp", Mode.COLOUR_ALPHA, 8),
        ("deep.png", Mode.GREY, 16),
        ("palette.png", Mode.PALETTE, 8),
        ("grey.bmp", Mode.PALETTE, 8),
    ],
)
def test_the_header_says_what_the_file_holds(tmp_path: Path, name: str, mode: Mode, bits: int) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    header = read_whole(tmp_path / name).header
    assert (header.mode, header.bits, header.orientation == 1) == (mode, bits, True)


def test_missing_files_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("absent.jpg", "pipe.jpg", "folder.jpg"):
        with pytest.raises(DatasetError, match=name):
            read_picture(tmp_path / name)


def test_a_giant_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "giant.png").write_bytes(data)
    with pytest.raises(DatasetError, match="announces 60000 x 60000 pixels"):
        read_picture(tmp_path / "giant.png")


def test_a_mask_is_read_as_grey(tmp_path: Path) -> None:
    mask = np.zeros((24, 32), np.uint8)
    mask[3:5, 6:9] = 255
    (tmp_path / "mask.png").write_bytes(encoded(".png", np.dstack([mask, mask, mask])))
    assert np.array_equal(read_mask(tmp_path / "mask.png"), mask)
