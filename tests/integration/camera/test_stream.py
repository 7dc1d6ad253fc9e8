"""The network path against a real stream: ffmpeg serves MPEG-TS over HTTP on loopback, fed frame by frame."""

import contextlib
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from camera.errors import CameraUnavailableError
from camera.factory import create_source
from camera.opencv import OpenCvSource
from camera.source import Frame, Source, SourceState, Timing
from tests.support.waiting import wait_until

BITS, STRIPE, HEIGHT = 14, 16, 64
LATENCY_MS = 400
READY_SECONDS = 60.0


def coded(number: int) -> NDArray[np.uint8]:
    """A grey picture whose vertical stripes are the bits of a number."""
    levels = [220 if number >> bit & 1 else 30 for bit in range(BITS)]
    return np.repeat(np.tile(np.array(levels, np.uint8), (HEIGHT, 1)), STRIPE, axis=1)


def decoded(frame: Frame) -> int:
    stripes = frame.image[:, :, 1].reshape(HEIGHT, BITS, STRIPE).mean(axis=(0, 2))
    return sum(1 << bit for bit in range(BITS) if stripes[bit] > 125)


class Server:
    """A camera: numbered frames at 25 a second, whose instants of production are remembered."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.produced_ns: dict[int, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._feeder: threading.Thread | None = None
        self._stop = threading.Event()

    @property
    def url(self) -> str:
        return f"http://admin:hunter2@127.0.0.1:{self.port}/live"

    def start(self) -> None:
        command = (
            f"ffmpeg -hide_banner -loglevel error -use_wallclock_as_timestamps 1 -fflags nobuffer -probesize 32 "
            f"-f rawvideo -pix_fmt gray -s {BITS * STRIPE}x{HEIGHT} -r 25 -i pipe:0 "
            f"-pix_fmt yuv420p -c:v mpeg2video -q:v 2 -g 1 -bf 0 -fps_mode passthrough -flush_packets 1 -muxdelay 0 "
            f"-f mpegts -listen 1 http://127.0.0.1:{self.port}/live"
        )
        self._process = subprocess.Popen(command.split(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._stop = threading.Event()
        self._feeder = threading.Thread(target=self._feed, args=(self._process, self._stop))
        self._feeder.start()

    def _feed(self, process: subprocess.Popen[bytes], stop: threading.Event) -> None:
        assert process.stdin is not None
        try:
            while not stop.wait(0.04):
                number = (len(self.produced_ns) + 1) % (1 << BITS)
                self.produced_ns[number] = time.monotonic_ns()
                process.stdin.write(coded(number).tobytes())
                process.stdin.flush()
        except OSError:
            return

    def stall(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is None or self._feeder is None:
            return
        self._stop.set()
        self._process.kill()
        self._process.wait()
        self._feeder.join()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process = None


class Network:
    """A cable between client and server that can hold back what is under way."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self.flowing = threading.Event()
        self.flowing.set()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self.flowing.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            with client:
                try:
                    upstream = socket.create_connection(("127.0.0.1", self._server_port))
                except OSError:
                    continue
                with upstream:
                    self._carry(client, upstream)

    def _carry(self, client: socket.socket, upstream: socket.socket) -> None:
        try:
            upstream.sendall(client.recv(65_536))
            upstream.settimeout(0.05)
            while not self._closed.is_set() and self.flowing.wait():
                try:
                    data = upstream.recv(65_536)
                except TimeoutError:
                    continue
                # What came in while the cable was cut waits too.
                self.flowing.wait()
                if not data:
                    return
                client.sendall(data)
        except OSError:
            return


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def source(server: Server) -> Iterator[Source]:
    source = create_source("top", server.url, latency_ms=LATENCY_MS)
    yield source
    source.close()


def wait_for_state(source: Source, state: SourceState) -> None:
    wait_until(lambda: source.state is state, timeout=READY_SECONDS, what=f"state {state}")


