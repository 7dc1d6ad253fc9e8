import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.core.prior import restated_prior

probabilities = st.floats(0.0, 1.0)
priors = st.floats(0.001, 0.999)


def test_it_is_bayes_rule() -> None:
    # 20 % at one in two is odds of 1 to 4; at one in a hundred these are divided by 99.
    assert restated_prior(0.2, 0.5, 0.01) == pytest.approx(1 / (1 + 4 * 99))


@given(probabilities, priors)
def test_the_same_prior_changes_nothing(probability: float, prior: float) -> None:
    assert restated_prior(probability, prior, prior) == pytest.approx(probability)


@given(probabilities, priors, priors)
def test_going_back_returns_the_probability(probability: float, first: float, second: float) -> None:
    assert restated_prior(restated_prior(probability, first, second), second, first) == pytest.approx(probability)


@given(probabilities, probabilities, priors, priors)
def test_it_keeps_the_order_so_that_no_verdict_changes(low: float, high: float, first: float, second: float) -> None:
    assume(low <= high)
    assert restated_prior(low, first, second) <= restated_prior(high, first, second) + 1e-15


@given(probabilities, priors, priors)
def test_rarer_defects_never_raise_a_probability(probability: float, first: float, second: float) -> None:
    assume(second <= first)
    assert restated_prior(probability, first, second) <= probability + 1e-12


def test_certainty_stays() -> None:
    assert (restated_prior(0.0, 0.3, 0.9), restated_prior(1.0, 0.3, 0.01)) == (0.0, 1.0)


@pytest.mark.parametrize("values", [(1.1, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 1.0), (float("nan"), 0.5, 0.5)])
def test_what_is_no_probability_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1|above 0"):
        restated_prior(*values)
