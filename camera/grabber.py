"""The thread that reads a device without pause, keeps its newest frames, and connects again when it is lost."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import cv2
import numpy as np

from camera.errors import CameraError, CameraUnavailableError, FrameShapeError, FrameUnreadableError
from camera.simulated import as_frame_image
from camera.source import Image, SourceState, Timing
from camera.stream_clock import Estimate, StreamBrokenError

logger = logging.getLogger(__name__)

_KEPT_FRAMES: Final = 4
_JOIN_SECONDS: Final = 1.0


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used."""

    def grab(self) -> bool:
        """Take the next frame from the device, waiting for it; False when the device is gone."""

    def retrieve(self) -> tuple[bool, Any]:
        """Decode the grabbed frame."""

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        """Return a property, 0 or -1 where it is unknown."""

    def release(self) -> None:
        """Let go of the device."""


class Clock(Protocol):
    """Tells when the frames of one connection were exposed."""

    @property
    def timing(self) -> Timing:
        """How it knows."""

    def observe(self, arrival_ns: int, stamp_ns: int) -> Estimate:
        """Return the estimate for the next frame, from its arrival and the device's own time stamp (0 for none)."""


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """An open device and the clock for its frames."""

    capture: Capture
    clock: Clock


@dataclass(frozen=True, slots=True, eq=False)
class Grabbed:
    """A frame as it was grabbed, or the error that stands in its place. Times are monotonic nanoseconds."""

    content: Image | CameraError
    counter: int
    arrival_ns: int
    captured_ns: int
    timing: Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited, in seconds; a pause before connecting again is drawn from half to all of its length."""

    lost_after: float = 2.0
    first_pause: float = 0.5
    longest_pause: float = 10.0


class Grabber:
    """One reading thread for one device.

    A thread that is stuck in the device outlives :meth:`stop`; the next grabber is given it as ``predecessor`` and
    does not touch the device while it lives, so that a device never has two readers.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        *,
        patience: Patience,
        first_counter: int,
        predecessor: threading.Thread | None,
    ) -> None:
        """Start the thread; ``connect`` raises ``CameraUnavailableError`` where the device is absent."""
        self._name = name
        self._connect = connect
        self._patience = patience
        self._predecessor = predecessor
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._frames: deque[Grabbed] = deque(maxlen=_KEPT_FRAMES)
        self._counter = first_counter
        self._last_arrival_ns: int | None = None
        self._connected = False
        self._shape: tuple[int, ...] | None = None
        self.thread = threading.Thread(target=self._run, name=f"camera-{name}", daemon=True)
        self.thread.start()

    @property
    def counter(self) -> int:
        """Number of the last frame grabbed."""
        return self._counter

    @property
    def state(self) -> SourceState:
        """Ready while frames come; lost when they stopped coming, also while a read still hangs."""
        last_ns = self._last_arrival_ns
        if last_ns is None:
            return SourceState.CONNECTING
        fresh = time.monotonic_ns() - last_ns < self._patience.lost_after * 1e9
        return SourceState.READY if self._connected and fresh else SourceState.LOST

    def wait_for(self, wanted: Callable[[Grabbed], bool], deadline_ns: int) -> Grabbed | None:
        """Return the oldest kept frame that is wanted, or the first to come; None at the deadline or when lost."""
        with self._changed:
            while True:
                for grabbed in self._frames:
                    if wanted(grabbed):
                        return grabbed
                remaining_ns = deadline_ns - time.monotonic_ns()
                if remaining_ns <= 0 or not self._connected or self._stopping.is_set():
                    return None
                self._changed.wait(remaining_ns / 1e9)

    def newest(self) -> Grabbed | None:
        """Return the newest frame without waiting; None where there is none, or it is no longer fresh."""
        with self._changed:
            return self._frames[-1] if self._frames and self.state is SourceState.READY else None

    def stop(self) -> threading.Thread | None:
        """Stop reading; return the thread where it is still stuck in the device after a second."""
        self._stopping.set()
        with self._changed:
            self._frames.clear()
            self._changed.notify_all()
        self.thread.join(_JOIN_SECONDS)
        return self.thread if self.thread.is_alive() else None

    def _run(self) -> None:
        while self._predecessor is not None and self._predecessor.is_alive():
            if self._stopping.wait(0.05):
                return
        pause, reason_before = self._patience.first_pause, ""
        while not self._stopping.is_set():
            frames_before, reason = self._counter, ""
            try:
                self._read(self._connect())
                reason = "the device or server ended the stream"
            except (CameraError, StreamBrokenError) as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - the thread must live on; a broken driver is a lost camera
                reason = f"{type(error).__name__} in the driver"
            with self._changed:
                self._connected = False
                self._frames.clear()
                self._changed.notify_all()
            if self._stopping.is_set():
                return
            if self._counter > frames_before:
                pause, reason_before = self._patience.first_pause, ""
            # A camera that stays away for a weekend must not fill the log.
            level = logging.DEBUG if reason == reason_before else logging.WARNING
            logger.log(level, "camera %s: no connection: %s; it is tried again", self._name, reason)
            reason_before = reason
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the load, no secret
            pause = min(2.0 * pause, self._patience.longest_pause)

    def _read(self, connection: Connection) -> None:
        capture, clock = connection.capture, connection.clock
        try:
            while not self._stopping.is_set() and capture.grab():
                arrival_ns = time.monotonic_ns()
                stamp_ns = int(max(0.0, capture.get(cv2.CAP_PROP_POS_MSEC)) * 1e6)
                estimate = clock.observe(arrival_ns, stamp_ns)
                if estimate.usable:
                    content = self._decode(capture)
                    self._publish(content, arrival_ns, estimate.captured_ns, clock.timing)
        finally:
            capture.release()

    def _decode(self, capture: Capture) -> Image | CameraError:
        try:
            decoded, pixels = capture.retrieve()
            if not decoded or not isinstance(pixels, np.ndarray):
                return FrameUnreadableError(f"camera {self._name!r}: a frame arrived damaged; check cable and network")
            image = as_frame_image(pixels, f"camera {self._name!r}")
        except cv2.error as error:
            return FrameUnreadableError(f"camera {self._name!r}: a frame cannot be decoded ({error.err})")
        except CameraError as error:
            return error
        if self._shape is None:
            self._shape = image.shape
        if image.shape != self._shape:
            return FrameShapeError(
                f"camera {self._name!r}: frames changed from {self._shape[1]} x {self._shape[0]} to "
                f"{image.shape[1]} x {image.shape[0]} pixels; set the camera back, or restart the station",
            )
        return image

    def _publish(self, content: Image | CameraError, arrival_ns: int, captured_ns: int, timing: Timing) -> None:
        with self._changed:
            self._counter += 1
            self._frames.append(Grabbed(content, self._counter, arrival_ns, captured_ns, timing))
            if not self._connected:
                logger.info("camera %s: frames arrive", self._name)
            self._last_arrival_ns = arrival_ns
            self._connected = True
            self._changed.notify_all()


def unavailable(name: str, state: SourceState) -> CameraUnavailableError:
    """Return the error for a camera that gives no frames now."""
    remedy = "open it first" if state is SourceState.CLOSED else "check power, cable and address; it is tried again"
    return CameraUnavailableError(f"camera {name!r} is {state}: it gives no frames; {remedy}")
