"""What belongs on the part: only what several goods showed, and never what is worse than they showed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.commissioning.reference import (
    CAP,
    ENTRIES_MAX,
    PLACES_MAX,
    SLACK,
    Good,
    Reference,
    expected,
    learn_reference,
    lowered,
    raised,
)
from models.quantisation import Quantisation

ROWS, COLUMNS, CHANNELS, BLOCK = 8, 16, 4, 4
TENTHS = Quantisation(scale=0.1, zero_point=0)
FLOOR = -2.0
SLOT = (2.0, -3.0, 1.0, 0.0)
DOT = (-4.0, 2.0, 0.0, 3.0)

Mark = tuple[int, int, float, tuple[float, ...]]
"""Row, column, logit and embedding of a raised cell."""


def maps(seed: int, *marks: Mark) -> tuple[np.ndarray, np.ndarray]:
    """Return the defect channel and the embedding of a picture that is quiet but for the marks."""
    random = np.random.default_rng(seed)
    defect = np.full((ROWS * BLOCK, COLUMNS * BLOCK), -50, np.int8)
    embedding = random.normal(0, 1, (ROWS, COLUMNS, CHANNELS)).astype(np.float32)
    for row, column, logit, vector in marks:
        defect[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK] = round(logit * 10)
        embedding[row, column] = np.asarray(vector) + random.normal(0, 0.05, CHANNELS)
    return defect, embedding


def good(part: int, *marks: Mark) -> Good:
    defect, embedding = maps(part, *marks)
    places = raised(defect, embedding, FLOOR, TENTHS)
    return Good(part=part, places=places, cells=embedding.reshape(-1, CHANNELS))


def slotted(count: int = 30, logit: float = 1.0) -> list[Good]:
    """Return goods that show a slot anywhere."""
    return [good(part, (part % ROWS, 3 * part % COLUMNS, logit, SLOT)) for part in range(count)]


def learnt(goods: list[Good]) -> Reference:
    reference = learn_reference(goods, FLOOR)
    assert reference is not None
    return reference


def highest(reference: Reference, *marks: Mark) -> float:
    """Return the highest logit that is left of a new picture's marks."""
    return TENTHS.real(int(lowered(*maps(999, *marks), reference, TENTHS).max()))


def test_a_place_that_the_goods_share_is_lowered_wherever_it_lies() -> None:
    reference = learnt(slotted())
    assert reference.reach is None
    assert highest(reference, (5, 11, 0.8, SLOT)) == pytest.approx(FLOOR, abs=0.11)


def test_a_place_that_no_good_showed_keeps_its_logits() -> None:
    assert highest(learnt(slotted()), (5, 11, 0.8, DOT)) == pytest.approx(0.8)


def test_what_is_worse_than_the_goods_keeps_its_logits() -> None:
    reference = learnt(slotted(logit=1.0))
    assert highest(reference, (5, 11, 1.0 + SLACK, SLOT)) < 0.0
    assert highest(reference, (5, 11, 1.1 + SLACK, SLOT)) == pytest.approx(1.1 + SLACK)


def test_a_region_is_not_excused_for_the_part_of_it_that_is_known() -> None:
    reference = learnt(slotted())
    touched = ((5, 11, 0.8, SLOT), (5, 12, 0.9, DOT))
    assert np.array_equal(lowered(*maps(7, *touched), reference, TENTHS), maps(7, *touched)[0])
    apart = ((5, 11, 0.8, SLOT), (1, 2, 0.9, DOT))
    left = lowered(*maps(7, *apart), reference, TENTHS)
    assert left[5 * BLOCK, 11 * BLOCK] < 0
    assert left[1 * BLOCK, 2 * BLOCK] == 9


def test_what_is_hardly_raised_beside_a_known_place_does_not_speak_against_it() -> None:
    faint = ((5, 11, 0.8, SLOT), (5, 12, FLOOR + SLACK, DOT))
    assert highest(learnt(slotted()), *faint) == pytest.approx(FLOOR, abs=0.11)


