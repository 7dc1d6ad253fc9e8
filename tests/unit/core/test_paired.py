import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.paired import (
    PairedCounts,
    difference_upper,
    mcnemar_exact,
    mcnemar_worse,
    paired_difference,
    pairs_needed,
)

cells = st.integers(0, 60)
counts = st.builds(PairedCounts, both=cells, first_only=cells, second_only=cells, neither=cells)
some_counts = counts.filter(lambda one: one.total > 0)


def paired(both: int, first_only: int, second_only: int, neither: int) -> PairedCounts:
    return PairedCounts(both=both, first_only=first_only, second_only=second_only, neither=neither)


def swapped(one: PairedCounts) -> PairedCounts:
    return paired(one.both, one.second_only, one.first_only, one.neither)


@pytest.mark.parametrize(
    ("first_only", "second_only", "expected"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (9, 1, 22 / 1024), (4, 4, 1.0)],
)
def test_mcnemar_is_the_two_sided_test_of_a_fair_coin(first_only: int, second_only: int, expected: float) -> None:
    assert mcnemar_exact(paired(7, first_only, second_only, 9)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first_only", "second_only", "expected"),
    [(0, 0, 1.0), (0, 5, 1.0), (4, 0, 1 / 16), (5, 0, 1 / 32), (6, 1, 8 / 128)],
)
def test_one_sided_mcnemar_counts_the_errors_of_the_first_alone(
    first_only: int, second_only: int, expected: float
) -> None:
    assert mcnemar_worse(paired(7, first_only, second_only, 9)) == pytest.approx(expected)


@given(counts)
def test_the_two_one_sided_tests_overlap_in_what_was_seen(one: PairedCounts) -> None:
    differing = one.first_only + one.second_only
    seen = math.comb(differing, one.first_only) / 2**differing
    assert mcnemar_worse(one) + mcnemar_worse(swapped(one)) == pytest.approx(1.0 + seen)


def test_mcnemar_of_very_many_differing_parts_is_no_overflow() -> None:
    assert mcnemar_exact(paired(0, 3000, 3000, 0)) == 1.0
    assert mcnemar_exact(paired(0, 5000, 100, 0)) == 0.0


@given(counts)
def test_the_judges_may_be_swapped(one: PairedCounts) -> None:
    assert mcnemar_exact(one) == mcnemar_exact(swapped(one))
    interval, mirrored = paired_difference(one), paired_difference(swapped(one))
    if interval is None or mirrored is None:
        assert one.total == 0
    else:
        assert interval == pytest.approx((-mirrored[1], -mirrored[0]), abs=1e-9)


@given(some_counts, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_interval_holds_the_difference_and_stays_a_difference_of_shares(
    one: PairedCounts, confidence: float
) -> None:
    interval = paired_difference(one, confidence)
    assert interval is not None
    assert one.difference is not None
    low, high = interval
    assert -1.0 <= low <= one.difference + 1e-12
    assert one.difference - 1e-12 <= high <= 1.0


@given(some_counts)
def test_more_confidence_is_a_wider_interval(one: PairedCounts) -> None:
    narrow, wide = paired_difference(one, 0.9), paired_difference(one, 0.99)
    assert narrow is not None
    assert wide is not None
    assert wide[0] <= narrow[0] + 1e-12
    assert narrow[1] <= wide[1] + 1e-12


@given(some_counts, st.sampled_from([0.9, 0.95]))
def test_the_one_sided_bound_is_an_end_of_the_two_sided_interval(one: PairedCounts, confidence: float) -> None:
    interval = paired_difference(one, 2 * confidence - 1)
    assert interval is not None
    assert difference_upper(one, confidence) == pytest.approx(interval[1], abs=1e-9)


@pytest.mark.parametrize("one", [paired(43, 0, 1, 0), paired(212, 144, 256, 707), paired(5, 3, 9, 40)])
def test_at_the_ends_tangos_score_is_the_normal_quantile(one: PairedCounts) -> None:
    interval = paired_difference(one)
    assert interval is not None
    for end, sign in zip(interval, (1, -1), strict=True):
        assert brute_force_score(one, end) == pytest.approx(sign * NormalDist().inv_cdf(0.975), abs=2e-2)


def brute_force_score(one: PairedCounts, difference: float) -> float:
    """The score with the likelihood of "second only" maximised on a grid."""
    n = one.total
    best, share = -math.inf, 0.0
    steps = 50_000
    for step in range(1, steps):
        second = max(0.0, -difference) + (1.0 - abs(difference)) / 2.0 * step / steps
        first = second + difference
        if first <= 0.0 or first + second >= 1.0:
            continue
        value = (
            one.first_only * math.log(first)
            + one.second_only * math.log(second)
            + (one.both + one.neither) * math.log(1.0 - first - second)
        )
        if value > best:
            best, share = value, second
    variance = n * (2.0 * share + difference * (1.0 - difference))
    return (one.first_only - one.second_only - n * difference) / math.sqrt(variance)


@pytest.mark.parametrize(("first", "second"), [(0.02, 0.02), (0.1, 0.1), (0.05, 0.15), (0.0, 0.1)])
def test_it_covers_the_truth_about_as_often_as_it_says(first: float, second: float) -> None:
    n, covered = 60, 0.0
    for a in range(n + 1):
        for b in range(n + 1 - a):
            chance = (
                math.comb(n, a) * math.comb(n - a, b) * first**a * second**b * (1.0 - first - second) ** (n - a - b)
            )
            if chance < 1e-9:
                continue
            interval = paired_difference(paired(0, a, b, n - a - b))
            assert interval is not None
            covered += chance * (interval[0] <= first - second <= interval[1])
    assert covered >= 0.93


@given(st.floats(0.005, 0.4), st.sampled_from([0.8, 0.95, 0.99]))
def test_so_many_parts_without_a_difference_settle_it_and_one_less_does_not(margin: float, confidence: float) -> None:
    needed = pairs_needed(margin, confidence)
    enough, short = (difference_upper(paired(0, 0, 0, n), confidence) for n in (needed, needed - 1))
    assert enough is not None
    assert enough <= margin + 1e-9
    assert short is None or short > margin - 1e-9


def test_five_per_cent_needs_52_parts() -> None:
    assert pairs_needed(0.05) == 52


def test_nothing_compared_says_nothing() -> None:
    empty = paired(0, 0, 0, 0)
    assert (empty.difference, paired_difference(empty), difference_upper(empty)) == (None, None, None)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        paired(0, -1, 0, 0)
    for wrong in (0.0, 1.0, 2.0):
        with pytest.raises(ValueError, match="confidence"):
            paired_difference(paired(1, 1, 1, 1), wrong)
    with pytest.raises(ValueError, match="confidence"):
        difference_upper(paired(1, 1, 1, 1), 0.5)
    with pytest.raises(ValueError, match="margin"):
        pairs_needed(0.0)
