import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from camera.quality import identical, measure
from edge.core.codes import Code
from edge.core.quality import QualityLimits, quality_fault


def textured(height: int = 270, width: int = 480, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(40, 200, (height, width, 3), dtype=np.uint8)


def flat(level: int) -> NDArray[np.uint8]:
    return np.full((120, 160, 3), level, np.uint8)


def test_a_flat_picture() -> None:
    quality = measure(flat(100))
    assert (quality.brightness, quality.contrast, quality.sharpness, quality.clipped) == (100.0, 0.0, 0.0, 0.0)


def test_a_white_picture_is_clipped() -> None:
    assert measure(flat(255)).clipped == 1.0


def test_half_black_half_white() -> None:
    image = flat(0)
    image[:, 80:] = 255
    quality = measure(image)
    assert quality.brightness == pytest.approx(127.5)
    assert quality.contrast == 255.0
    assert quality.clipped == pytest.approx(0.5)
    assert quality.sharpness == 255.0


def test_contrast_leaves_out_the_outermost_hundredths() -> None:
    image = flat(50)
    image[:, 150:] = 90
    image[0, 0:2] = image[1, 0:2] = 255
    assert measure(image).contrast == 40.0


def test_sharpness_falls_with_blur() -> None:
    image = textured()
    values = [
        measure(cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8)).sharpness for sigma in (0.5, 1.0, 2.0, 4.0)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] > 4 * values[-1]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 3), (271, 481)])
def test_every_size_is_measured(size: tuple[int, int]) -> None:
    quality = measure(textured(*size))
    assert 40 <= quality.brightness < 200
    assert 0 <= quality.contrast <= 255


def test_a_read_only_picture_is_measured() -> None:
    image = textured()
    image.flags.writeable = False
    assert measure(image) == measure(textured())


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (flat(0), Code.TOO_DARK),
        (flat(255), Code.TOO_BRIGHT),
        (flat(128), Code.TOO_FLAT),
        (textured(), Code.NONE),
    ],
)
def test_default_limits_stop_dead_frames_only(image: NDArray[np.uint8], code: Code) -> None:
    assert quality_fault(measure(image), QualityLimits()) is code


def test_identical_means_every_byte() -> None:
    image = textured()
    assert identical(image, image.copy())
    for row, column in [(0, 0), (63, 17), (269, 479)]:
        other = image.copy()
        other[row, column, 1] ^= 1
        assert not identical(image, other)


def test_nothing_and_other_shapes_are_not_identical() -> None:
    image = flat(0)
    assert not identical(image, None)
    assert not identical(image, image[:-1])
    assert not identical(image, image[:, :, :1])
