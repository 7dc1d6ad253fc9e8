import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from camera.address import GStreamerAddress, StreamAddress, V4l2Address
from camera.errors import CameraError, CameraTimeoutError, CameraUnavailableError, FrameShapeError, FrameUnreadableError
from camera.grabber import Patience
from camera.opencv import OpenCvSource, connect_device
from camera.source import Frame, SourceState, Timing
from camera.stream_clock import Estimate, StreamBrokenError, StreamClock
from tests.support.cameras import ArrivalOnly, FakeDevice, picture
from tests.support.waiting import wait_until

ADDRESS = StreamAddress("rtsp://u:p@camera/x", "rtsp://***@camera/x")
QUICK = Patience(lost_after=0.3, first_pause=0.01, longest_pause=0.05)


@pytest.fixture
def device() -> Iterator[FakeDevice]:
    device = FakeDevice()
    yield device
    device.let_go()


def source_of(device: FakeDevice, latency_ms: int | None = 0, patience: Patience = QUICK) -> OpenCvSource:
    return OpenCvSource("top", ADDRESS, latency_ms=latency_ms, patience=patience, connect=device.connect)


@pytest.fixture
def source(device: FakeDevice) -> Iterator[OpenCvSource]:
    source = source_of(device)
    source.open()
    wait_until(lambda: source.state is SourceState.READY, what="ready")
    yield source
    source.close()


def acquire(source: OpenCvSource, milliseconds: int = 30_000) -> Frame:
    now_ns = time.monotonic_ns()
    return source.acquire(now_ns, now_ns + milliseconds * 1_000_000)


def number(frame: Frame) -> int:
    return int.from_bytes(bytes(frame.image[0, 0].tolist()))


def test_a_frame_is_from_after_the_trigger_and_never_handed_out_twice(source: OpenCvSource) -> None:
    frames = [acquire(source) for _ in range(5)]
    asked_ns = time.monotonic_ns()
    frame = source.acquire(asked_ns, asked_ns + 30_000_000_000)
    assert frame.captured_ns >= asked_ns
    # A trigger from before the last frame: what was handed out already does not come again.
    again = source.acquire(0, time.monotonic_ns() + 30_000_000_000)
    numbers = [number(one) for one in [*frames, frame, again]]
    assert numbers == sorted(set(numbers))


def test_with_a_latency_the_frame_arrives_that_much_after_the_trigger(device: FakeDevice) -> None:
    device.clock = lambda: StreamClock(50_000_000)
    source = source_of(device, latency_ms=50)
    source.open()
    try:
        wait_until(lambda: source.state is SourceState.READY, what="ready")
        asked_ns = time.monotonic_ns()
        frame = source.acquire(asked_ns, asked_ns + 30_000_000_000)
        assert frame.arrival_ns >= asked_ns + 50_000_000
        assert frame.captured_ns == frame.arrival_ns - 50_000_000
        assert (frame.timing, frame.captured_known) == (Timing.ARRIVAL, True)
    finally:
        source.close()


def test_without_a_latency_the_exposure_is_unknown(device: FakeDevice) -> None:
    source = source_of(device, latency_ms=None)
    source.open()
    try:
        wait_until(lambda: source.state is SourceState.READY, what="ready")
        assert not acquire(source).captured_known
    finally:
        source.close()


def test_an_absent_device_is_tried_until_it_comes(device: FakeDevice) -> None:
    device.unplug()
    source = source_of(device)
    source.open()
    try:
        assert source.state is SourceState.CONNECTING
        with pytest.raises(CameraUnavailableError, match="connecting"):
            acquire(source)
        device.plug_in()
        wait_until(lambda: source.state is SourceState.READY, what="ready")
        assert acquire(source).counter >= 1
    finally:
        source.close()


def test_a_lost_device_comes_back_with_a_higher_counter(device: FakeDevice, source: OpenCvSource) -> None:
    before = acquire(source)
    device.unplug()
    wait_until(lambda: source.state is SourceState.LOST, what="lost")
    with pytest.raises(CameraUnavailableError, match="lost"):
        acquire(source)
    device.plug_in()
    wait_until(lambda: source.state is SourceState.READY, what="ready again")
    assert acquire(source).counter > before.counter
    assert device.connections == 2


def test_a_hanging_read_times_out_then_counts_as_lost(device: FakeDevice, source: OpenCvSource) -> None:
    device.hang()
    with pytest.raises(CameraTimeoutError):
        source.acquire(time.monotonic_ns() + 10_000_000, time.monotonic_ns() + 50_000_000)
    wait_until(lambda: source.state is SourceState.LOST, what="lost")
    device.let_go()
    wait_until(lambda: source.state is SourceState.READY, what="ready again")


def test_a_device_that_goes_during_an_acquire_ends_it_at_once(device: FakeDevice, source: OpenCvSource) -> None:
    unplugger = threading.Timer(0.05, device.unplug)
    unplugger.start()
    future_ns = time.monotonic_ns() + 3600 * 1_000_000_000
    with pytest.raises(CameraUnavailableError):
        source.acquire(future_ns, future_ns)
    unplugger.join()


