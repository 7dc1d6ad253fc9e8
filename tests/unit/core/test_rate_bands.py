import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.rate_bands import (
    BandRule,
    RateBand,
    RateWatch,
    Side,
    log_above,
    log_below,
)
from tests.support.roll_outs import alarmed_at

RULE = BandRule(band=RateBand(low=0.05, high=0.2))


def watched(hits: list[bool], rule: BandRule = RULE) -> RateWatch:
    watch = RateWatch()
    for hit in hits:
        watch = watch.seen(hit, rule)
    return watch


def test_a_rate_far_above_is_above() -> None:
    assert watched([True] * 20).side is Side.ABOVE


def test_a_rate_far_below_is_below() -> None:
    assert watched([False] * 400).side is Side.BELOW


def test_a_rate_inside_is_inside() -> None:
    assert watched([n % 10 == 0 for n in range(3000)]).side is Side.INSIDE


def test_outside_stays_outside_though_the_rate_comes_back() -> None:
    assert watched([True] * 20 + [n % 10 == 0 for n in range(3000)]).side is Side.ABOVE


def test_a_long_time_inside_does_not_hide_a_change() -> None:
    rule = BandRule(band=RateBand(low=0.0, high=0.2), window=500)
    calm = [n % 10 == 0 for n in range(10_000)]
    after = watched(calm, rule)
    assert (after.side, after.parts) == (Side.INSIDE, 500)
    assert watched(calm + [True] * 40, rule).side is Side.ABOVE


def test_a_band_over_everything_never_alarms() -> None:
    rule = BandRule(band=RateBand(low=0.0, high=1.0))
    assert watched([True] * 500, rule).side is Side.INSIDE
    assert watched([False] * 500, rule).side is Side.INSIDE


def test_where_nothing_may_come_one_is_outside() -> None:
    assert watched([False] * 5 + [True], BandRule(band=RateBand(low=0.0, high=0.0))).side is Side.ABOVE


@given(st.integers(0, 300), st.floats(0.01, 0.99), st.data())
def test_above_and_below_mirror_each_other(parts: int, rate: float, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, parts))
    assert log_above(parts, hits, rate) == pytest.approx(log_below(parts, parts - hits, 1.0 - rate), abs=1e-6)


@given(st.integers(1, 12), st.floats(0.02, 0.98), st.floats(0.0, 1.0))
def test_inside_the_band_the_wealth_is_at_most_one_on_the_average(parts: int, limit: float, share: float) -> None:
    rate = share * limit
    average = sum(
        math.comb(parts, hits) * rate**hits * (1 - rate) ** (parts - hits) * math.exp(log_above(parts, hits, limit))
        for hits in range(parts + 1)
    )
    assert average <= 1.0 + 1e-9


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="band"):
        RateBand(low=0.3, high=0.2)
    with pytest.raises(ValueError, match="alpha"):
        BandRule(band=RULE.band, alpha=0.0)
    with pytest.raises(ValueError, match="window"):
        BandRule(band=RULE.band, window=0)


def test_at_the_end_of_its_band_a_rate_hardly_ever_alarms_and_beyond_it_does() -> None:
    inside = alarmed_at(0.2, rule=RULE, parts=2_000, runs=1_000, seed=1)
    outside = alarmed_at(0.25, rule=RULE, parts=2_000, runs=1_000, seed=1)
    assert np.mean(inside <= 2_000) <= RULE.alpha
    assert np.mean(outside <= 2_000) >= 0.9
