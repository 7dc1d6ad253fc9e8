"""What every source promises, shipped ones and stand-ins alike (``camera.source.Source``)."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from camera.address import StreamAddress
from camera.errors import CameraError, CameraTimeoutError, CameraUnavailableError
from camera.factory import create_source
from camera.grabber import Connection
from camera.opencv import OpenCvSource
from camera.scripted import ScriptedSource
from camera.source import Frame, Source, SourceState, Timing
from camera.stream_clock import StreamClock
from tests.support.cameras import FakeDevice, picture, write_pictures
from tests.support.waiting import wait_until

MakeSource = Callable[[Path], Source]


class PacedFile:
    """A video file through OpenCV's own FFmpeg, played in a loop at the pace of a camera."""

    def __init__(self, path: Path) -> None:
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)

    def grab(self) -> bool:
        time.sleep(0.005)
        if not self._capture.grab():
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            return self._capture.grab()
        return True

    def retrieve(self) -> tuple[bool, object]:
        return self._capture.retrieve()

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        return 0.0

    def release(self) -> None:
        self._capture.release()


def replay(folder: Path) -> Source:
    write_pictures(folder, ["a.png", "b.jpg", "c.bmp"])
    return create_source("top", f"replay:{folder}")


def shuffled_replay(folder: Path) -> Source:
    write_pictures(folder, ["a.png", "b.jpg", "c.bmp"])
    return create_source("top", f"replay:{folder}?order=shuffle&seed=1")


def virtual(folder: Path) -> Source:
    return create_source("top", "virtual:?seed=1&width=160&height=90")


def device(folder: Path) -> Source:
    return OpenCvSource("top", StreamAddress("x", "x"), latency_ms=1, connect=FakeDevice().connect)


def video_file(folder: Path) -> Source:
    path = folder / "parts.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for number in range(20):
        writer.write(picture(number))
    writer.release()

    def connect(address: object, latency_ns: int) -> Connection:
        return Connection(PacedFile(path), StreamClock(latency_ns))

    return OpenCvSource("top", StreamAddress("x", "x"), latency_ms=1, connect=connect)


def scripted(folder: Path) -> Source:
    return ScriptedSource("top", [picture(0), picture(1)], repeat=True)


@pytest.fixture(params=[replay, shuffled_replay, virtual, device, video_file, scripted])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    make: MakeSource = request.param
    source = make(tmp_path)
    yield source
    source.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("camera-")]


def open_ready(source: Source) -> None:
    source.open()
    wait_until(lambda: source.state is SourceState.READY, timeout=60, what="ready")


def acquire(source: Source) -> Frame:
    now_ns = time.monotonic_ns()
    return source.acquire(now_ns, now_ns + 60_000_000_000)


def test_it_tells_what_it_is_before_it_is_open(source: Source) -> None:
    assert source.view == "top"
    assert source.identity
    assert source.timing in Timing
    assert source.state is SourceState.CLOSED


def test_a_frame_keeps_the_promises_of_the_protocol(source: Source) -> None:
    open_ready(source)
    for _ in range(4):
        asked_ns = time.monotonic_ns()
        frame = source.acquire(asked_ns, asked_ns + 60_000_000_000)
        assert frame.view == "top"
        assert frame.image.dtype == np.uint8
        assert frame.image.ndim == 3
        assert frame.image.shape[2] == 3
        assert frame.image.flags.c_contiguous
        assert not frame.image.flags.writeable
        assert asked_ns <= frame.captured_ns <= frame.arrival_ns <= time.monotonic_ns()
        assert abs(frame.captured_utc_ms - time.time_ns() // 1_000_000) < 60_000
        assert frame.timing is source.timing
        assert frame.captured_known
        assert (frame.name is not None) == (frame.timing is Timing.SIMULATED)


def test_counters_and_exposures_rise(source: Source) -> None:
    open_ready(source)
    frames = [acquire(source) for _ in range(8)]
    for earlier, later in pairwise(frames):
        assert later.counter > earlier.counter
        assert later.captured_ns > earlier.captured_ns


def test_opening_again_goes_on_counting(source: Source) -> None:
    counters = []
    for _ in range(3):
        open_ready(source)
        counters.append(acquire(source).counter)
        source.close()
        assert source.state is SourceState.CLOSED
    assert counters == sorted(set(counters))


def test_open_and_close_may_be_called_twice(source: Source) -> None:
    source.close()
    open_ready(source)
    source.open()
    first = acquire(source)
    assert acquire(source).counter > first.counter
    source.close()
    source.close()


def test_a_closed_source_gives_no_frames(source: Source) -> None:
    with pytest.raises(CameraUnavailableError, match="top"):
        acquire(source)
    open_ready(source)
    acquire(source)
    source.close()
    with pytest.raises(CameraUnavailableError, match="top"):
        acquire(source)


def test_what_is_due_after_the_deadline_times_out(source: Source) -> None:
    open_ready(source)
    now_ns = time.monotonic_ns()
    with pytest.raises(CameraTimeoutError, match="top"):
        source.acquire(now_ns + 3_600_000_000_000, now_ns + 10_000_000)
    assert acquire(source).image.size


def test_closing_from_another_thread_ends_the_acquires(source: Source) -> None:
    open_ready(source)
    first = threading.Event()
    outcome: list[CameraError] = []

    def run() -> None:
        try:
            for _ in count():
                acquire(source)
                first.set()
        except CameraError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert first.wait(60)
    source.close()
    thread.join(60)
    assert [type(error) for error in outcome] == [CameraUnavailableError]
