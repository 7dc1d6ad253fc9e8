"""The presence trigger's rule: one trigger a part that stands, none for what does not, and no part lost in silence."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.presence import (
    Happening,
    Look,
    Phase,
    Presence,
    PresenceRules,
    interrupted,
    standing_at_start,
    step,
)

RULES = PresenceRules(area=0.05, still_ms=300)
LOOK_MS = 60.0

FREE = Look(at_ms=0, covered=0.0, structured=False, arrived=False, moved=False)
STANDS = Look(at_ms=0, covered=0.4, structured=True, arrived=False, moved=False)
MOVES = replace(STANDS, moved=True)
ARRIVES = replace(STANDS, moved=True, arrived=True, x=0.1)
EXITS = replace(STANDS, moved=True, x=0.9)
RETREATS = replace(STANDS, moved=True, x=0.1)
LEAVES = replace(STANDS, moved=True, vacated=0.5)

PART = [ARRIVES, *[MOVES] * 5, *[STANDS] * 20, *[LEAVES] * 5, *[FREE] * 5]

looks = st.builds(
    Look,
    at_ms=st.floats(1, 500),
    covered=st.sampled_from([0.0, 0.02, 0.04, 0.06, 0.3, 1.0]),
    structured=st.booleans(),
    arrived=st.booleans(),
    moved=st.booleans(),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
    vacated=st.floats(0, 1),
    swept=st.floats(0, 1),
)


def watched(seen: Iterable[Look | None], state: Presence | None = None) -> tuple[Presence, list[Happening]]:
    """Show looks, one every 60 ms (None: a time without any); return the state after them and what happened."""
    state, happened = state or Presence(), []
    for number, look in enumerate(seen):
        if look is None:
            state = interrupted(state)
            continue
        state, happening = step(state, replace(look, at_ms=number * LOOK_MS), RULES)
        if happening:
            happened.append(happening)
    return state, happened


def test_every_part_that_stands_is_triggered_once():
    state, happened = watched(PART * 3)
    assert happened == [Happening.TRIGGER, Happening.GONE] * 3
    assert state.phase is Phase.EMPTY


def test_the_phases_follow_one_another():
    state, phases = Presence(), []
    for number, look in enumerate(PART):
        state, _ = step(state, replace(look, at_ms=number * LOOK_MS), RULES)
        if not phases or phases[-1] is not state.phase:
            phases.append(state.phase)
    assert phases == [Phase.ENTERING, Phase.STILL, Phase.TRIGGERED, Phase.LEAVING, Phase.EMPTY]


def test_a_part_is_not_triggered_before_it_has_stood_for_long_enough():
    enough = round(RULES.still_ms / LOOK_MS)
    assert watched([ARRIVES, MOVES, *[STANDS] * (enough - 1)])[1] == []
    assert watched([ARRIVES, MOVES, *[STANDS] * enough])[1] == [Happening.TRIGGER]


def test_a_part_that_is_put_down_between_two_looks_is_triggered():
    assert watched([FREE, ARRIVES, *[STANDS] * 8])[1] == [Happening.TRIGGER]


def test_a_parked_part_is_triggered_once_however_long_it_stays():
    assert watched([ARRIVES, MOVES, *[STANDS] * 5000])[1] == [Happening.TRIGGER]


def test_a_part_that_never_stands_still_is_missed():
    state, happened = watched([ARRIVES, *[MOVES] * 30, EXITS, *[FREE] * 3])
    assert happened == [Happening.MISSED]
    assert state.phase is Phase.EMPTY


def test_a_part_too_fast_to_be_followed_is_missed():
    assert watched([FREE, ARRIVES, *[FREE] * 3])[1] == [Happening.MISSED]


def test_a_hand_that_withdraws_is_nothing():
    assert watched([ARRIVES, *[MOVES] * 30, RETREATS, *[FREE] * 3])[1] == [Happening.WITHDRAWN]


def test_a_hand_that_lays_down_a_part_delays_it_only():
    assert watched([ARRIVES, *[MOVES] * 30, *[STANDS] * 8])[1] == [Happening.TRIGGER]


def test_one_empty_look_is_no_empty_view():
    assert watched([ARRIVES, MOVES, *[STANDS] * 8, *[FREE, STANDS] * 10])[1] == [Happening.TRIGGER]


def test_the_next_part_may_enter_before_the_view_is_empty():
    gap = replace(LEAVES, vacated=0.95, covered=0.3)
    more = replace(MOVES, covered=0.6)
    _, happened = watched([*PART[:26], LEAVES, gap, more, *[STANDS] * 8])
    assert happened == [Happening.TRIGGER, Happening.GONE, Happening.TRIGGER]


def test_the_rest_of_a_part_on_its_way_out_is_no_part():
    rest = [replace(LEAVES, vacated=0.95, covered=share) for share in (0.3, 0.2, 0.1)]
    assert watched([*PART[:26], LEAVES, *rest, *[FREE] * 3])[1] == [Happening.TRIGGER, Happening.GONE]


@pytest.mark.parametrize(("swept", "expected"), [(0.2, []), (0.9, [Happening.MISSED])])
def test_what_stands_again_may_be_another_part_where_much_of_its_place_changed(swept, expected):
    seen = [*PART[:26], *[LEAVES] * 5, *[replace(STANDS, vacated=0.5, swept=swept)] * 8]
    assert watched(seen)[1] == [Happening.TRIGGER, *expected]


def test_what_came_while_nothing_could_be_seen_is_triggered_once_it_stands():
    assert watched([FREE, None, ARRIVES, *[STANDS] * 8])[1] == [Happening.TRIGGER]


def test_a_part_in_the_same_place_after_a_gap_is_the_same():
    assert watched([*PART[:26], None, *[STANDS] * 30])[1] == [Happening.TRIGGER]


def test_a_part_in_another_pose_after_a_gap_may_be_another():
    seen = [*PART[:26], None, MOVES, *[replace(STANDS, swept=0.1)] * 30]
    assert watched(seen)[1] == [Happening.TRIGGER, Happening.MISSED]


def test_standing_is_counted_anew_after_a_gap():
    assert watched([ARRIVES, MOVES, *[STANDS] * 4, None, *[STANDS] * 3])[1] == []


def test_another_light_is_taken_for_the_empty_view_and_triggers_nothing():
    relit = replace(FREE, covered=1.0)
    assert watched([*[relit] * 16, FREE])[1] == []
    assert watched([*[relit] * 18, FREE])[1] == [Happening.RELIT]


def test_what_fades_in_without_motion_is_light():
    assert watched([*[STANDS] * 8])[1] == [Happening.RELIT]


def test_a_lamp_that_blinks_over_a_parked_part_triggers_nothing_more():
    dark = replace(STANDS, covered=1.0, structured=False)
    assert watched([*PART[:26], *[dark, dark, dark, STANDS, STANDS, STANDS] * 20])[1] == [Happening.TRIGGER]


def test_what_stands_in_view_at_the_start_is_not_triggered_until_it_has_gone():
    state = standing_at_start(STANDS, RULES)
    state, happened = watched([*[STANDS] * 30, *[LEAVES] * 5, *[FREE] * 3], state)
    assert happened == [Happening.GONE]
    assert watched(PART, state)[1] == [Happening.TRIGGER, Happening.GONE]


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), looks), max_size=80))
def test_two_triggers_never_come_without_a_departure_between(seen):
    happened = walked(seen)
    triggers = [happening for happening in happened if happening in {Happening.TRIGGER, Happening.GONE}]
    assert (Happening.TRIGGER, Happening.TRIGGER) not in list(pairwise(triggers))


@settings(deadline=None)
@given(st.lists(looks.map(lambda look: replace(look, moved=True)), max_size=80))
def test_what_never_rests_is_never_triggered(seen):
    assert Happening.TRIGGER not in walked(seen)


@settings(deadline=None)
@given(st.lists(looks.map(lambda look: replace(look, covered=min(look.covered, 0.04))), max_size=80))
def test_what_is_too_small_is_never_anything(seen):
    assert walked(seen) == []


@settings(deadline=None)
@given(st.lists(looks, max_size=80))
def test_a_trigger_follows_a_stand_of_its_full_length(seen):
    state, at_ms, stood_ms = Presence(), 0.0, 0.0
    for look in seen:
        stood_ms = 0.0 if look.moved else stood_ms + look.at_ms
        at_ms += look.at_ms
        state, happening = step(state, replace(look, at_ms=at_ms), RULES)
        if happening is Happening.TRIGGER:
            assert stood_ms >= RULES.still_ms


def walked(seen: Iterable[Look | None]) -> list[Happening]:
    """Show looks whose times are the pauses before them."""
    state, at_ms, happened = Presence(), 0.0, []
    for look in seen:
        if look is None:
            state = interrupted(state)
            continue
        at_ms += look.at_ms
        state, happening = step(state, replace(look, at_ms=at_ms), RULES)
        if happening:
            happened.append(happening)
    return happened
