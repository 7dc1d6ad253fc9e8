"""Novelty: how far a picture is from those that were fitted, whatever their number."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.novelty import covered, distance, fit, left_out_distances, summarise
from models.preprocess import InputSize, prepare


def drawn(count: int, size: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(0, 1, (count, size)) * np.linspace(0.2, 3.0, size) + 5.0


def test_a_summary_is_mean_and_spread_of_the_cells_inside() -> None:
    embedding = np.zeros((4, 6, 2), np.float32)
    embedding[1:3, 2:4] = [[[1, 10], [3, 10]], [[1, 10], [3, 10]]]
    assert summarise(embedding, (1, 3, 2, 4)).tolist() == [2.0, 10.0, 1.0, 0.0]


@pytest.mark.parametrize("inside", [(0, 0, 0, 3), (2, 2, 0, 1), (-1, 2, 0, 1), (4, 5, 0, 1)])
def test_a_summary_needs_a_cell(inside: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="no cell"):
        summarise(np.zeros((4, 6, 2), np.float32), inside)


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([8, 16, 32, 64]))
def test_the_cells_inside_are_those_whose_middle_shows_the_picture(width: int, height: int, stride: int) -> None:
    size = InputSize(width=256, height=128)
    prepared = prepare(np.full((height, width, 3), 200, np.uint8), size, 0)
    row_low, row_high, column_low, column_high = covered(prepared.geometry, stride, (128 // stride, 256 // stride))
    shown = prepared.pixels[stride // 2 :: stride, stride // 2 :: stride, 0] > 0
    assert 0 <= row_low < row_high <= 128 // stride
    assert 0 <= column_low < column_high <= 256 // stride
    if shown.any():
        expected = np.zeros_like(shown)
        expected[row_low:row_high, column_low:column_high] = True
        assert (expected == shown).all()


@given(st.integers(2, 12), st.integers(4, 40), st.integers(0, 50))
def test_fewer_vectors_than_dimensions_still_measure_a_distance(count: int, size: int, seed: int) -> None:
    vectors = drawn(count, size, seed)
    centre, precision = fit(vectors, list(range(count)))
    np.linalg.cholesky(precision)
    assert all(math.isfinite(distance(vector, centre, precision)) for vector in vectors)


def test_with_many_vectors_the_covariance_is_the_true_one() -> None:
    _, precision = fit(drawn(20_000, 4), list(range(20_000)))
    assert np.diag(np.linalg.inv(precision)) == pytest.approx(np.linspace(0.2, 3.0, 4) ** 2, rel=0.05)


def test_the_shrinkage_is_ledoit_and_wolf_s() -> None:
    vectors = drawn(9, 5, seed=3)
    centred = vectors - vectors.mean(axis=0)
    sample = centred.T @ centred / 9
    target = np.trace(sample) / 5 * np.eye(5)
    dispersion = np.sum((sample - target) ** 2)
    error = sum(np.sum((np.outer(row, row) - sample) ** 2) for row in centred) / 81
    share = min(error / dispersion, 1.0)
    wanted = share * target + (1 - share) * sample
    _, precision = fit(vectors, list(range(9)))
    assert np.linalg.inv(precision) == pytest.approx(wanted, abs=1e-5)


def test_more_pictures_of_a_group_give_it_no_more_weight() -> None:
    vectors = drawn(6, 4)
    once = fit(vectors, list("abcdef"))
    often = fit(np.concatenate([vectors, vectors[:1], vectors[:1]]), list("abcdefaa"))
    assert often[0] == pytest.approx(once[0])
    assert often[1] == pytest.approx(once[1])


def test_one_group_is_judged_by_how_its_pictures_differ() -> None:
    vectors = drawn(40, 4)
    assert fit(vectors, ["a"] * 40)[1] == pytest.approx(fit(vectors, list(range(40)))[1])


def test_what_was_fitted_is_about_one_away_and_what_is_strange_is_farther() -> None:
    vectors = drawn(300, 6)
    centre, precision = fit(vectors, list(range(300)))
    inside = [distance(vector, centre, precision) for vector in vectors]
    assert 0.7 < np.sqrt(np.mean(np.square(inside))) < 1.05
    assert distance(vectors[0] + 20.0, centre, precision) > 2 * max(inside)


def test_pictures_that_do_not_differ_at_all_make_any_other_strange() -> None:
    centre, precision = fit(np.ones((5, 4)), list(range(5)))
    assert distance(np.ones(4), centre, precision) == 0.0
    assert distance(np.full(4, 1.1), centre, precision) > 10.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_distance_of_no_number_is_no_number_within_the_limit(value: float) -> None:
    centre, precision = fit(drawn(20, 4), list(range(20)))
    assert not distance(np.array([0.0, value, 0.0, 0.0]), centre, precision) <= 1.0


def test_vectors_that_cannot_be_fitted_are_refused() -> None:
    for vectors, groups in ((np.zeros((1, 4)), ["a"]), (np.zeros((3, 4)), ["a"]), (np.zeros(4), ["a"] * 4)):
        with pytest.raises(ValueError, match="two or more"):
            fit(vectors, groups)
    with pytest.raises(ValueError, match="finite"):
        fit(np.array([[1.0, math.nan], [0.0, 0.0]]), ["a", "b"])


def test_a_vector_left_out_is_farther_than_when_it_was_fitted() -> None:
    vectors = drawn(12, 8)
    centre, precision = fit(vectors, list(range(12)))
    inside = np.median([distance(vector, centre, precision) for vector in vectors])
    assert np.median(left_out_distances(vectors, list(range(12)))) > inside
    assert np.median(left_out_distances(vectors, list(range(12)), folds=4)) > inside


def test_leaving_groups_out_needs_two() -> None:
    with pytest.raises(ValueError, match="two or more groups"):
        left_out_distances(drawn(5, 3), ["a"] * 5)
