"""What replay and the virtual line share: the next frame is held ready, and exposed when a trigger takes it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from camera.errors import CameraError, CameraTimeoutError, CameraUnavailableError, FrameShapeError, FrameUnreadableError
from camera.prefetch import Prefetch, PrefetchClosedError
from camera.source import Frame, Image, SourceState, Timing


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture that waits for its trigger: its pixels and the file or virtual part behind it."""

    image: Image
    name: str


def as_frame_image(pixels: np.ndarray, origin: str) -> Image:
    """Return 8-bit grey or colour pixels as a frame's image: H x W x 3, BGR, C-contiguous, read-only.

    Args:
        pixels: H x W, H x W x 1 or H x W x 3 (BGR), uint8. A read-only, contiguous colour image is not copied.
        origin: What the pixels came from, for the message.

    Raises:
        FrameShapeError: The pixels are anything else, or there are none.
    """
    grey, colour = 2, 3
    layout = pixels.ndim == grey or (pixels.ndim == colour and pixels.shape[2] in {1, 3})
    if pixels.dtype != np.uint8 or not layout or pixels.size == 0:
        raise FrameShapeError(
            f"{origin}: a frame of shape {pixels.shape} and type {pixels.dtype} is no 8-bit grey or colour picture; "
            "set the device to 8-bit grey, RGB, YUV or MJPEG",
        )
    if pixels.ndim == grey or pixels.shape[2] == 1:
        pixels = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_GRAY2BGR)
    image: Image = np.ascontiguousarray(pixels)
    image.flags.writeable = False
    return image


class SimulatedFeed:
    """The working half of a simulated source: state, prefetch, counter, and the taking of a frame.

    Opening again goes on with the picture after the last one taken, so that neither counter nor turn repeats.
    """

    def __init__(self, view: str, *, workers: int, depth: int) -> None:
        self._view = view
        self._workers = workers
        self._depth = depth
        self._guard = threading.Lock()
        self._prefetch: Prefetch[Picture] | None = None
        self._next_index = 0
        self._counter = 0

    @property
    def state(self) -> SourceState:
        """``connecting`` until its first pictures wait, then ``ready``: it has no device that could be lost."""
        prefetch = self._prefetch
        if prefetch is None:
            return SourceState.CLOSED
        return SourceState.READY if prefetch.filled else SourceState.CONNECTING

    def start(self, produce: Callable[[int], Picture]) -> None:
        """Begin to make pictures; ``produce`` makes the one of a turn (0, 1, ...) and may raise ``CameraError``."""
        with self._guard:
            if self._prefetch is None:
                self._prefetch = Prefetch(
                    produce,
                    name=f"camera-{self._view}",
                    first=self._next_index,
                    depth=self._depth,
                    workers=self._workers,
                )

    def take(self, not_before_ns: int, deadline_ns: int) -> Frame:
        """Take the next picture as a frame that is exposed now, and not before ``not_before_ns``.

        Raises:
            CameraUnavailableError: Not started, or stopped while waiting.
            CameraTimeoutError: The picture was not ready by the deadline, or ``not_before_ns`` is past it. No turn
                is used.
            FrameUnreadableError: The picture cannot be made; its turn is used.
        """
        prefetch = self._prefetch
        if prefetch is None:
            raise CameraUnavailableError(f"camera {self._view!r} is not open; open it first")
        _wait_until(self._view, not_before_ns, deadline_ns)
        try:
            picture = prefetch.take(deadline_ns)
        except TimeoutError as error:
            raise CameraTimeoutError(
                f"camera {self._view!r}: its next picture was not ready in time; "
                "the machine is overloaded, or the disk behind the pictures is slow",
            ) from error
        except PrefetchClosedError as error:
            raise CameraUnavailableError(f"camera {self._view!r} was closed; open it again") from error
        except CameraError:
            raise
        except Exception as error:
            raise FrameUnreadableError(f"camera {self._view!r}: its next picture could not be made: {error}") from error
        self._counter += 1
        now_ns = time.monotonic_ns()
        return Frame(
            image=picture.image,
            view=self._view,
            counter=self._counter,
            arrival_ns=now_ns,
            captured_ns=now_ns,
            captured_utc_ms=time.time_ns() // 1_000_000,
            timing=Timing.SIMULATED,
            name=picture.name,
        )

    def stop(self) -> None:
        """Stop making pictures; safe to call twice."""
        with self._guard:
            prefetch, self._prefetch = self._prefetch, None
        if prefetch is not None:
            prefetch.close()
            self._next_index = prefetch.next_index


def _wait_until(view: str, not_before_ns: int, deadline_ns: int) -> None:
    if not_before_ns > deadline_ns:
        raise CameraTimeoutError(f"camera {view!r}: a frame was asked for that is due only after its deadline")
    while (remaining_ns := not_before_ns - time.monotonic_ns()) > 0:
        time.sleep(remaining_ns / 1e9)
