import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.betting import FRACTIONS, e_value, log_wealth, rate_interval, threshold
from edge.core.statistics import clopper_pearson
from tests.support.roll_outs import ever_outside, wealth_paths

few = st.integers(0, 12)


def test_without_outcomes_nothing_is_won() -> None:
    assert log_wealth(((1.0, 0), (-1.0, 0))) == pytest.approx(0.0)


def test_it_is_the_average_over_all_stakes_of_the_products() -> None:
    expected = sum((1 + stake) ** 3 * (1 - stake) for stake in FRACTIONS) / len(FRACTIONS)
    assert math.exp(log_wealth(((1.0, 3), (-1.0, 1)))) == pytest.approx(expected)


@given(st.integers(1, 12), st.floats(0.0, 0.5))
def test_under_the_hypothesis_the_wealth_is_at_most_one_on_the_average(pairs: int, share: float) -> None:
    average = sum(
        math.comb(pairs, wins)
        * share**wins
        * (1 - share) ** (pairs - wins)
        * math.exp(log_wealth(((1.0, wins), (-1.0, pairs - wins))))
        for wins in range(pairs + 1)
    )
    assert average <= 1.0 + 1e-9


@given(few, few, few, st.floats(0.01, 0.5))
def test_at_a_mean_of_zero_one_more_outcome_neither_wins_nor_loses(
    losses: int, ties: int, wins: int, margin: float
) -> None:
    # One of two outcomes comes next, so that the expected gain is 0: (margin - 1) with chance margin, else margin.
    after_loss = math.exp(log_wealth(((margin - 1.0, losses + 1), (margin, ties), (margin + 1.0, wins))))
    after_tie = math.exp(log_wealth(((margin - 1.0, losses), (margin, ties + 1), (margin + 1.0, wins))))
    now = math.exp(log_wealth(((margin - 1.0, losses), (margin, ties), (margin + 1.0, wins))))
    assert margin * after_loss + (1.0 - margin) * after_tie == pytest.approx(now)


def test_very_many_outcomes_stay_numbers() -> None:
    assert log_wealth(((1.0, 10**9), (-1.0, 0))) > 1e8
    assert log_wealth(((1.0, 0), (-1.0, 10**9))) < -1e6
    assert math.isfinite(e_value(log_wealth(((1.0, 10**9), (-1.0, 0)))))


def test_paths_of_the_simulation_are_the_products_own_wealth() -> None:
    gains = np.array([[0.05, -0.95, 1.05, 0.05, 0.05]])
    for seen, found in enumerate(wealth_paths(gains, 0.95)[0], start=1):
        counts = [(gain, int(np.sum(gains[0, :seen] == gain))) for gain in (0.05, -0.95, 1.05)]
        assert found == pytest.approx(log_wealth(counts))


@given(st.integers(0, 400), st.data())
def test_the_interval_holds_the_share_and_is_wider_than_that_of_one_look(parts: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, parts))
    low, high = rate_interval(hits, parts)
    exact = clopper_pearson(hits, parts)
    if exact is None:
        assert (low, high) == (0.0, 1.0)
    else:
        assert 0.0 <= low <= hits / parts <= high <= 1.0
        assert high - low >= exact[1] - exact[0] - 1e-9


@given(st.integers(0, 200), st.data())
def test_the_interval_is_mirrored_when_hits_are_misses(parts: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, parts))
    low, high = rate_interval(hits, parts)
    assert rate_interval(parts - hits, parts) == pytest.approx((1.0 - high, 1.0 - low), abs=1e-9)


def test_the_interval_may_be_looked_at_often() -> None:
    assert ever_outside(0.1, alpha=0.05, looks=(5, 10, 20, 50, 100, 200, 400), runs=1_000, seed=1) <= 0.05


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="loses"):
        log_wealth(((1.0, 3),))
    with pytest.raises(ValueError, match="less than 0"):
        log_wealth(((1.0, 3), (-1.0, -1)))
    for wrong in (0.0, 1.0):
        with pytest.raises(ValueError, match="alpha"):
            threshold(wrong)
    with pytest.raises(ValueError, match="hits"):
        rate_interval(4, 3)
