import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import PictureError
from models.preprocess import Exposure, Geometry, InputSize, mean_level, prepare, to_int8

SIZE = InputSize(width=960, height=544)
sides = st.integers(1, 700)


def to_input(geometry: Geometry, x: float, y: float) -> tuple[float, float]:
    """Map a point of the picture to the input: what the network sees of it."""
    left, top, _, _ = geometry.region
    return (x - left) * geometry.scale_x + geometry.left, (y - top) * geometry.scale_y + geometry.top


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    values = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, channels), np.uint8)
    return values if channels > 1 else values[:, :, 0]


def test_full_hd_is_halved_exactly_and_centred() -> None:
    image = picture(1080, 1920)
    prepared = prepare(image, SIZE, 128)
    blocks = image.reshape(540, 2, 960, 2, 3).astype(np.int64).sum(axis=(1, 3))
    assert prepared.pixels.shape == (544, 960, 3)
    assert np.array_equal(prepared.pixels[2:542], (blocks + 2) // 4)
    assert (prepared.pixels[:2] == 128).all()
    assert (prepared.pixels[542:] == 128).all()
    assert (prepared.geometry.scale_x, prepared.geometry.scale_y, prepared.geometry.top) == (0.5, 0.5, 2)


def test_the_network_s_own_size_passes_unchanged() -> None:
    image = picture(544, 960)
    assert np.array_equal(prepare(image, SIZE, 128).pixels, image)


def test_int8_is_the_normalised_value() -> None:
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_int8(levels) / 128.0, (levels.astype(float) - 128.0) / 128.0)


@pytest.mark.parametrize(("height", "width"), [(300, 200), (4000, 3000), (1, 5000), (7, 1), (2160, 3840)])
def test_any_size_keeps_its_aspect(height: int, width: int) -> None:
    geometry = prepare(picture(height, width), SIZE, 0).geometry
    fit = min(960 / width, 544 / height)
    assert abs(geometry.scale_x * width - max(fit * width, 1)) <= 1
    assert abs(geometry.scale_y * height - max(fit * height, 1)) <= 1


def test_grey_pictures_become_colour_and_back() -> None:
    grey = picture(272, 480, 1)
    coloured = prepare(grey, SIZE, 0).pixels
    assert np.array_equal(coloured[:, :, 0], coloured[:, :, 2])
    assert prepare(picture(272, 480), InputSize(width=480, height=272, colour=False), 0).pixels.shape == (272, 480, 1)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((2, 20_000), np.uint8),
        None,
    ],
)
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(PictureError, match="picture"):
        prepare(image, SIZE, 0)


@pytest.mark.parametrize("region", [(0, 0, 0, 5), (-1, 0, 5, 5), (0, 0, 101, 5), (0, 98, 5, 5)])
def test_a_region_outside_the_picture_is_refused(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(PictureError, match="roi"):
        prepare(picture(100, 100), SIZE, 0, region)


def test_a_region_is_what_the_network_sees() -> None:
    image = picture(1080, 1920)
    part = prepare(image, SIZE, 128, (100, 200, 960, 544))
    assert np.array_equal(part.pixels, image[200:744, 100:1060])
    assert part.geometry.to_picture(0, 0, 960, 544) == (100, 200, 960, 544)


@settings(max_examples=150, deadline=None)
@given(st.data(), sides, sides)
def test_boxes_come_back_to_where_they_were(data: st.DataObject, height: int, width: int) -> None:
    region_width, region_height = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    region = (
        data.draw(st.integers(0, width - region_width)),
        data.draw(st.integers(0, height - region_height)),
        region_width,
        region_height,
    )
    prepared = prepare(np.zeros((height, width, 3), np.uint8), InputSize(width=128, height=96), 7, region)
    assert prepared.pixels.shape == (96, 128, 3)
    geometry = prepared.geometry
    low = to_input(geometry, region[0], region[1])
    high = to_input(geometry, region[0] + region_width, region[1] + region_height)
    assert -1e-6 <= low[0] < high[0] <= 128 + 1e-6
    assert -1e-6 <= low[1] < high[1] <= 96 + 1e-6
    assert geometry.to_picture(low[0], low[1], high[0] - low[0], high[1] - low[1]) == region
    inside = geometry.to_picture(0, 0, 128, 96)
    assert inside == region


@pytest.mark.parametrize("shape", [(1080, 1920), (2160, 3840), (1081, 1920), (544, 960), (300, 200)])
def test_a_half_that_is_known_already_changes_nothing(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(5).integers(0, 255, (*shape, 3), np.uint8)
    size = InputSize(width=960, height=544)
    even = picture[: shape[0] // 2 * 2, : shape[1] // 2 * 2]
    half = cv2.resize(even, (shape[1] // 2, shape[0] // 2), interpolation=cv2.INTER_AREA)
    alone, helped = prepare(picture, size, 114), prepare(picture, size, 114, None, half)
    assert np.array_equal(alone.pixels, helped.pixels)
    assert alone.geometry == helped.geometry


@given(st.integers(20, 40), st.integers(1, 50))
def test_half_the_light_gives_the_network_the_same_picture(level: int, brightest: int) -> None:
    dark = np.random.default_rng(brightest).integers(10, 10 + brightest, (96, 128, 3), np.uint8)
    size, exposure = InputSize(width=128, height=96), Exposure(level=float(level))
    seen = [prepare(one, size, 0, exposure=exposure).pixels.astype(int) for one in (dark, dark * 2)]
    # Beside rounding, the gain is in whole steps of 1/256.
    assert np.abs(seen[0] - seen[1]).max() <= 1 + np.ceil((10 + brightest) / 128)


@given(st.floats(1.0, 254.0), st.integers(0, 255))
def test_a_gain_is_the_same_on_every_machine(level: float, grey: int) -> None:
    picture = np.full((40, 50, 3), grey, np.uint8)
    gain = Exposure(level=level).gain(picture)
    assert 0.25 <= gain <= 4.0
    prepared = prepare(picture, InputSize(width=50, height=40), 0, exposure=Exposure(level=level)).pixels
    assert (prepared == min(round(grey * gain), 255)).all()


def test_only_the_part_used_says_how_bright_a_picture_is() -> None:
    picture = np.full((64, 64, 3), 240, np.uint8)
    picture[:32, :32] = 30
    prepared = prepare(picture, InputSize(width=32, height=32), 0, (0, 0, 32, 32), exposure=Exposure(level=60.0))
    assert (prepared.pixels == 60).all()


def test_the_mean_of_a_large_picture_is_that_of_a_grid() -> None:
    picture = np.zeros((1024, 2048, 3), np.uint8)
    picture[::8, ::8] = 200
    assert mean_level(picture) == 200.0
