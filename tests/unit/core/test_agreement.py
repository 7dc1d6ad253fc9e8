import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.agreement import cohen_kappa, fleiss_kappa

answers = st.sampled_from(["accept", "reject"])
pairs = st.lists(st.tuples(answers, answers), min_size=1, max_size=40)


def test_cohens_textbook_example() -> None:
    both = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen_kappa(both) == pytest.approx(0.4)


def test_fleiss_published_example() -> None:
    # Fleiss 1971 as worked in the usual reference: 14 raters, 10 subjects, 5 categories.
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert fleiss_kappa(counts) == pytest.approx(0.210, abs=5e-4)


@given(pairs)
def test_kappa_does_not_care_who_is_first_and_never_exceeds_1(given_pairs: list[tuple[str, str]]) -> None:
    kappa = cohen_kappa(given_pairs)
    mirrored = cohen_kappa([(two, one) for one, two in given_pairs])
    assert (kappa is None) == (mirrored is None)
    if kappa is not None:
        assert kappa == pytest.approx(mirrored)
        assert -1.0 <= kappa <= 1.0


@given(st.lists(answers, min_size=1, max_size=30).filter(lambda given_: len(set(given_)) > 1))
def test_full_agreement_is_1(given_answers: list[str]) -> None:
    assert cohen_kappa([(one, one) for one in given_answers]) == pytest.approx(1.0)
    counts = [[3 * (one == "accept"), 3 * (one == "reject")] for one in given_answers]
    assert fleiss_kappa(counts) == pytest.approx(1.0)


def test_where_chance_agrees_always_there_is_no_kappa() -> None:
    assert cohen_kappa([("accept", "accept")] * 9) is None
    assert fleiss_kappa([[4, 0], [4, 0]]) is None
    assert cohen_kappa([]) is None
    assert fleiss_kappa([]) is None


@pytest.mark.parametrize("counts", [[[1, 0]], [[2, 0], [1, 0]], [[3, -1]]])
def test_unequal_numbers_of_ratings_are_refused(counts: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="same number of ratings"):
        fleiss_kappa(counts)
