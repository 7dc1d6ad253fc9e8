"""A device in memory for the OpenCV source, and small pictures."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.errors import CameraUnavailableError
from camera.grabber import Clock, Connection
from camera.source import Timing
from camera.stream_clock import Estimate


def picture(number: int = 0, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A smooth picture, different for every number, that survives JPEG."""
    rng = np.random.default_rng(number)
    return cv2.resize(rng.integers(30, 220, (6, 8, 3), dtype=np.uint8), (width, height)).astype(np.uint8)


def write_pictures(folder: Path, names: Sequence[str], **size: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), picture(number, **size))


class ArrivalOnly:
    """A clock without latency or stamps, whose frames are all usable."""

    timing = Timing.ARRIVAL

    def observe(self, arrival_ns: int, stamp_ns: int) -> Estimate:
        return Estimate(arrival_ns, usable=True)


class FakeDevice:
    """A camera that runs freely at 200 frames a second; every frame differs, and a test can spoil it.

    A stuck device hangs in ``grab``; an unplugged one ends the stream and refuses connections.
    """

    def __init__(self, clock: Callable[[], Clock] = ArrivalOnly) -> None:
        self.clock = clock
        self.connections = 0
        self.most_readers = 0
        self._readers = 0
        self._plugged_in = True
        self._stuck = False
        self._number = 0
        self._next: list[Any] = []
        self._changed = threading.Condition()

    def connect(self, address: object, latency_ns: int) -> Connection:
        with self._changed:
            if not self._plugged_in:
                raise CameraUnavailableError("fake: unplugged")
            self.connections += 1
            self._readers += 1
            self.most_readers = max(self.most_readers, self._readers)
        return Connection(self, self.clock())

    def unplug(self) -> None:
        with self._changed:
            self._plugged_in = False

    def plug_in(self) -> None:
        with self._changed:
            self._plugged_in = True

    def hang(self) -> None:
        with self._changed:
            self._stuck = True

    def let_go(self) -> None:
        with self._changed:
            self._stuck = False
            self._changed.notify_all()

    def show_next(self, *frames: Any) -> None:
        """Show these before going on; None is a damaged frame."""
        with self._changed:
            self._next.extend(frames)

    def grab(self) -> bool:
        with self._changed:
            self._changed.wait(0.005)
            self._changed.wait_for(lambda: not self._stuck)
            return self._plugged_in

    def retrieve(self) -> tuple[bool, Any]:
        with self._changed:
            if self._next:
                frame = self._next.pop(0)
                return frame is not None, frame
            self._number += 1
            frame = picture()
            frame[0, 0] = list(self._number.to_bytes(3))
            return True, frame

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        return 0.0

    def release(self) -> None:
        with self._changed:
            self._readers -= 1
