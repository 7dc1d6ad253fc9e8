import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.audit.reliability import reliability
from tests.support.judgements import judged

pictures = st.lists(
    st.tuples(st.sampled_from([0.0, 0.05, 0.1, 0.5, 0.7, 0.99, 1.0]), st.booleans()), min_size=2, max_size=90
)


@given(pictures, st.floats(0.01, 0.99))
def test_bins_are_few_hold_every_picture_once_and_never_split_equal_scores(
    scored: list[tuple[float, bool]], prior: float
) -> None:
    images = [judged("reject" if bad else "accept", score, f"{place}") for place, (score, bad) in enumerate(scored)]
    found = reliability(images, prior)
    if len({bad for _, bad in scored}) == 1:
        assert found is None
        return
    assert found is not None
    assert 1 <= len(found.bins) <= 5
    assert sum(one.defective.n for one in found.bins) == len(scored) == found.pictures
    assert sum(one.defective.count for one in found.bins) == sum(bad for _, bad in scored)
    assert all(one.low - 1e-12 <= one.mean <= one.high + 1e-12 for one in found.bins)
    for lower, upper in zip(found.bins[:-1], found.bins[1:], strict=True):
        assert lower.high < upper.low
    assert 0.0 <= found.expected_error <= 1.0


def drawn(number: int, overconfident: float = 1.0) -> list[tuple[float, bool]]:
    source = random.Random(4)
    true = [source.random() for _ in range(number)]
    return [(min(max(0.5 + overconfident * (share - 0.5), 0.0), 1.0), source.random() < share) for share in true]


def error(scored: list[tuple[float, bool]]) -> float:
    images = [judged("reject" if bad else "accept", score, f"{place}") for place, (score, bad) in enumerate(scored)]
    found = reliability(images, 0.5)
    assert found is not None
    return found.expected_error


def test_an_honest_model_has_a_small_error_and_a_boastful_one_a_large() -> None:
    assert error(drawn(4000)) < 0.03
    assert error(drawn(4000, overconfident=3.0)) > 0.1


def test_probabilities_are_restated_to_the_share_at_hand() -> None:
    # Calibrated at one in two, judged where one in five is defective: odds of 1 become 1/4.
    images = [judged("reject" if place % 5 == 0 else "accept", 0.5, f"{place}") for place in range(50)]
    found = reliability(images, 0.5)
    assert found is not None
    assert found.bins[0].mean == pytest.approx(0.2)
    assert found.expected_error == pytest.approx(0.0)


def test_few_pictures_make_one_bin_and_those_without_a_score_are_in_none() -> None:
    images = [judged("reject", 0.9, "a"), judged("accept", 0.1, "b"), judged("reject", None, "c")]
    found = reliability(images, 0.5)
    assert found is not None
    assert (len(found.bins), found.pictures) == (1, 2)


@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_a_prior_of_certainty_tells_nothing(prior: float) -> None:
    assert reliability([judged("reject", 0.9), judged("accept", 0.1)], prior) is None
