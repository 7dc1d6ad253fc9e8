"""The policy: nothing but a clean, certain, complete look at a part accepts it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.codes import REJECT_BASE, Code
from edge.core.policy import judge_part, judge_view
from edge.core.types import Box, Decision, Limits, ViewJudgement

LIMITS = Limits(accept_below=0.2, reject_above=0.8)
FAULTS = [code for code in Code if code is not Code.NONE]


def view(score: float | None, *, camera: str = "top", fault: int = 0, boxes: tuple[Box, ...] = ()) -> ViewJudgement:
    return ViewJudgement(camera=camera, score=score, fault=fault, boxes=boxes, limits=LIMITS)


def box(category_id: int, score: float) -> Box:
    return Box(x=1, y=2, width=3, height=4, category="scratch", category_id=category_id, score=score)


@pytest.mark.parametrize(
    ("score", "decision", "code"),
    [
        (0.0, Decision.ACCEPT, Code.NONE),
        (0.1999, Decision.ACCEPT, Code.NONE),
        (0.2, Decision.CANNOT_JUDGE, Code.UNCERTAIN),
        (0.8, Decision.CANNOT_JUDGE, Code.UNCERTAIN),
        (0.8001, Decision.REJECT, REJECT_BASE),
        (1.0, Decision.REJECT, REJECT_BASE),
        (None, Decision.CANNOT_JUDGE, Code.SCORE_INVALID),
        (math.nan, Decision.CANNOT_JUDGE, Code.SCORE_INVALID),
        (math.inf, Decision.CANNOT_JUDGE, Code.SCORE_INVALID),
        (-0.01, Decision.CANNOT_JUDGE, Code.SCORE_INVALID),
        (1.01, Decision.CANNOT_JUDGE, Code.SCORE_INVALID),
    ],
)
def test_the_limits_divide_the_scores(score, decision, code):
    verdict = judge_view(view(score))
    assert (verdict.decision, verdict.code) == (decision, code)


def test_a_reject_names_the_class_of_its_likeliest_box():
    assert judge_view(view(0.9, boxes=(box(1, 0.5), box(4, 0.9)))).code == REJECT_BASE + 4


@given(st.sampled_from(FAULTS), st.one_of(st.none(), st.floats()))
def test_a_view_with_a_fault_never_accepts_or_rejects(fault, score):
    verdict = judge_view(view(score, fault=fault))
    assert (verdict.decision, verdict.code) == (Decision.CANNOT_JUDGE, fault)


def test_a_view_without_limits_cannot_be_judged():
    verdict = judge_view(ViewJudgement(camera="top", score=0.0))
    assert (verdict.decision, verdict.code) == (Decision.CANNOT_JUDGE, Code.MODEL_MISSING)


@given(st.floats(0, 1), st.floats(allow_nan=True, allow_infinity=True))
def test_what_is_unlike_the_training_is_never_accepted(score, novelty):
    verdict = judge_view(ViewJudgement(camera="top", score=score, limits=LIMITS, novelty=novelty))
    if verdict.decision is Decision.ACCEPT:
        assert 0.0 <= novelty <= 1.0
    elif not 0.0 <= novelty <= 1.0:
        assert verdict.code == (REJECT_BASE if score > 0.8 else Code.NOVEL)


@given(st.floats(0, 1), st.floats(0, 1))
def test_what_is_like_the_training_is_judged_by_its_score(score, novelty):
    known = ViewJudgement(camera="top", score=score, limits=LIMITS, novelty=novelty)
    assert judge_view(known) == judge_view(view(score))


scores = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1))
views = st.builds(
    lambda camera, score, fault: view(score, camera=camera, fault=fault),
    st.sampled_from(["a", "b", "c"]),
    scores,
    st.sampled_from([0, 0, 0, Code.BLURRED]),
)


@given(st.lists(views, max_size=5), st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3))
def test_an_accept_means_that_every_expected_view_was_there_once_and_clean(given_views, expected):
    verdict = judge_part(given_views, expected)
    if verdict.decision is Decision.ACCEPT:
        assert sorted(seen.camera for seen in given_views) == sorted(expected)
        assert expected
        assert all(not seen.fault and seen.score is not None and 0 <= seen.score < 0.2 for seen in given_views)


@given(st.lists(views, min_size=1, max_size=5), st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3))
def test_a_view_that_rejects_alone_rejects_the_part(given_views, expected):
    alone = [judge_view(seen).decision for seen in given_views]
    rejected = judge_part(given_views, expected).decision is Decision.REJECT
    assert rejected == (Decision.REJECT in alone)


def test_the_score_is_the_highest_of_all_views_and_the_defects_add_up():
    verdict = judge_part(
        [view(0.1, boxes=(box(1, 0.2),)), view(0.5, camera="side", boxes=(box(2, 0.5),) * 2)], ["top", "side"]
    )
    assert (verdict.score, verdict.defects) == (0.5, 3)


def test_no_view_at_all_is_a_missing_view():
    assert judge_part([], []).code == Code.VIEW_MISSING


@pytest.mark.parametrize("pair", [(-0.1, 0.5), (0.5, 0.4), (0.5, 1.1), (math.nan, 0.5)])
def test_limits_that_make_no_sense_are_refused(pair):
    with pytest.raises(ValueError, match="accept_below"):
        Limits(accept_below=pair[0], reject_above=pair[1])
