"""A watched belt: parts drawn by the virtual line come, stand and go, and so do hands, shadows and lamps."""

import math
from collections.abc import Iterable
from functools import cache

import cv2
import numpy as np
import pytest

from camera.virtual import VirtualLine, VirtualParameters
from camera.watch import PROVEN_PARTS, Watch
from edge.core.presence import Happening, Phase, PresenceRules
from tests.support.belts import Belt, Picture, Visit, stop_over

RULES = PresenceRules(area=0.05, still_ms=300)
MISSED, TRIGGER, GONE = Happening.MISSED, Happening.TRIGGER, Happening.GONE


@cache
def part(index: int = 0) -> Picture:
    image = VirtualLine(VirtualParameters(seed=3, width=240, height=136)).render(index).image
    return cv2.resize(image, (170, 96)).astype(np.uint8)


def plain(level: int, height: int = 60, width: int = 90) -> Picture:
    return np.full((height, width, 3), level, np.uint8)


def watched(frames: Iterable[tuple[float, Picture]], watch: Watch | None = None) -> tuple[Watch, list[Happening]]:
    watch = watch or Watch(RULES)
    found = [watch.look(picture, at_ms) for at_ms, picture in frames]
    return watch, [happening for happening in found if happening]


def triggers(frames: Iterable[tuple[float, Picture]]) -> list[Happening]:
    return watched(frames)[1]


@pytest.mark.parametrize("speed", [0.0, 100.0], ids=["belt stands", "belt runs"])
def test_every_part_that_stands_is_triggered_once(speed):
    visits = [stop_over(part(index), come=1 + 3 * index, stand=1) for index in range(3)]
    assert triggers(Belt(visits=visits, speed=lambda _s: speed, coarse=3).frames(10)) == [TRIGGER, GONE] * 3


@pytest.mark.parametrize("picture", [plain(140), plain(60), plain(150, 200, 500)], ids=["bright", "dark", "sheet"])
def test_a_part_without_any_pattern_is_a_part(picture):
    y = 20 if picture.shape[0] < 136 else -30
    assert triggers(Belt(visits=[stop_over(picture, come=1, stand=1, y=y)]).frames(5)) == [TRIGGER, GONE]


def test_a_part_that_passes_without_standing_is_missed():
    assert triggers(Belt(visits=[stop_over(part(), come=1, stand=0)]).frames(4)) == [MISSED]


def test_a_slow_belt_brings_parts_too():
    assert triggers(Belt(visits=[stop_over(part(), come=0.5, stand=1, speed=60)]).frames(9)) == [TRIGGER, GONE]


def test_a_part_put_down_and_lifted_by_a_robot_is_triggered():
    visit = Visit(part(), lambda seconds: (30, 20) if 1 < seconds < 3 else None)
    assert triggers(Belt(visits=[visit]).frames(4)) == [TRIGGER, GONE]


def hand(seconds: float, begin: float, end: float) -> tuple[float, float] | None:
    """Where the hand's tip is: in from below, trembling, and out again."""
    if not begin < seconds < end:
        return None
    reach = min((seconds - begin) / 0.5, 1.0, (end - seconds) / 0.5)
    return 120 + 3 * math.sin(9 * seconds), 136 - 95 * reach + 3 * math.sin(7 * seconds)


def with_hand(frames: Iterable[tuple[float, Picture]], begin: float, end: float) -> Iterable[tuple[float, Picture]]:
    for at_ms, picture in frames:
        tip = hand(at_ms / 1000, begin, end)
        if tip is not None:
            x, y = tip
            outline = np.array([[x - 17, 140], [x - 13, y], [x + 13, y], [x + 18, 140]], np.int32)
            cv2.fillPoly(picture, [outline], (120, 150, 205))
        yield at_ms, picture


def test_a_hand_never_triggers():
    assert triggers(with_hand(Belt().frames(4), 1, 3)) == [Happening.WITHDRAWN]


def test_a_part_that_a_hand_lays_down_is_triggered_once():
    visit = Visit(part(), lambda seconds: (30, 20) if seconds > 1.8 else None)
    assert triggers(with_hand(Belt(visits=[visit]).frames(6), 1, 3)) == [TRIGGER]


LIGHTS = {
    "dimmed": lambda seconds: 0.5 if seconds > 2 else 1.0,
    "brighter": lambda seconds: 1.6 if seconds > 2 else 1.0,
    "rising": lambda seconds: 1.0 + 0.1 * max(seconds, 0),
    "flickering": lambda seconds: 1.0 + 0.15 * math.sin(37 * seconds),
    "blinking": lambda seconds: 1.0 if int(seconds) % 2 else 0.4,
    "out for a while": lambda seconds: 0.01 if 2 < seconds < 3 else 1.0,
}


@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS.keys())
def test_no_light_is_a_part(light):
    assert triggers(Belt(light=light).frames(5)) == []


@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS.keys())
def test_no_light_makes_a_parked_part_another_one(light):
    assert triggers(Belt(light=light, visits=[stop_over(part(), come=0.5, stand=5)]).frames(8)) == [TRIGGER, GONE]


