"""One frame of every view of a part, or the reason why there is none."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from camera.errors import CameraError
from camera.quality import identical
from camera.source import Frame, Image, Source, Timing
from edge.core.codes import Code
from edge.inspector.clock import NS_PER_MS
from edge.inspector.part import Order

COLOUR_AXES: Final = 3
LONGEST_TRANSFER_NS: Final = 1_000_000_000
"""A frame that was exposed in time is waited for no longer than this, however late the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a camera gave for a part: a frame fit to be examined (``fault`` 0), or a fault with what was said of it.

    A frame may stand beside a fault, for the spool.
    """

    camera: str
    frame: Frame | None = None
    fault: int = 0
    detail: str = ""


class Cameras:
    """The station's opened sources, and what must be remembered of their last frames. Used by the loop alone.

    ``still_there`` holds, by camera, what tells whether a frame shows the part where it stood for the presence trigger.
    """

    def __init__(
        self, sources: Mapping[str, Source], still_there: Mapping[str, Callable[[Frame], bool]] | None = None
    ) -> None:
        self._sources = sources
        self._still_there = still_there or {}
        self._counters: dict[str, int] = {}
        self._pictures: dict[str, Image] = {}

    def capture(self, order: Order, cameras: tuple[str, ...], capture_ms: int, answer_by_ns: int) -> list[View]:
        """Take one frame per camera, exposed from the trigger's receipt on and within ``capture_ms`` of it."""
        expose_by_ns = order.received.mono_ns + capture_ms * NS_PER_MS
        answer_by_ns = min(answer_by_ns, expose_by_ns + LONGEST_TRANSFER_NS)
        return [self._capture(camera, order, expose_by_ns, answer_by_ns) for camera in cameras]

    def _capture(self, camera: str, order: Order, expose_by_ns: int, answer_by_ns: int) -> View:
        received_ns = order.received.mono_ns
        source = self._sources[camera]
        if source.timing is Timing.SIMULATED and time.monotonic_ns() > expose_by_ns:
            return View(camera=camera, fault=Code.CAPTURE_OVERRUN)
        try:
            frame = source.acquire(received_ns, answer_by_ns)
        except CameraError as error:
            return View(camera=camera, fault=error.code, detail=str(error))
        except Exception as error:  # noqa: BLE001 - a driver's fault must end as a cannot-judge
            return View(camera=camera, fault=Code.CAMERA_UNAVAILABLE, detail=f"{type(error).__name__}: {error}")
        fault = self._fault(frame, camera, received_ns, expose_by_ns)
        still_there = self._still_there.get(camera) if order.origin == "presence" else None
        if not fault and still_there is not None and not still_there(frame):
            fault = Code.MOVED
        self._counters[camera] = frame.counter
        # Two exposures of a real scene differ by noise; a source that replays files may show one picture twice.
        if frame.timing is not Timing.SIMULATED:
            self._pictures[camera] = frame.image
        return View(camera=camera, frame=frame, fault=fault)

    def _fault(self, frame: Frame, camera: str, received_ns: int, expose_by_ns: int) -> int:
        if frame.image.dtype != np.uint8 or frame.image.ndim != COLOUR_AXES:
            return Code.FRAME_SHAPE
        if not frame.captured_known:
            return Code.TIMING_UNKNOWN
        if frame.counter <= self._counters.get(camera, -1):
            return Code.FRAME_UNCHANGED
        if not received_ns <= frame.captured_ns <= expose_by_ns:
            return Code.CAPTURE_OVERRUN
        previous = self._pictures.get(camera)
        if previous is not None and identical(frame.image, previous):
            return Code.FRAME_IDENTICAL
        return Code.NONE