def acquire(source: Source) -> tuple[int, Frame]:
    asked_ns = time.monotonic_ns()
    return asked_ns, source.acquire(asked_ns, asked_ns + 30_000_000_000)


def test_a_frame_was_produced_after_the_trigger(server: Server, source: Source) -> None:
    server.start()
    source.open()
    wait_for_state(source, SourceState.READY)
    numbers = []
    for _ in range(12):
        asked_ns, frame = acquire(source)
        assert server.produced_ns[decoded(frame)] >= asked_ns
        assert frame.captured_ns >= asked_ns
        assert (frame.timing, frame.captured_known) == (Timing.ARRIVAL, True)
        numbers.append(decoded(frame))
    assert numbers == sorted(set(numbers))


def test_a_burst_after_a_network_stall_is_not_taken_for_new_frames(server: Server) -> None:
    network = Network(server.port)
    source = create_source("top", f"http://127.0.0.1:{network.port}/live", latency_ms=LATENCY_MS)
    try:
        server.start()
        source.open()
        wait_for_state(source, SourceState.READY)
        for _ in range(3):
            acquire(source)
            network.flowing.clear()
            held = len(server.produced_ns) + 10
            wait_until(lambda held=held: len(server.produced_ns) >= held, what="held frames")  # type: ignore[misc]
            asked_ns = time.monotonic_ns()
            # What was held arrives only after the latency is over, as if it were new.
            release = threading.Timer(LATENCY_MS / 1000 + 0.05, network.flowing.set)
            release.start()
            frame = source.acquire(asked_ns, asked_ns + 30_000_000_000)
            release.join()
            assert server.produced_ns[decoded(frame)] >= asked_ns
    finally:
        source.close()
        network.close()


def test_a_killed_server_is_lost_and_found_again(server: Server, source: Source) -> None:
    server.start()
    source.open()
    wait_for_state(source, SourceState.READY)
    _, before = acquire(source)
    server.stop()
    wait_for_state(source, SourceState.LOST)
    with pytest.raises(CameraUnavailableError, match="lost"):
        acquire(source)
    server.start()
    wait_for_state(source, SourceState.READY)
    asked_ns, after = acquire(source)
    assert server.produced_ns[decoded(after)] >= asked_ns
    assert after.counter > before.counter


def test_a_long_stall_is_lost_and_found_again(server: Server, source: Source) -> None:
    server.start()
    source.open()
    wait_for_state(source, SourceState.READY)
    server.stall()
    wait_for_state(source, SourceState.LOST)
    server.go_on()
    wait_until(lambda: source.state is SourceState.READY or _restarted(server), timeout=READY_SECONDS, what="ready")


def _restarted(server: Server) -> bool:
    """Serve again when the read timeout ended the connection: this server serves one client and then exits."""
    if server._process is not None and server._process.poll() is not None:
        server.stop()
        server.start()
    return False


def test_a_camera_may_be_switched_on_after_the_station(server: Server, source: Source) -> None:
    source.open()
    assert source.state is SourceState.CONNECTING
    server.start()
    wait_for_state(source, SourceState.READY)
    acquire(source)


def test_closing_during_a_stall_leaves_a_single_reader(server: Server) -> None:
    source = create_source("top", server.url, latency_ms=LATENCY_MS)
    assert isinstance(source, OpenCvSource)
    server.start()
    source.open()
    wait_for_state(source, SourceState.READY)
    server.stall()
    source.close()
    assert source.state is SourceState.CLOSED
    server.go_on()
    wait_until(
        lambda: not [thread for thread in threading.enumerate() if thread.name == "camera-top"],
        timeout=READY_SECONDS,
        what="the end of the reading thread",
    )


def test_no_credentials_are_printed_or_logged(
    server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    source = create_source("top", server.url)
    source.open()
    wait_until(lambda: "no connection" in caplog.text, timeout=READY_SECONDS, what="a refused connection")
    source.close()
    printed = capfd.readouterr()
    assert "hunter2" not in caplog.text + printed.out + printed.err + source.identity
