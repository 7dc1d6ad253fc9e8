"""Physical cameras through OpenCV: V4L2 devices, RTSP and HTTP streams (FFmpeg), GStreamer pipelines."""

import os
import threading
import time
from collections.abc import Callable
from typing import Final

import cv2

from camera.address import GStreamerAddress, StreamAddress, V4l2Address
from camera.errors import CameraError, CameraTimeoutError, CameraUnavailableError
from camera.grabber import Capture, Connection, Grabbed, Grabber, Patience, unavailable
from camera.source import Frame, Image, SourceState, Timing
from camera.stream_clock import DriverClock, StreamClock
from camera.v4l2 import stamps_start_of_exposure, usb_identity

DeviceAddress = V4l2Address | StreamAddress | GStreamerAddress

_OPEN_TIMEOUT_MS: Final = 5000
_READ_TIMEOUT_MS: Final = 3000


class OpenCvSource:
    """A camera that runs freely; each acquire is given the first frame exposed after the trigger.

    A V4L2 driver that stamps the start of exposure gives timing ``driver``. Of everything else only the arrival is
    known: a frame counts as exposed ``latency_ms`` before it arrived, or earlier where the stream's stamps show that
    it was held up. Without ``latency_ms`` a frame that arrived after the trigger is given with ``captured_known``
    False. For a V4L2 device ``latency_ms`` is from exposure to stamp, and usually not needed.
    """

    def __init__(
        self,
        view: str,
        address: DeviceAddress,
        *,
        latency_ms: int | None = None,
        patience: Patience | None = None,
        connect: Callable[[DeviceAddress, int], Connection] | None = None,
    ) -> None:
        """Open nothing yet; ``connect`` is given the address and the latency in nanoseconds."""
        self._view = view
        self._address = address
        self._latency_ms = latency_ms
        self._patience = patience or Patience()
        self._connect = connect or connect_device
        self._guard = threading.Lock()
        self._grabber: Grabber | None = None
        self._stuck: threading.Thread | None = None
        self._counter = 0
        self._handed_out = 0

    @property
    def view(self) -> str:
        """The view's name, as configured."""
        return self._view

    @property
    def timing(self) -> Timing:
        """The best that this kind of source can say; each frame carries what is true of it."""
        return Timing.DRIVER if isinstance(self._address, V4l2Address) else Timing.ARRIVAL

    @property
    def identity(self) -> str:
        """A USB camera's vendor, product and serial number while it is plugged in, else the address without secrets."""
        match self._address:
            case V4l2Address():
                device = self._address.device
                return f"v4l2:{usb_identity(device) or device}"
            case StreamAddress():
                return self._address.masked
            case GStreamerAddress():
                return f"gstreamer:{self._address.masked}"

    @property
    def state(self) -> SourceState:
        """What the source is doing now."""
        grabber = self._grabber
        return SourceState.CLOSED if grabber is None else grabber.state

    def open(self) -> None:
        """Start to connect in the background; see :class:`camera.source.Source`.

        Raises:
            CameraUnavailableError: This OpenCV cannot read such a device at all.
        """
        if isinstance(self._address, GStreamerAddress) and not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            raise CameraUnavailableError(
                f"camera {self._view!r}: the installed OpenCV is built without GStreamer; install an OpenCV that has "
                "it (Debian's python3-opencv), or use the camera's rtsp:// address",
            )
        with self._guard:
            if self._grabber is None:
                latency_ns = (self._latency_ms or 0) * 1_000_000
                self._grabber = Grabber(
                    self._view,
                    lambda: self._connect(self._address, latency_ns),
                    patience=self._patience,
                    first_counter=self._counter,
                    predecessor=self._stuck,
                )

    def acquire(self, not_before_ns: int, deadline_ns: int) -> Frame:
        """Return the first frame exposed after the trigger, never one twice; see :class:`camera.source.Source`."""
        grabber = self._grabber
        if grabber is None:
            raise unavailable(self._view, SourceState.CLOSED)
        if grabber.state is not SourceState.READY:
            raise unavailable(self._view, grabber.state)
        grabbed = grabber.wait_for(
            lambda item: item.captured_ns >= not_before_ns and item.counter > self._handed_out, deadline_ns
        )
        if grabbed is None:
            if time.monotonic_ns() < deadline_ns:
                raise unavailable(self._view, self.state)
            raise CameraTimeoutError(
                f"camera {self._view!r}: no frame exposed after the trigger arrived in time; "
                "check the camera's frame rate and network, and compare latency_ms with capture_ms",
            )
        self._handed_out = grabbed.counter
        if isinstance(grabbed.content, CameraError):
            raise grabbed.content
        return self._frame(grabbed, grabbed.content)

    def glance(self) -> Frame | None:
        """Return the newest frame and leave it to whoever acquires it; see :class:`camera.source.Watchable`."""
        grabber = self._grabber
        grabbed = None if grabber is None else grabber.newest()
        if grabbed is None or isinstance(grabbed.content, CameraError):
            return None
        return self._frame(grabbed, grabbed.content)

    def close(self) -> None:
        """Stop reading within a second; safe to call twice. A read that hangs is left behind, see ``Grabber``."""
        with self._guard:
            grabber, self._grabber = self._grabber, None
        if grabber is not None:
            # One that only waited for an older stuck reader ends at once; the older one is still to be waited for.
            self._stuck = grabber.stop() or self._stuck
            self._counter = grabber.counter

    def _frame(self, grabbed: Grabbed, image: Image) -> Frame:
        age_ns = time.monotonic_ns() - grabbed.captured_ns
        return Frame(
            image=image,
            view=self._view,
            counter=grabbed.counter,
            arrival_ns=grabbed.arrival_ns,
            captured_ns=grabbed.captured_ns,
            captured_utc_ms=(time.time_ns() - age_ns) // 1_000_000,
            timing=grabbed.timing,
            captured_known=grabbed.timing is Timing.DRIVER or self._latency_ms is not None,
        )


