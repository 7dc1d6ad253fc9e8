"""The virtual line as a camera: the next parts are drawn ahead, and each is exposed when a trigger takes it."""

from typing import Final

from camera.simulated import Picture, SimulatedFeed, as_frame_image
from camera.source import Frame, SourceState, Timing
from camera.virtual import VirtualLine, VirtualParameters

_AHEAD: Final = 4
_WORKERS: Final = 2


class VirtualSource:
    """Virtual parts in the order of the line; frame k depends on the seed and k alone.

    ``Frame.name`` is the part's identity. Two threads draw, so that two cores sustain the fastest line.
    """

    def __init__(self, view: str, parameters: VirtualParameters) -> None:
        """Draw nothing yet."""
        self._view = view
        self._parameters = parameters
        self._feed = SimulatedFeed(view, workers=_WORKERS, depth=_AHEAD)

    @property
    def view(self) -> str:
        """The view's name, as configured."""
        return self._view

    @property
    def timing(self) -> Timing:
        """Simulated."""
        return Timing.SIMULATED

    @property
    def identity(self) -> str:
        """The line's seed, by which every part is known."""
        return f"virtual:?seed={self._parameters.seed}"

    @property
    def state(self) -> SourceState:
        """Closed, connecting until the first parts are drawn, then ready."""
        return self._feed.state

    def open(self) -> None:
        """Begin to draw; after a close, go on with the part after the last one taken."""
        if self._feed.state is SourceState.CLOSED:
            line = VirtualLine(self._parameters)
            self._feed.start(lambda index: _picture(line, index))

    def acquire(self, not_before_ns: int, deadline_ns: int) -> Frame:
        """Return the next part's picture, exposed now; see :class:`camera.source.Source` for arguments and errors."""
        return self._feed.take(not_before_ns, deadline_ns)

    def close(self) -> None:
        """Stop drawing; safe to call twice."""
        self._feed.stop()


def _picture(line: VirtualLine, index: int) -> Picture:
    part = line.render(index)
    return Picture(as_frame_image(part.image, part.part_id), part.part_id)