def test_closing_during_an_acquire_ends_it(source: OpenCvSource) -> None:
    closer = threading.Timer(0.05, source.close)
    closer.start()
    future_ns = time.monotonic_ns() + 3600 * 1_000_000_000
    with pytest.raises(CameraUnavailableError):
        source.acquire(future_ns, future_ns)
    closer.join()


def test_a_stuck_reader_is_left_behind_but_never_joined_by_a_second(device: FakeDevice, source: OpenCvSource) -> None:
    device.hang()
    source.close()
    source.open()
    assert source.state is SourceState.CONNECTING
    source.close()
    source.open()
    assert device.connections == 1
    device.let_go()
    wait_until(lambda: source.state is SourceState.READY, what="ready again")
    assert device.most_readers == 1


def test_a_damaged_frame_uses_its_turn(device: FakeDevice, source: OpenCvSource) -> None:
    with pytest.raises(FrameUnreadableError, match="damaged"):
        _met_by(source, device, None)
    assert acquire(source).image.shape == picture().shape


@pytest.mark.parametrize(
    "frame", [picture(height=24), np.zeros((48, 64, 3), np.uint16), np.zeros((48, 64, 2), np.uint8)]
)
def test_another_size_or_kind_of_frame_is_refused(device: FakeDevice, source: OpenCvSource, frame: np.ndarray) -> None:
    with pytest.raises(FrameShapeError):
        _met_by(source, device, frame)
    assert acquire(source).image.shape == picture().shape


def _met_by(source: OpenCvSource, device: FakeDevice, frame: object) -> None:
    """Acquire until the frame was met; one that comes between two acquisitions is nobody's."""
    for _ in range(100):
        device.show_next(frame)
        for _ in range(10):
            acquire(source)


def test_grey_frames_become_bgr(device: FakeDevice) -> None:
    device.show_next(*[np.full((48, 64), 9, np.uint8)] * 400)
    source = source_of(device)
    source.open()
    try:
        wait_until(lambda: source.state is SourceState.READY, what="ready")
        image = acquire(source).image
        assert image.shape == (48, 64, 3)
        assert not image.flags.writeable
    finally:
        source.close()


def test_a_broken_stream_and_a_broken_driver_are_connected_again(device: FakeDevice) -> None:
    class Breaks(ArrivalOnly):
        def __init__(self) -> None:
            self._seen = 0

        def observe(self, arrival_ns: int, stamp_ns: int) -> Estimate:
            self._seen += 1
            if self._seen > 3:
                raise StreamBrokenError("test") if device.connections % 2 else RuntimeError("secret")
            return super().observe(arrival_ns, stamp_ns)

    device.clock = Breaks
    source = source_of(device)
    source.open()
    try:
        wait_until(lambda: device.connections >= 4, what="four connections")
    finally:
        source.close()


def test_a_weekend_without_a_camera_does_not_fill_the_log(device: FakeDevice, caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[int] = []

    def connect(address: object, latency_ns: int) -> object:
        attempts.append(latency_ns)
        raise CameraUnavailableError("fake: unplugged")

    device.connect = connect  # type: ignore[assignment, method-assign]
    source = source_of(device)
    source.open()
    wait_until(lambda: len(attempts) > 4, what="five attempts")
    source.close()
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_gstreamer_is_refused_where_opencv_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda backend: False)
    source = OpenCvSource("top", GStreamerAddress("videotestsrc ! appsink", "videotestsrc ! appsink"))
    with pytest.raises(CameraUnavailableError, match="without GStreamer"):
        source.open()
    assert source.state is SourceState.CLOSED


def test_identities_hold_no_credentials() -> None:
    assert OpenCvSource("top", ADDRESS).identity == "rtsp://***@camera/x"
    assert OpenCvSource("top", V4l2Address(Path("/dev/none"))).identity == "v4l2:/dev/none"
    assert OpenCvSource("top", V4l2Address(Path("/dev/none"))).timing is Timing.DRIVER


def test_an_absent_v4l2_device_says_what_to_do() -> None:
    with pytest.raises(CameraUnavailableError, match="no such device"):
        connect_device(V4l2Address(Path("/dev/does-not-exist")), 0)


def test_a_device_that_is_no_camera_cannot_be_opened() -> None:
    with pytest.raises(CameraError, match="cannot be opened"):
        connect_device(V4l2Address(Path("/dev/null")), 0)


def test_an_absent_server_is_unavailable_without_its_credentials(capfd: pytest.CaptureFixture[str]) -> None:
    address = StreamAddress("http://admin:hunter2@127.0.0.1:1/live", "http://***@127.0.0.1:1/live")
    with pytest.raises(CameraUnavailableError) as refusal:
        connect_device(address, 0)
    printed = capfd.readouterr()
    assert "hunter2" not in f"{refusal.value}{printed.out}{printed.err}"
