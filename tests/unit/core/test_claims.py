import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.claims import (
    accept_rank,
    claimed_limits,
    conformal_risk_limit,
    parts_needed,
    worst_of_groups,
)
from edge.core.statistics import clopper_pearson

RUNS = 1000
alphas = st.floats(0.005, 0.5)
scores = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0])), max_size=120)


def chance_of_at_least(successes: int, trials: int, share: float) -> float:
    return 1.0 - math.fsum(
        math.comb(trials, count) * share**count * (1.0 - share) ** (trials - count) for count in range(successes)
    )


@pytest.mark.parametrize(("alpha", "parts"), [(0.05, 59), (0.02, 149), (0.01, 299)])
def test_the_first_claim_needs_this_many_parts(alpha: float, parts: int) -> None:
    assert parts_needed(alpha) == parts
    assert accept_rank(parts, alpha) == 1
    assert accept_rank(parts - 1, alpha) == 0


def test_published_ranks_of_the_one_sided_limit() -> None:
    # Hahn and Meeker (1991): parts for which the 2nd, 3rd, 5th value bounds 5 % with 95 %.
    assert [parts_needed(0.05, rank=rank) for rank in (2, 3, 5)] == [93, 124, 181]


@given(st.integers(0, 400), alphas, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_rank_is_the_largest_whose_binomial_tail_is_sure_enough(
    parts: int, alpha: float, confidence: float
) -> None:
    rank = accept_rank(parts, alpha, confidence)
    assert 0 <= rank <= parts
    if rank:
        assert chance_of_at_least(rank, parts, alpha) >= confidence - 1e-9
    if rank < parts:
        assert chance_of_at_least(rank + 1, parts, alpha) < confidence + 1e-9


@given(st.integers(0, 2000), alphas, alphas)
def test_more_risk_or_more_parts_never_lower_the_rank(parts: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert accept_rank(parts, low) <= accept_rank(parts, high)
    assert accept_rank(parts, low) <= accept_rank(parts + 1, low)


@given(st.floats(0.02, 0.5), st.integers(1, 8))
def test_one_part_fewer_than_needed_is_not_enough(alpha: float, rank: int) -> None:
    parts = parts_needed(alpha, rank=rank)
    assert accept_rank(parts, alpha) >= rank
    assert accept_rank(parts - 1, alpha) < rank


def test_a_million_parts_are_ranked() -> None:
    assert accept_rank(1_000_000, 0.01) == pytest.approx(10_000 - 1.645 * math.sqrt(9_900), abs=3)


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        accept_rank(10, 0.0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        parts_needed(0.05, confidence=1.0)
    with pytest.raises(ValueError, match="negative"):
        accept_rank(-1, 0.05)
    with pytest.raises(ValueError, match="at least 1"):
        parts_needed(0.05, rank=0)
    with pytest.raises(ValueError, match="more than 10000000 parts"):
        parts_needed(1e-9)
    with pytest.raises(ValueError, match="between 0 and 1"):
        conformal_risk_limit([0.5], alpha=1.0)


def uniform(source: random.Random) -> float:
    return source.random()


def coarse(source: random.Random) -> float:
    return math.floor(source.random() * 25) / 25


def mostly_zero(source: random.Random) -> float:
    return max(0.0, source.random() - 0.97)


def below_uniform(limit: float) -> float:
    return limit


def below_coarse(limit: float) -> float:
    return round(limit * 25) / 25


def below_mostly_zero(limit: float) -> float:
    return 0.97 + limit if limit > 0.0 else 0.0


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(60, 300),
    st.sampled_from([0.05, 0.1, 0.2]),
    st.sampled_from([(uniform, below_uniform), (coarse, below_coarse), (mostly_zero, below_mostly_zero)]),
)
def test_the_true_escape_rate_exceeds_alpha_in_at_most_one_run_of_twenty(
    seed: int,
    parts: int,
    alpha: float,
    world: tuple[Callable[[random.Random], float], Callable[[float], float]],
) -> None:
    draw, escape_rate = world
    source = random.Random(seed)
    broken = 0
    for _ in range(RUNS):
        limits = claimed_limits([draw(source) for _ in range(parts)], [], escape_alpha=alpha, overkill_alpha=0.05)
        assert limits.accept_below is not None
        broken += escape_rate(limits.accept_below) > alpha
    interval = clopper_pearson(broken, RUNS, confidence=1 - 1e-6)
    assert interval is not None
    assert interval[0] <= 0.05


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 200), st.sampled_from([0.05, 0.1]))
def test_the_true_overkill_rate_keeps_its_claim_where_limits_cross_or_not(seed: int, parts: int, alpha: float) -> None:
    source = random.Random(seed)
    broken = 0
    for _ in range(RUNS):
        limits = claimed_limits(
            [0.95 + source.random() for _ in range(parts)],
            [source.random() for _ in range(parts)],
            escape_alpha=0.05,
            overkill_alpha=alpha,
        )
        assert limits.reject_above is not None
        broken += 1.0 - limits.reject_above > alpha
    interval = clopper_pearson(broken, RUNS, confidence=1 - 1e-6)
    assert interval is not None
    assert interval[0] <= 0.05


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(19, 80), st.sampled_from([0.05, 0.1, 0.3]))
def test_the_mean_escape_rate_under_conformal_control_is_at_most_alpha(seed: int, parts: int, alpha: float) -> None:
    source = random.Random(seed)
    total = 0.0
    for _ in range(RUNS):
        limit = conformal_risk_limit([source.random() for _ in range(parts)], alpha=alpha)
        assert limit.score is not None
        total += limit.score
    assert total / RUNS <= alpha + 5 * math.sqrt(alpha / RUNS / parts)