def connect_device(address: DeviceAddress, latency_ns: int) -> Connection:
    """Open a device with OpenCV, within five seconds for a stream.

    Raises:
        CameraUnavailableError: It cannot be opened now; the message holds no credentials.
    """
    match address:
        case V4l2Address(device=device):
            if not os.access(device, os.R_OK | os.W_OK):
                reason = "may not be read and written" if device.exists() else "no such device"
                raise CameraUnavailableError(f"{device}: {reason}; check the cable and the group 'video'")
            precise = stamps_start_of_exposure(device)
            size = [cv2.CAP_PROP_FRAME_WIDTH, address.width, cv2.CAP_PROP_FRAME_HEIGHT, address.height]
            # Uncompressed, a USB 2 camera gives a few frames a second at this size.
            motion_jpeg = [cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")]
            capture = _opened(str(device), cv2.CAP_V4L2, motion_jpeg + size, str(device))
            return Connection(capture, DriverClock(latency_ns) if precise else StreamClock(latency_ns))
        case StreamAddress(url=url, masked=masked):
            settings = [
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT_MS),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS),
                # Frame threads each hold back one frame.
                *(cv2.CAP_PROP_N_THREADS, 1),
            ]
            return Connection(_opened(url, cv2.CAP_FFMPEG, settings, masked), StreamClock(latency_ns))
        case GStreamerAddress(pipeline=pipeline, masked=masked):
            return Connection(_opened(pipeline, cv2.CAP_GSTREAMER, [], masked), StreamClock(latency_ns))


def _opened(name: str, backend: int, settings: list[int], shown: str) -> Capture:
    try:
        capture = cv2.VideoCapture(name, backend, settings)
    except cv2.error as error:
        # Its text could quote the address.
        raise CameraUnavailableError(f"{shown}: OpenCV refuses it (code {error.code}); check the address") from None
    if not capture.isOpened():
        capture.release()
        raise CameraUnavailableError(f"{shown}: cannot be opened; check power, network, address and credentials")
    return capture
