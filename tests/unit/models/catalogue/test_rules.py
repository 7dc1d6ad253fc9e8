"""What a catalogue makes of blemishes, whatever they are."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue import Catalogue
from models.catalogue.rules import Blemish, Reason, Size, always_rejected, governing, rulings
from models.catalogue.schema import ALL, ELSEWHERE
from tests.unit.models.catalogue.conftest import catalogue

ZONES = [{"name": "display", "rectangle": [0.0, 0.0, 0.5, 0.5]}]
SMALL = Size(length=5.0, area=20, contrast=0.2)

zones = st.sampled_from([ALL, "display", ELSEWHERE])
classes = st.sampled_from([ALL, "oil", "scratch"])
limits = st.floats(0.5, 50.0)


@st.composite
def rule(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"zone": draw(zones), "class": draw(classes)}
    kind = draw(st.sampled_from(["limits", "nothing", "always"]))
    if kind == "limits":
        made |= {"accept_length_below_px": draw(limits), "count_max": draw(st.integers(1, 3))}
        made |= {"accept_contrast_below": draw(st.floats(0.1, 1.0))} if draw(st.booleans()) else {}
    if kind == "always":
        made |= {"always_reject": True, "always_reject_from": draw(st.floats(0.0, 1.0))}
    return made


sizes = st.builds(
    Size, length=st.floats(0.5, 60.0) | st.just(float("nan")), area=st.integers(1, 500), contrast=st.floats(0.0, 1.0)
)
blemish = st.builds(
    Blemish,
    zones=st.sets(st.sampled_from(["display", ELSEWHERE]), min_size=1),
    classes=st.sets(st.sampled_from(["oil", "scratch"]), min_size=1),
    size=st.none() | sizes,
)
rules = st.lists(rule(), max_size=6, unique_by=lambda made: (made["zone"], made["class"]))
blemishes = st.lists(blemish, max_size=5)


def made(described: list[dict[str, Any]]) -> Catalogue:
    return catalogue(*described, zone=ZONES)


@given(rules, blemishes)
def test_only_a_measured_blemish_within_a_rule_s_limits_is_ever_accepted(described, found) -> None:
    known = made(described)
    for one, ruling in zip(found, rulings(known, found), strict=True):
        if ruling.excused:
            assert one.size is not None
            for zone in one.zones:
                for category in one.classes:
                    place = governing(known, zone, category)
                    assert place is not None
                    length = known.rule[place].accept_length_below_px
                    assert length is not None
                    assert one.size.length < length
            assert not always_rejected(known, one.zones, one.classes)


@given(rules, blemishes, zones, classes, st.floats(0.0, 1.0))
def test_to_reject_something_always_makes_nothing_laxer(described, found, zone, category, score) -> None:
    extra = {"zone": zone, "class": category, "always_reject": True, "always_reject_from": score}
    before = rulings(made(described), found)
    after = rulings(made([*described, extra]), found)
    assert all(one.excused or not other.excused for one, other in zip(before, after, strict=True))


@given(rules, blemishes)
def test_no_more_blemishes_are_accepted_than_each_rule_allows(described, found) -> None:
    known = made(described)
    told = rulings(known, found)
    for place, one in enumerate(known.rule):
        assert sum(ruling.excused and place in ruling.rules for ruling in told) <= one.count_max


@pytest.mark.parametrize(
    ("zone", "category", "place"),
    [("display", "oil", 3), ("display", "scratch", 2), (ELSEWHERE, "oil", 1), (ELSEWHERE, "scratch", 0)],
)
def test_the_most_specific_rule_wins_and_the_zone_goes_first(zone: str, category: str, place: int) -> None:
    described = [{}, {"class": "oil"}, {"zone": "display"}, {"zone": "display", "class": "oil"}]
    assert governing(made(described), zone, category) == place


def test_a_blemish_on_the_edge_of_a_stricter_zone_is_not_accepted() -> None:
    known = made([{"accept_length_below_px": 10.0}, {"zone": "display", "accept_length_below_px": 3.0}])
    [both] = rulings(known, [Blemish(zones=["display", ELSEWHERE], classes=["oil"], size=SMALL)])
    [outside] = rulings(known, [Blemish(zones=[ELSEWHERE], classes=["oil"], size=SMALL)])
    assert (both.reason, outside.reason) == (Reason.BEYOND_LIMITS, Reason.ACCEPTED)


def test_a_blemish_of_doubtful_class_needs_both_to_be_accepted() -> None:
    known = made([{"class": "oil", "accept_length_below_px": 10.0}])
    [doubtful] = rulings(known, [Blemish(zones=[ELSEWHERE], classes=["oil", "scratch"], size=SMALL)])
    assert doubtful.reason is Reason.NO_RULE


def test_one_blemish_too_many_and_none_is_accepted() -> None:
    known = made([{"class": "oil", "accept_length_below_px": 10.0, "count_max": 2}])
    one = Blemish(zones=[ELSEWHERE], classes=["oil"], size=SMALL)
    assert {ruling.reason for ruling in rulings(known, [one] * 2)} == {Reason.ACCEPTED}
    assert {ruling.reason for ruling in rulings(known, [one] * 3)} == {Reason.TOO_MANY}