def test_a_sunny_spot_is_taken_for_the_empty_view():
    y, x = np.mgrid[0:136, 0:240]
    spot = 1.0 + 0.5 * np.exp(-((x - 150) ** 2 + (y - 50) ** 2) / (2 * 40.0**2))

    def sunny(frames: Iterable[tuple[float, Picture]]) -> Iterable[tuple[float, Picture]]:
        for at_ms, picture in frames:
            yield at_ms, cv2.convertScaleAbs(picture * spot[:, :, None]) if at_ms > 1000 else picture

    assert set(triggers(sunny(Belt().frames(5)))) <= {Happening.RELIT}


def test_parts_with_a_gap_are_told_apart_before_the_view_is_empty():
    pitch, step_s = 170 + 50, 2.0

    def at(number: int, seconds: float) -> tuple[float, float] | None:
        steps = int(seconds // step_s) + min((seconds % step_s) / 0.6, 1.0)
        x = 35 + (steps - 1 - number) * pitch
        return (x, 20) if seconds >= 0 and -170 < x < 240 else None

    visits = [Visit(part(number), lambda seconds, number=number: at(number, seconds)) for number in range(3)]
    found = triggers(Belt(visits=visits).frames(9))
    assert found.count(TRIGGER) == 3
    assert MISSED not in found


def test_parts_without_a_gap_are_missed_and_not_silently():
    pitch, step_s = 170, 2.0

    def at(number: int, seconds: float) -> tuple[float, float] | None:
        steps = int(seconds // step_s) + min((seconds % step_s) / 0.6, 1.0)
        x = 35 + (steps - 1 - number) * pitch
        return (x, 20) if seconds >= 0 and -170 < x < 240 else None

    visits = [Visit(part(number % 3), lambda seconds, number=number: at(number, seconds)) for number in range(-1, 4)]
    found = triggers(Belt(visits=visits).frames(7))
    assert found.count(TRIGGER) + found.count(MISSED) >= 3


def test_a_camera_that_was_away_while_a_part_came_finds_it():
    belt = Belt(visits=[stop_over(part(), come=1, stand=3)])
    assert triggers(frame for frame in belt.frames(7) if not 800 < frame[0] < 3000) == [TRIGGER, GONE]


def test_a_camera_that_was_away_while_a_part_stood_finds_it_judged():
    belt = Belt(visits=[stop_over(part(), come=1, stand=4)])
    assert triggers(frame for frame in belt.frames(8) if not 2500 < frame[0] < 4500) == [TRIGGER, GONE]


def test_a_part_exchanged_while_the_camera_was_away_is_missed():
    visits = [stop_over(part(0), come=1, stand=2), stop_over(part(1), come=5, stand=3)]
    found = triggers(frame for frame in Belt(visits=visits).frames(11) if not 2500 < frame[0] < 7000)
    assert found == [TRIGGER, MISSED, GONE]


def leaves_at(seconds: float) -> Visit:
    return Visit(part(), lambda now: (30, 20) if now < seconds else (30 + (now - seconds) * 400, 20))


def test_a_part_in_view_at_the_very_first_start_is_missed_and_the_next_ones_are_not():
    visits = [leaves_at(1.0), *(stop_over(part(index), come=3 * index, stand=1) for index in (1, 2))]
    assert triggers(Belt(visits=visits).frames(9)) == [MISSED, TRIGGER, GONE, TRIGGER, GONE]


def test_a_part_in_view_at_a_later_start_is_left_alone_and_the_next_one_is_triggered():
    visits = [stop_over(part(index), come=2.5 * index, stand=0.8) for index in range(PROVEN_PARTS)]
    watch, _ = watched(Belt(visits=visits).frames(8))
    assert watch.known is not None
    again = Watch(RULES, empty=watch.known)
    belt = Belt(visits=[leaves_at(0.0), stop_over(part(1), come=1.5, stand=1)])
    assert watched(belt.frames(5, start=-2.0), again)[1] == [GONE, TRIGGER, GONE]


def test_nothing_is_kept_of_an_empty_view_that_no_part_has_proved():
    assert watched(Belt().frames(3))[0].known is None


def test_a_start_on_a_running_pattern_recovers():
    visits = [stop_over(part(index), come=3 + 3 * index, stand=1) for index in range(2)]
    belt = Belt(coarse=20, speed=lambda _s: 80.0, visits=visits)
    assert triggers(belt.frames(10)) == [TRIGGER, GONE] * 2


def test_pictures_of_another_size_begin_anew():
    watch, _ = watched(Belt().frames(1))
    assert watch.phase is Phase.EMPTY
    watch.look(np.full((200, 300, 3), 90, np.uint8), 1_000_000.0)
    assert watch.phase is None


def test_an_older_picture_is_passed_over():
    watch, _ = watched(Belt().frames(1))
    assert watch.look(part(), 0.0) is None


def test_a_picture_for_the_inspection_must_show_the_part_where_it_stood():
    belt = Belt(visits=[stop_over(part(), come=0, stand=5)])
    watch, found = watched(belt.frames(2))
    assert found == [TRIGGER]
    standing = [picture for at_ms, picture in belt.frames(3) if at_ms > 2500][-1]
    assert watch.still_there(standing)
    assert watch.still_there(cv2.convertScaleAbs(standing, alpha=1.2).astype(np.uint8))
    assert not watch.still_there(np.roll(standing, 8, axis=1))
    assert not watch.still_there(list(Belt().frames(0))[-1][1])


def test_without_a_trigger_no_picture_shows_a_part():
    watch, _ = watched(Belt().frames(1))
    assert not watch.still_there(part())
