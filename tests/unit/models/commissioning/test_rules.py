"""Offset, limits and floor: never laxer than the bundle but where known defects prove it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.types import Limits
from models.commissioning.rules import (
    MARGIN,
    OFFSET_MAX,
    floor_logit,
    goods_limits,
    own_novelty,
    raw_logit,
    score_offset,
)
from models.novelty import distance
from models.postprocess import probability
from tests.support import networks

CALIBRATION = networks.manifest().calibration
TRAINING = (-5.5, -5.0, -4.0)
logits = st.lists(st.floats(-12, 8), min_size=5, max_size=60)


@given(st.floats(0.001, 0.999))
def test_a_raw_logit_is_what_the_calibration_maps_there(share: float) -> None:
    assert probability(raw_logit(share, CALIBRATION), CALIBRATION) == pytest.approx(share)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_ends_have_finite_logits(share: float) -> None:
    assert math.isfinite(raw_logit(share, CALIBRATION))


def test_goods_that_look_better_than_those_of_the_training_are_raised_to_them() -> None:
    assert score_offset(TRAINING, np.linspace(-7.5, -6.0, 40).tolist(), -2.0, lenient=True) == pytest.approx(1.75)


def test_goods_that_look_worse_are_lowered_no_further_than_the_limit_asks_for() -> None:
    goods = np.linspace(-4.0, 0.0, 41).tolist()
    assert score_offset(TRAINING, goods, -0.5, lenient=True) == pytest.approx(-0.3)
    assert score_offset(TRAINING, goods, 0.5, lenient=True) == 0.0
    assert score_offset(TRAINING, goods, -9.0, lenient=True) == -OFFSET_MAX


def test_goods_are_never_lowered_below_those_of_the_training() -> None:
    assert score_offset(TRAINING, [-4.0] * 30 + [5.0] * 10, -2.0, lenient=True) == pytest.approx(-1.0)


@given(logits, st.floats(-6, 6))
def test_without_proof_no_score_is_lowered(goods: list[float], limit: float) -> None:
    offset = score_offset(TRAINING, goods, limit, lenient=False)
    assert 0.0 <= offset <= OFFSET_MAX
    assert abs(score_offset(TRAINING, goods, limit, lenient=True)) <= OFFSET_MAX


def test_a_bundle_that_does_not_tell_its_goods_has_no_offset() -> None:
    assert score_offset(None, [3.0] * 30, 0.0, lenient=True) == 0.0


@given(logits, st.floats(0, 1), st.floats(0, 1))
def test_no_limit_is_laxer_than_the_bundle_s(goods: list[float], one: float, other: float) -> None:
    bundle = Limits(accept_below=min(one, other), reject_above=max(one, other))
    limits = goods_limits(bundle, goods, CALIBRATION)
    assert limits.accept_below <= bundle.accept_below
    assert limits.reject_above <= bundle.reject_above


def test_goods_far_below_the_limit_bring_it_down_to_where_they_end() -> None:
    goods = [-6.0] * 38 + [-5.8] * 2
    limits = goods_limits(Limits(accept_below=0.1, reject_above=0.9), goods, CALIBRATION)
    assert raw_logit(limits.accept_below, CALIBRATION) == pytest.approx(np.quantile(goods, 0.95) + MARGIN)


def test_widely_spread_goods_have_a_wider_margin() -> None:
    goods = np.linspace(-12.0, -8.0, 41).tolist()
    limits = goods_limits(Limits(accept_below=0.1, reject_above=0.9), goods, CALIBRATION)
    assert raw_logit(limits.accept_below, CALIBRATION) == pytest.approx(-8.2 + 1.8)


def test_expected_structure_is_lowered_to_a_usual_good_picture_of_the_training() -> None:
    assert floor_logit(networks.manifest()) == -5.0
    untold = CALIBRATION.model_dump(mode="json") | {"good_logits": None}
    assert floor_logit(networks.manifest(calibration=untold)) == pytest.approx(math.log(0.1 / 0.9) - 1.0)
    higher = CALIBRATION.model_dump(mode="json") | {"good_logits": [-1.0, 0.0, 1.0]}
    assert floor_logit(networks.manifest(calibration=higher)) == pytest.approx(math.log(0.1 / 0.9) - 1.0)


def test_goods_left_out_set_the_limit_of_their_own_novelty() -> None:
    random = np.random.default_rng(0)
    summaries = random.normal(0, 1, (60, 8))
    known = own_novelty(summaries[:40], list(range(40)))
    inside = [distance(row, known.centre, known.precision) <= known.limit for row in summaries[40:]]
    assert sum(inside) >= 18
    assert distance(summaries[0] + 6.0, known.centre, known.precision) > known.limit
