import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.postprocess import extract_boxes, picture_score, probability, top_mean
from models.preprocess import InputSize, prepare
from models.quantisation import Quantisation
from tests.support import bundles

TENTHS = Quantisation(scale=0.1, zero_point=0)
MANIFEST = bundles.manifest()
GEOMETRY = prepare(np.zeros((64, 128, 3), np.uint8), InputSize(width=64, height=32), 128).geometry


def quiet_map() -> np.ndarray:
    return np.full((8, 16, 3), -60, np.int8)


@given(
    arrays.arrays(np.int8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    st.integers(1, 100),
)
def test_top_mean_is_the_mean_of_the_highest(values: np.ndarray, cells: int) -> None:
    wanted = sorted(values.ravel().tolist(), reverse=True)[:cells]
    assert top_mean(values, cells) == pytest.approx(sum(wanted) / len(wanted))


@given(st.floats(-1e6, 1e6))
def test_a_probability_is_one(logit: float) -> None:
    assert 0.0 <= probability(logit, MANIFEST.calibration) <= 1.0


def test_the_score_is_the_calibrated_mean_of_the_highest_cells() -> None:
    stored = quiet_map()
    stored[2, 3, 0], stored[5, 9, 0] = 30, 10
    assert picture_score(stored, TENTHS, MANIFEST.calibration) == pytest.approx(1 / (1 + math.exp(-2.0)))


def test_a_quiet_map_has_no_boxes() -> None:
    assert extract_boxes(quiet_map(), TENTHS, MANIFEST, GEOMETRY) == ()


def test_a_region_becomes_a_box_of_the_picture() -> None:
    stored = quiet_map()
    stored[2:4, 5:9, 0] = 5
    stored[2, 6, 0] = 40
    stored[2:4, 5:9, 1] = 20  # the manifest's first class channel is class 2, scratch
    [box] = extract_boxes(stored, TENTHS, MANIFEST, GEOMETRY)
    assert (box.x, box.y, box.width, box.height) == (40, 16, 32, 16)
    assert (box.category, box.category_id) == ("scratch", 2)
    assert box.score == pytest.approx(1 / (1 + math.exp(-(4.0 + 0.5) / 2)))


def test_faint_regions_are_no_boxes_and_near_ones_are_one() -> None:
    stored = quiet_map()
    stored[1, 1, 0] = 9  # below the peak
    stored[5, 4, 0] = stored[5, 7, 0] = 20  # two cells apart
    [box] = extract_boxes(stored, TENTHS, MANIFEST, GEOMETRY)
    assert (box.x, box.width) == (32, 32)


def test_the_strongest_come_first_and_the_number_is_bounded() -> None:
    manifest = bundles.manifest(
        boxes={"grow_logit": 0.0, "peak_logit": 1.0, "minimum_cells": 1, "merge_cells": 0, "maximum": 3}
    )
    stored = quiet_map()
    stored[::2, ::2, 0] = np.arange(32).reshape(4, 8) + 12
    boxes = extract_boxes(stored, TENTHS, manifest, GEOMETRY)
    assert len(boxes) == 3
    assert [box.score for box in boxes] == sorted((box.score for box in boxes), reverse=True)
    assert boxes[0].x == 112


@given(arrays.arrays(np.int8, (8, 16, 3)))
def test_boxes_lie_inside_the_picture(stored: np.ndarray) -> None:
    for box in extract_boxes(stored, TENTHS, MANIFEST, GEOMETRY):
        assert 0 <= box.x < box.x + box.width <= 128
        assert 0 <= box.y < box.y + box.height <= 64
        assert 0.0 <= box.score <= 1.0


@given(st.floats(-300, 300), st.floats(0.001, 2), st.integers(-128, 127))
def test_a_level_is_the_first_that_reaches_the_value(value: float, scale: float, zero_point: int) -> None:
    quantisation = Quantisation(scale=scale, zero_point=zero_point)
    level = quantisation.level(value)
    assert -128 <= level <= 128
    if level <= 127:
        assert quantisation.real(level) >= value - 1e-6
    if level > -128:
        assert quantisation.real(level - 1) < value
