"""The protocol that every picture source fulfils, and the frame that it hands out."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Height x width x 3, BGR, 0-255, C-contiguous and read-only."""


class Timing(StrEnum):
    """How a source knows when a frame was exposed."""

    HARDWARE = "hardware"  # exposed by the trigger itself, time-stamped by the camera
    DRIVER = "driver"  # time-stamped by the driver on the station's own clock
    ARRIVAL = "arrival"  # only the instant of arrival is known
    SIMULATED = "simulated"  # replay and virtual: the frame is exposed when a trigger takes it


class SourceState(StrEnum):
    """What a source is doing."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    READY = "ready"
    LOST = "lost"  # was ready, now reconnecting with back-off


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One picture of one view.

    ``arrival_ns`` and ``captured_ns`` are on the station's monotonic clock (``time.monotonic_ns``), ``captured_utc_ms``
    is Unix time in milliseconds and only for the record. ``counter`` is the source's own frame number, which never
    repeats and never falls within one process. ``name`` is the file or virtual part behind the picture, None for a
    physical camera. ``captured_known`` is False where the source knows only the arrival and no latency is configured:
    ``captured_ns`` is then the arrival's, and the frame can support no accept (``Code.TIMING_UNKNOWN``).
    """

    image: Image
    view: str
    counter: int
    arrival_ns: int
    captured_ns: int
    captured_utc_ms: int
    timing: Timing
    name: str | None = None
    captured_known: bool = True


class Source(Protocol):
    """A camera, or what stands in for one. Opened and acquired from by one thread; ``state`` may be read by any.

    All methods raise only :class:`camera.errors.CameraError` and its kinds.
    """

    @property
    def view(self) -> str:
        """The view's name, as configured."""

    @property
    def timing(self) -> Timing:
        """What this source can say about the instant of exposure."""

    @property
    def identity(self) -> str:
        """What tells this device from another of its kind: serial number, or the address where there is none."""

    @property
    def state(self) -> SourceState:
        """What the source is doing now."""

    def open(self) -> None:
        """Start. A device that is merely absent leaves the state at ``connecting``; it is tried again with back-off.

        Raises:
            CameraUnavailableError: what is wrong cannot mend itself (no such folder, no pictures in it).
        """

    def acquire(self, not_before_ns: int, deadline_ns: int) -> Frame:
        """Return the first frame exposed at or after ``not_before_ns``; both instants are monotonic nanoseconds.

        Raises:
            CameraUnavailableError: the source is not ready.
            CameraTimeoutError: no such frame by ``deadline_ns``.
            FrameUnreadableError: the frame that was due is broken; its turn is used.
            FrameShapeError: the frame is not an 8-bit colour or grey picture.
        """

    def close(self) -> None:
        """Stop and let go of the device; safe to call twice."""


@runtime_checkable
class Watchable(Protocol):
    """A source that runs freely, so that it can be looked through between parts; any thread may."""

    def glance(self) -> Frame | None:
        """Return the newest frame, which an acquire may still be given; None while there is none."""
