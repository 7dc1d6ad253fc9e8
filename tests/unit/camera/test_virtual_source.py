import time

import numpy as np
import pytest

from camera.errors import FrameUnreadableError
from camera.source import Frame
from camera.virtual import VirtualLine, VirtualParameters
from camera.virtual_source import VirtualSource

PARAMETERS = VirtualParameters(seed=7, width=160, height=90)


def acquire(source: VirtualSource) -> Frame:
    now_ns = time.monotonic_ns()
    return source.acquire(now_ns, now_ns + 60_000_000_000)


def test_frames_are_the_parts_of_the_line_in_order() -> None:
    source = VirtualSource("top", PARAMETERS)
    line = VirtualLine(PARAMETERS)
    source.open()
    try:
        for index in range(6):
            frame, part = acquire(source), line.render(index)
            assert frame.name == part.part_id
            assert np.array_equal(frame.image, part.image)
    finally:
        source.close()


def test_opening_again_goes_on_with_the_next_part() -> None:
    source = VirtualSource("top", PARAMETERS)
    names = []
    for _ in range(3):
        source.open()
        names.append(acquire(source).name)
        source.close()
    line = VirtualLine(PARAMETERS)
    assert names == [line.render(index).part_id for index in range(3)]


def test_a_part_that_cannot_be_drawn_uses_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    render = VirtualLine.render

    def sometimes(line: VirtualLine, index: int) -> object:
        if index == 1:
            raise ArithmeticError("no such colour")
        return render(line, index)

    monkeypatch.setattr(VirtualLine, "render", sometimes)
    source = VirtualSource("top", PARAMETERS)
    source.open()
    try:
        first = acquire(source)
        with pytest.raises(FrameUnreadableError, match="no such colour"):
            acquire(source)
        third = acquire(source)
    finally:
        source.close()
    assert first.name != third.name
    assert third.counter == first.counter + 1
