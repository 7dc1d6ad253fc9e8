import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from camera.errors import CameraTimeoutError, CameraUnavailableError, FrameUnreadableError
from camera.scripted import Again, Block, Delay, Disappear, Fail, ScriptedSource, Show
from camera.source import Frame, SourceState
from tests.support.cameras import picture


def scripted(*steps: object, repeat: bool = False) -> ScriptedSource:
    source = ScriptedSource("top", steps, repeat=repeat)  # type: ignore[arg-type]
    source.open()
    return source


def acquire(source: ScriptedSource, milliseconds: int = 30_000) -> Frame:
    now_ns = time.monotonic_ns()
    return source.acquire(now_ns, now_ns + milliseconds * 1_000_000)


def test_the_same_frame_again_has_its_old_counter() -> None:
    source = scripted(picture(), Again(), Again(new_counter=True))
    first, again, copy = (acquire(source) for _ in range(3))
    assert again is first
    assert copy.counter == first.counter + 1
    assert np.array_equal(copy.image, first.image)
    assert source.taken == 2


def test_again_needs_a_frame_before_it() -> None:
    with pytest.raises(CameraUnavailableError, match="no frame yet"):
        acquire(scripted(Again()))


def test_errors_are_raised_as_they_are_and_the_script_goes_on() -> None:
    source = scripted(FrameUnreadableError("broken"), Fail(RuntimeError("bug")), picture())
    with pytest.raises(FrameUnreadableError, match="broken"):
        acquire(source)
    with pytest.raises(RuntimeError, match="bug"):
        acquire(source)
    assert acquire(source).counter == 1


def test_a_delay_belongs_to_the_frame_after_it() -> None:
    source = scripted(Delay(30), picture(), Delay(3_600_000), picture(1))
    started_ns = time.monotonic_ns()
    assert acquire(source).captured_ns >= started_ns + 30_000_000
    with pytest.raises(CameraTimeoutError):
        acquire(source, milliseconds=20)
    assert acquire(source).counter == 2


def test_garbage_is_shown_as_it_is() -> None:
    garbage = np.zeros((3, 0, 7), np.float32)
    assert acquire(scripted(Show(garbage))).image.shape == (3, 0, 7)


def test_a_frame_from_before_the_trigger_can_be_shown() -> None:
    asked_ns = time.monotonic_ns()
    assert acquire(scripted(Show(picture(), captured_after_ms=-60_000))).captured_ns < asked_ns


@pytest.mark.parametrize("how", ["release", "close"])
def test_a_block_ignores_the_deadline_until_it_is_let_go(how: str) -> None:
    source = scripted(Block(), picture())
    outcome: list[Exception] = []

    def hang() -> None:
        try:
            acquire(source, milliseconds=0)
        except CameraTimeoutError as error:
            outcome.append(error)

    hanging = threading.Thread(target=hang)
    hanging.start()
    assert source.wait_until_blocked()
    assert not outcome
    getattr(source, how)()
    hanging.join(30)
    assert outcome


def test_a_device_disappears_until_it_reappears() -> None:
    source = scripted(picture(), Disappear(), picture(1))
    acquire(source)
    for _ in range(2):
        with pytest.raises(CameraUnavailableError, match="lost"):
            acquire(source)
        assert source.state is SourceState.LOST
    source.reappear()
    assert acquire(source).counter == 2


def test_a_device_can_be_unplugged_during_an_acquire() -> None:
    source = scripted()
    unplugger = threading.Timer(0.05, source.disappear)
    unplugger.start()
    with pytest.raises(CameraUnavailableError, match="lost"):
        acquire(source)
    unplugger.join()


def test_after_the_last_step_there_is_nothing_more() -> None:
    with pytest.raises(CameraTimeoutError):
        acquire(scripted(), milliseconds=10)


def test_a_script_may_begin_again() -> None:
    source = scripted(picture(0), picture(1), repeat=True)
    assert [acquire(source).counter for _ in range(5)] == [1, 2, 3, 4, 5]


def test_steps_can_be_put_before_the_next_one() -> None:
    source = scripted(picture(0), repeat=True)
    acquire(source)
    source.interject(FrameUnreadableError("broken"), picture(7))
    with pytest.raises(FrameUnreadableError):
        acquire(source)
    assert np.array_equal(acquire(source).image, picture(7))
    assert np.array_equal(acquire(source).image, picture(0))


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() <= before
