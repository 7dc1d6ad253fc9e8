import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.statistics import auroc, auroc_within_group, clopper_pearson, group_bootstrap, percentile

scores = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=12)


def upper_tail(successes: int, trials: int, share: float) -> float:
    return math.fsum(
        math.comb(trials, count) * share**count * (1 - share) ** (trials - count)
        for count in range(successes, trials + 1)
    )


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.30850), (3, 10, 0.06674, 0.65245), (10, 10, 0.69150, 1.0), (50, 100, 0.39832, 0.60168)],
)
def test_published_intervals(successes: int, trials: int, low: float, high: float) -> None:
    assert clopper_pearson(successes, trials) == pytest.approx((low, high), abs=1e-5)


@given(st.integers(1, 200), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_ends_leave_exactly_half_the_rest_outside(trials: int, data: st.DataObject, confidence: float) -> None:
    successes = data.draw(st.integers(0, trials))
    interval = clopper_pearson(successes, trials, confidence)
    assert interval is not None
    low, high = interval
    assert 0.0 <= low <= successes / trials <= high <= 1.0
    tail = (1 - confidence) / 2
    if successes:
        assert upper_tail(successes, trials, low) == pytest.approx(tail, rel=1e-6)
    if successes < trials:
        assert 1 - upper_tail(successes + 1, trials, high) == pytest.approx(tail, rel=1e-6)


def test_large_counts_are_quick_and_right() -> None:
    interval = clopper_pearson(1, 1_000_000)
    assert interval == pytest.approx((2.5318e-8, 5.5716e-6), rel=1e-3)


def test_no_trials_no_interval() -> None:
    assert clopper_pearson(0, 0) is None


@pytest.mark.parametrize(("successes", "trials", "confidence"), [(-1, 3, 0.9), (4, 3, 0.9), (1, 3, 1.0), (1, 3, 0.0)])
def test_impossible_counts_are_refused(successes: int, trials: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and"):
        clopper_pearson(successes, trials, confidence)


@given(scores, scores)
def test_auroc_counts_pairs_with_missing_scores_worst_case(bad: list[float | None], good: list[float | None]) -> None:
    wins = 0.0
    for one in bad:
        for other in good:
            low = -1.0 if one is None else one
            high = 2.0 if other is None else other
            wins += (low > high) + (low == high) / 2
    assert auroc(bad, good) == pytest.approx(wins / (len(bad) * len(good)))


def test_auroc_needs_both_sides() -> None:
    assert auroc([], [0.1]) is None
    assert auroc([0.1], []) is None


def test_auroc_within_group_skips_groups_of_one_kind() -> None:
    scored = [("a", True, 0.9), ("a", False, 0.1), ("b", True, 0.2), ("b", False, 0.2), ("c", True, 0.0)]
    assert auroc_within_group(scored) == pytest.approx(0.75)
    assert auroc_within_group([("c", True, 0.0)]) is None


def test_the_bootstrap_draws_groups() -> None:
    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    records = {"a": [0.0] * 50, "b": [1.0] * 50, "c": [1.0] * 50}
    interval = group_bootstrap(records, mean)
    assert interval == (0.0, 1.0)  # single records would give a far narrower one
    assert interval == group_bootstrap(records, mean)
    assert group_bootstrap({"a": [1.0]}, mean) is None
    assert group_bootstrap(records, lambda _drawn: None) is None


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_groups_that_do_not_differ_give_no_interval_of_no_width(value: float) -> None:
    records = {name: [value] * 7 for name in "abcdefg"}
    assert group_bootstrap(records, lambda drawn: math.fsum(drawn) / len(drawn)) is None


def test_percentiles_interpolate() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([1.0, 2.0], 0.99) == pytest.approx(1.99)
    with pytest.raises(ValueError, match="at least one"):
        percentile([], 0.5)