def test_conformal_control_takes_the_rank_of_the_paper() -> None:
    values = [float(value) for value in range(1, 100)]
    assert [conformal_risk_limit(values, alpha=alpha).score for alpha in (0.01, 0.05, 0.29)] == [1.0, 5.0, 29.0]
    few = conformal_risk_limit(values[:12], alpha=0.05)
    assert (few.score, few.parts_missing, few.confidence) == (None, 7, None)


def test_separated_scores_cross_and_leave_a_band_that_cannot_be_judged() -> None:
    bad = [10.0 + part for part in range(59)]
    good = [-float(part) for part in range(59)]
    limits = claimed_limits(bad, good, escape_alpha=0.05, overkill_alpha=0.05)
    assert (limits.escape.score, limits.overkill.score) == (10.0, 0.0)
    assert (limits.accept_below, limits.reject_above) == (0.0, 10.0)
    assert (limits.escape.rank, limits.escape.parts, limits.escape.confidence) == (1, 59, 0.95)


def test_overlapping_scores_keep_each_side_its_own_limit() -> None:
    values = [float(part) for part in range(100)]
    limits = claimed_limits(values, values, escape_alpha=0.05, overkill_alpha=0.02, confidence=0.8)
    assert (limits.escape.rank, limits.overkill.rank) == (accept_rank(100, 0.05, 0.8), accept_rank(100, 0.02, 0.8))
    assert limits.accept_below == limits.escape.rank - 1
    assert limits.reject_above == 100 - limits.overkill.rank


def test_too_few_parts_claim_nothing_and_say_how_many_are_missing() -> None:
    limits = claimed_limits([0.9] * 7, [0.1] * 200, escape_alpha=0.05, overkill_alpha=0.02)
    assert limits.accept_below is None
    assert not limits.escape.claimed
    assert limits.escape.parts_missing == 52
    assert limits.overkill.claimed
    assert (limits.reject_above, limits.overkill.parts_missing) == (0.1, 0)


def test_ties_at_the_limit_are_never_accepted() -> None:
    limits = claimed_limits([0.2] * 300, [], escape_alpha=0.05, overkill_alpha=0.05)
    assert limits.accept_below == 0.2, "accept is strictly below: a score of 0.2 is none"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_named(value: float) -> None:
    with pytest.raises(ValueError, match="good part 1 is"):
        claimed_limits([0.5], [0.1, value], escape_alpha=0.05, overkill_alpha=0.05)
    with pytest.raises(ValueError, match="defective part 0 is"):
        conformal_risk_limit([value], alpha=0.05)


@given(scores, scores, st.integers(1, 5))
def test_parts_without_a_score_change_nothing(bad: list[float | None], good: list[float | None], more: int) -> None:
    nothing: list[float | None] = [None] * more
    known = claimed_limits(bad, good, escape_alpha=0.05, overkill_alpha=0.1)
    assert claimed_limits([*bad, *nothing], [*nothing, *good], escape_alpha=0.05, overkill_alpha=0.1) == known
    assert conformal_risk_limit([*bad, *nothing], alpha=0.05) == conformal_risk_limit(bad, alpha=0.05)


@given(scores, scores, st.floats(0.02, 0.4), st.floats(0.02, 0.4))
def test_limits_are_scores_in_order_or_say_what_is_missing(
    bad: list[float | None], good: list[float | None], one: float, other: float
) -> None:
    limits = claimed_limits(bad, good, escape_alpha=one, overkill_alpha=other)
    for side in (limits.escape, limits.overkill):
        assert side.claimed == (side.rank > 0) == (side.parts_missing == 0)
    if limits.accept_below is not None and limits.reject_above is not None:
        assert limits.accept_below <= limits.reject_above
    for value in (limits.accept_below, limits.reject_above):
        assert value is None or value in bad or value in good


@given(scores.filter(lambda values: values.count(None) < len(values)), alphas, alphas)
def test_a_smaller_alpha_never_accepts_more(bad: list[float | None], one: float, other: float) -> None:
    low, high = sorted((one, other))
    strict = claimed_limits(bad, [], escape_alpha=low, overkill_alpha=0.05).accept_below
    lax = claimed_limits(bad, [], escape_alpha=high, overkill_alpha=0.05).accept_below
    assert strict is None or (lax is not None and strict <= lax)
    expected = [conformal_risk_limit(bad, alpha=alpha).score for alpha in (low, high)]
    assert expected[0] is None or (expected[1] is not None and expected[0] <= expected[1])


def test_a_part_is_as_bad_a_case_as_its_worst_picture() -> None:
    parts = worst_of_groups(
        [
            ("a", True, 0.9),
            ("a", True, 0.0),
            ("a", True, None),
            ("b", False, 0.1),
            ("b", False, 0.0),
            ("b", True, 0.7),
            ("c", False, None),
            ("d", False, None),
            ("d", False, 0.0),
        ]
    )
    assert parts.defective == (0.0, 0.7)
    assert parts.good == (0.1, None, 0.0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from([None, 0.0, 0.5, 1.0]))))
def test_parts_scores_do_not_depend_on_the_order_of_pictures(pictures: list[tuple[str, bool, float | None]]) -> None:
    def as_sets(one: list[tuple[str, bool, float | None]]) -> list[list[float | None]]:
        found = worst_of_groups(one)
        return [sorted(side, key=lambda value: (value is None, value)) for side in (found.defective, found.good)]

    assert as_sets(pictures) == as_sets(pictures[::-1])