def test_a_defect_overlooked_on_one_good_does_not_become_normal() -> None:
    goods = [*slotted(29), good(29, (2, 2, 1.0, SLOT), (6, 9, 1.5, DOT))]
    reference = learnt(goods)
    assert 29 in reference.parts
    assert not np.isclose(reference.logits, 1.5).any()
    assert highest(reference, (5, 11, 1.2, DOT)) == pytest.approx(1.2)


def test_the_worst_of_the_goods_does_not_set_what_is_allowed() -> None:
    goods = [*slotted(28), *(good(part, (2, 2, 6.0, SLOT)) for part in (28, 29))]
    assert highest(learnt(goods), (5, 11, 3.0, SLOT)) == pytest.approx(3.0)


def test_many_pictures_of_one_part_support_nothing() -> None:
    goods = [good(part, (4, 4, -4.0, SLOT)) for part in range(30)]
    same = [*goods, *(Good(part=0, places=one.places, cells=one.cells) for one in slotted(30))]
    assert learn_reference(same, FLOOR) is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_goods_support_nothing(count: int) -> None:
    assert learn_reference(slotted(count), FLOOR) is None


def test_goods_that_raise_nothing_have_no_reference() -> None:
    assert learn_reference([good(part) for part in range(30)], FLOOR) is None


def test_goods_that_raise_different_places_have_no_reference() -> None:
    random = np.random.default_rng(5)
    goods = [good(part, (3, 3, 1.0, tuple(random.normal(0, 3, CHANNELS)))) for part in range(30)]
    reference = learn_reference(goods, FLOOR)
    assert reference is None or len(reference.logits) < 10


def test_where_parts_lie_still_the_position_counts_too() -> None:
    reference = learnt([good(part, (3, 7, 1.0, SLOT)) for part in range(30)])
    assert reference.reach is not None
    assert highest(reference, (3 + reference.reach, 7, 0.8, SLOT)) < 0.0
    assert highest(reference, (3, 8 + reference.reach, 0.8, SLOT)) == pytest.approx(0.8)


def test_a_picture_that_is_raised_all_over_is_not_excused() -> None:
    marks = [(index // COLUMNS, index % COLUMNS, 0.8, SLOT) for index in range(PLACES_MAX + 1)]
    assert highest(learnt(slotted()), *marks) == pytest.approx(0.8)
    assert highest(learnt(slotted()), *marks[:-1]) < 0.0


def test_a_region_is_lowered_by_no_more_than_the_cap() -> None:
    reference = learnt(slotted(logit=5.0))
    assert highest(reference, (5, 11, 5.0, SLOT)) == pytest.approx(5.0 - CAP)


def test_the_reference_stays_small() -> None:
    random = np.random.default_rng(0)
    spots = [(int(cell) // COLUMNS, int(cell) % COLUMNS) for cell in random.permutation(ROWS * COLUMNS)[:60]]
    goods = [good(part, *((row, column, 1.0, SLOT) for row, column in spots)) for part in range(40)]
    reference = learnt(goods)
    assert len(reference.logits) == ENTRIES_MAX
    assert len(set(reference.parts.tolist())) == 40
    assert highest(reference, (5, 11, 0.8, SLOT)) < 0.8 or reference.reach is not None


marks = st.tuples(
    st.integers(0, ROWS - 1),
    st.integers(0, COLUMNS - 1),
    st.floats(-6, 9),
    st.sampled_from([SLOT, DOT, (0.0, 0.0, 0.0, 0.0)]),
)


@given(st.lists(marks, max_size=8), st.integers(0, 5))
def test_no_logit_is_ever_raised_or_lowered_beyond_floor_and_cap(drawn: list[Mark], seed: int) -> None:
    reference = learnt(slotted())
    defect, embedding = maps(seed, *drawn)
    left = lowered(defect, embedding, reference, TENTHS)
    change = defect.astype(int) - left
    assert (change >= 0).all()
    assert (change <= CAP * 10).all()
    assert (left[change > 0] >= FLOOR * 10 - 1).all()
    places = raised(defect, embedding, FLOOR, TENTHS)
    worse = places.logits > max(reference.logits.max(), FLOOR) + SLACK
    assert not expected(reference, places)[worse].any()
