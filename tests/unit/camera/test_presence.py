"""What a view shows beside its empty self, cell by cell."""

import numpy as np
import pytest
from numpy.typing import NDArray

from camera.presence import (
    DARKNESS,
    Cells,
    EmptyView,
    changed,
    compare,
    first_view,
    has_moved,
    learnt,
    reduce,
    relit,
    shows_what_left,
)

SHAPE = (54, 96, 3)
SMALLEST = 0.05 * SHAPE[0] * SHAPE[1]
PART = (slice(10, 40), slice(20, 70))


def belt(seed: int = 0, level: float = 90.0) -> Cells:
    """Return the cells of an empty belt with a faint pattern."""
    grey = level + np.random.default_rng(seed).normal(0.0, 1.0, SHAPE)
    return np.log(grey + DARKNESS).astype(np.float32)


def lit(cells: Cells, gain: object) -> Cells:
    return np.log(np.clip((np.exp(cells) - DARKNESS) * gain, 0, 255) + DARKNESS).astype(np.float32)


def with_part(cells: Cells, level: float = 40.0, place: tuple[slice, slice] = PART) -> Cells:
    shown = cells.copy()
    shown[place] = np.log(level + DARKNESS)
    return shown


def mask(place: tuple[slice, slice]) -> NDArray[np.bool_]:
    marked = np.zeros(SHAPE[:2], np.bool_)
    marked[place] = True
    return marked


@pytest.fixture
def empty() -> EmptyView:
    return first_view([belt(seed) for seed in range(5)])


@pytest.mark.parametrize(
    ("height", "width", "cells"), [(1080, 1920, (54, 96)), (480, 640, (68, 91)), (30, 50, (30, 50))]
)
def test_cells_are_squares_of_whole_pixels(height, width, cells):
    reduced = reduce(np.full((height, width, 3), 100, np.uint8))
    assert reduced is not None
    assert reduced.shape[:2] == cells
    assert np.allclose(reduced, np.log(100 + DARKNESS), atol=1e-5)


def test_a_cell_holds_the_mean_of_its_own_pixels():
    image = np.full((1080, 1920, 3), 50, np.uint8)
    image[20:40, 60:80] = 200
    reduced = reduce(image)
    assert reduced is not None
    expected = np.full(SHAPE[:2], 50.0)
    expected[1, 3] = 200.0
    assert np.allclose(np.exp(reduced[:, :, 0]) - DARKNESS, expected, atol=0.01)


def test_only_the_region_of_interest_is_looked_at():
    image = np.full((1080, 1920, 3), 50, np.uint8)
    image[100:340, 200:1160] = 200
    reduced = reduce(image, (200, 100, 960, 240))
    assert reduced is not None
    assert np.allclose(np.exp(reduced) - DARKNESS, 200.0, atol=0.01)


@pytest.mark.parametrize("image", [np.zeros((1080, 1920, 3), np.uint8), np.full((1, 300, 3), 90, np.uint8)])
def test_a_picture_that_shows_nothing_has_no_cells(image):
    assert reduce(image) is None


def test_a_part_covers_its_own_cells(empty):
    seen = compare(with_part(belt(9)), empty, None, smallest=SMALLEST, relight=True)
    assert seen.structured
    assert (seen.covers ^ mask(PART)).mean() < 0.01
    assert seen.place == pytest.approx((45 / 96, 25 / 54), abs=0.01)
    assert not (seen.free & mask(PART)).any()


def test_a_part_that_covers_most_of_the_view_is_not_taken_for_the_light(empty):
    place = (slice(2, 52), slice(4, 92))
    seen = compare(
        with_part(belt(9), place=place), empty, mask((slice(0, 0), slice(0, 0))), smallest=SMALLEST, relight=True
    )
    assert (seen.covers ^ mask(place)).mean() < 0.02


@pytest.mark.parametrize("gain", [0.4, 0.8, 1.3, 2.0])
def test_another_light_covers_nothing(empty, gain):
    seen = compare(lit(belt(9), gain), empty, None, smallest=SMALLEST, relight=True)
    assert seen.share < 0.01
    assert not seen.structured


@pytest.mark.parametrize("gain", [0.7, 1.4])
def test_a_part_is_still_found_when_the_light_changes_over_it(empty, gain):
    seen = compare(lit(with_part(belt(9)), gain), empty, mask(PART), smallest=SMALLEST, relight=False)
    assert (seen.covers ^ mask(PART)).mean() < 0.05


def test_light_from_the_side_has_no_structure(empty):
    gain = np.linspace(0.7, 1.5, SHAPE[1])[None, :, None]
    assert not compare(lit(belt(9), gain), empty, None, smallest=SMALLEST, relight=True).structured


def test_motion_is_seen_at_the_outline_and_light_is_not_motion(empty):
    before = with_part(belt(1))
    moved = with_part(belt(2), place=(PART[0], slice(21, 71)))
    assert has_moved(changed(moved, before, empty), mask(PART))
    assert not has_moved(changed(lit(with_part(belt(2)), 1.5), before, empty), mask(PART))


def test_single_noisy_cells_are_no_motion(empty):
    noisy = belt(1)
    noisy[::6, ::6] += 0.5
    assert changed(noisy, belt(1), empty).sum() < noisy[::6, ::6, 0].size / 10


def test_the_empty_view_follows_the_light_where_it_is_free(empty):
    known, brighter = empty, lit(belt(3), 1.2)
    for _ in range(60):
        seen = compare(brighter, known, None, smallest=SMALLEST, relight=True)
        known = learnt(known, brighter, brighter, seen, free=0.1, covered=0.0)
    assert np.abs(known.level - brighter).mean() < 0.01


def test_what_a_parked_part_hides_follows_the_light_around_it(empty):
    gain = np.linspace(1.0, 1.5, SHAPE[1])[None, :, None]
    known, before = empty, None
    for share in np.linspace(0.0, 1.0, 200):
        picture = with_part(lit(belt(3), 1.0 + (gain - 1.0) * share))
        seen = compare(picture, known, before, smallest=SMALLEST, relight=False)
        known, before = learnt(known, picture, picture, seen, free=0.2, covered=0.0), seen.covers
    vacated = compare(lit(belt(4), gain), known, before, smallest=SMALLEST, relight=True)
    assert vacated.share < 0.02
    assert not vacated.structured


def test_a_moving_pattern_is_known_by_its_spread():
    pattern = [
        lit(belt(), 1.0 + 0.15 * np.sin((np.arange(96) + 7 * shift) / 2.0)[None, :, None]) for shift in range(12)
    ]
    known = first_view(pattern[:10])
    assert compare(pattern[11], known, None, smallest=SMALLEST, relight=True).share < 0.02
    assert changed(pattern[11], pattern[10], known).mean() < 0.02


def test_the_picture_with_the_outline_shows_the_part(empty):
    shown = with_part(belt(9))
    seen = compare(shown, empty, None, smallest=SMALLEST, relight=True)
    assert not shows_what_left(shown, empty, seen)
    learnt_with_part = relit(empty, shown)
    seen = compare(belt(9), learnt_with_part, None, smallest=SMALLEST, relight=True)
    assert shows_what_left(belt(9), learnt_with_part, seen)
