"""The life of models: whatever is asked in whatever order, one usable bundle decides."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.slots import (
    AUTOMATIC,
    JUST_GONE_MS,
    SPARE_KEPT,
    By,
    IllegalMoveError,
    Slot,
    Slots,
    Stage,
    canary,
    crashed,
    faults,
    find,
    is_canary_part,
    meant_to_go,
    promote,
    refuse,
    removable,
    remove,
    shadow,
    stage,
    take_back,
    taken_back,
    verify,
)

BY = By(who="anna", at=1_000, reason="because")
ITSELF = By(who=AUTOMATIC, at=1_000, reason="it hangs")
LATER = 1_000 + JUST_GONE_MS


def digest(number: int) -> str:
    return f"{number:064x}"


def slot(number: int) -> Slot:
    return Slot(name="toy", version=number, sha256=digest(number), product="phone", stage=Stage.STAGED, since=0)


def canary_of(slots: Slots, number: int) -> Slots:
    slots = verify(stage(slots, slot(number), BY), digest(number), BY)
    return canary(shadow(slots, digest(number), BY), digest(number), 0.1, BY)


def active(*numbers: int) -> Slots:
    slots = Slots()
    for number in numbers:
        slots = promote(canary_of(slots, number), digest(number), BY)
    return slots


OPERATIONS: dict[str, Callable[[Slots, int], Slots]] = {
    "stage": lambda slots, number: stage(slots, slot(number), BY),
    "verify": lambda slots, number: verify(slots, digest(number), BY),
    "refuse": lambda slots, number: refuse(slots, digest(number), BY),
    "shadow": lambda slots, number: shadow(slots, digest(number), BY),
    "canary": lambda slots, number: canary(slots, digest(number), 0.5, BY),
    "promote": lambda slots, number: promote(slots, digest(number), BY),
    "take_back": lambda slots, number: take_back(slots, digest(number), BY),
    "crashed": lambda slots, number: crashed(slots, digest(number), BY),
    "remove": lambda slots, number: remove(slots, digest(number)),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(1, 4)), max_size=60))
def test_any_order_of_operations_leaves_one_active_bundle(operations: list[tuple[str, int]]) -> None:
    slots = Slots()
    for name, number in operations:
        before = slots
        try:
            slots = OPERATIONS[name](slots, number)
        except IllegalMoveError as error:
            assert "linegate model" in str(error) or "there is nothing" in str(error) or ": it " in str(error)
            assert slots == before
        else:
            assert slots.revision == before.revision + 1
        assert faults(slots) == []


@given(st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(1, 4)), max_size=60))
def test_only_a_bundle_that_was_verified_shadow_and_canary_becomes_active(operations: list[tuple[str, int]]) -> None:
    slots = Slots()
    for name, number in operations:
        try:
            slots = OPERATIONS[name](slots, number)
        except IllegalMoveError:
            continue
    steps = {
        (move.bundle, move.before, move.after) for move in slots.moves if move.after is Stage.ACTIVE and move.sha256
    }
    assert {before for _, before, _ in steps} <= {Stage.CANARY, Stage.PREVIOUS}


def test_the_one_before_is_kept_ready_and_the_one_before_that_is_spare() -> None:
    slots = active(1, 2)
    assert (slots.active, slots.previous) == (slots.known(digest(2)), slots.known(digest(1)))
    assert slots.shipped is Stage.VERIFIED
    assert active(1).shipped is Stage.PREVIOUS


def test_taking_the_active_one_back_brings_the_previous_one_then_the_shipped_one() -> None:
    slots = take_back(active(1, 2), digest(2), BY)
    assert slots.active == slots.known(digest(1))
    assert slots.known(digest(2)).reason == "because"
    slots = take_back(slots, digest(1), BY)
    assert (slots.active, slots.shipped) == (None, Stage.ACTIVE)


def test_the_shipped_bundle_is_in_the_history_too() -> None:
    moves = [(move.bundle, move.after) for move in take_back(active(1), digest(1), BY).moves]
    assert moves[-2:] == [("toy-1", Stage.WITHDRAWN), ("shipped", Stage.ACTIVE)]


def test_a_candidate_that_was_tried_against_a_bundle_taken_back_is_tried_anew() -> None:
    slots = take_back(canary_of(active(1), 2), digest(1), BY)
    assert slots.known(digest(2)).stage is Stage.VERIFIED


@pytest.mark.parametrize(
    ("operation", "advice"),
    [
        (lambda slots: shadow(slots, digest(1), BY), "linegate model verify toy-1"),
        (lambda slots: canary(slots, digest(1), 0.1, BY), "linegate model verify toy-1"),
        (lambda slots: promote(slots, digest(1), BY), "linegate model verify toy-1"),
        (lambda slots: promote(verify(slots, digest(1), BY), digest(1), BY), "linegate model shadow toy-1"),
        (lambda slots: stage(slots, slot(1), BY), "linegate model verify toy-1"),
        (lambda slots: find(slots, "other-1"), "linegate model list"),
        (lambda slots: shadow(verify(canary_of(slots, 2), digest(1), BY), digest(1), BY), "rollback toy-2"),
    ],
)
def test_a_refusal_says_what_to_do(operation: Callable[[Slots], Slots], advice: str) -> None:
    with pytest.raises(IllegalMoveError, match=advice):
        operation(stage(Slots(), slot(1), BY))


def test_another_bundle_under_a_known_name_is_refused() -> None:
    forged = Slot(name="toy", version=1, sha256=digest(9), product="phone", stage=Stage.STAGED, since=0)
    with pytest.raises(IllegalMoveError, match="new version"):
        stage(stage(Slots(), slot(1), BY), forged, BY)


def test_a_bundle_is_found_by_name_file_or_hash() -> None:
    slots = stage(Slots(), slot(1), BY)
    for text in ("toy-1", "toy-1.lgb", digest(1)[:12], digest(1)):
        assert find(slots, text).sha256 == digest(1)


def test_who_names_nothing_means_the_bundle_on_trial_else_the_active_one() -> None:
    assert meant_to_go(canary_of(active(1), 2), LATER).version == 2
    assert meant_to_go(active(1), LATER).version == 1
    with pytest.raises(IllegalMoveError, match="linegate model list"):
        meant_to_go(stage(Slots(), slot(1), BY), LATER)


def test_after_a_bundle_has_just_gone_the_next_one_must_be_named() -> None:
    slots = take_back(canary_of(active(1), 2), digest(2), BY)
    with pytest.raises(
        IllegalMoveError, match=r"toy-2 was taken back already, by anna .*linegate model rollback toy-1"
    ):
        meant_to_go(slots, LATER - 1)
    assert meant_to_go(slots, LATER).version == 1


def test_a_bundle_that_came_back_meanwhile_need_not_be_named() -> None:
    slots = verify(take_back(canary_of(active(1), 2), digest(2), ITSELF), digest(2), BY)
    slots = promote(canary(shadow(slots, digest(2), BY), digest(2), 1.0, BY), digest(2), BY)
    assert meant_to_go(slots, 1_000).version == 2


def test_what_the_station_took_back_itself_is_told_until_a_person_has_moved_a_bundle() -> None:
    slots = take_back(canary_of(active(1), 2), digest(2), ITSELF)
    slots = stage(slots, slot(3), ITSELF)
    gone = taken_back(slots)
    assert gone is not None
    assert (gone.bundle, gone.reason) == ("toy-2", "it hangs")
    with pytest.raises(IllegalMoveError, match=r"by the station \(it hangs\)"):
        meant_to_go(slots, LATER)
    slots = verify(slots, digest(3), BY)
    assert taken_back(slots) is None
    assert meant_to_go(slots, LATER).version == 1


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    slots = shadow(verify(stage(Slots(), slot(1), BY), digest(1), BY), digest(1), BY)
    with pytest.raises(IllegalMoveError, match="share"):
        canary(slots, digest(1), share, BY)


def test_what_is_used_is_never_removed_to_make_room() -> None:
    slots = canary_of(active(1, 2), 3)
    for number in range(4, 4 + SPARE_KEPT + 3):
        slots = stage(slots, slot(number), By(who="sync", at=1_000 + number))
    gone = removable(slots)
    assert [one.sha256 for one in gone] == [digest(number) for number in (4, 5, 6)]


def test_the_share_of_canary_parts_is_the_one_asked_for() -> None:
    chosen = sum(is_canary_part(digest(1), 77, trig, 0.1) for trig in range(20_000))
    assert 1_800 < chosen < 2_200
    assert all(is_canary_part(digest(1), 77, trig, 1.0) for trig in range(100))
