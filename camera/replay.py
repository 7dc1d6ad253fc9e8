"""Replays the pictures of a folder as if a camera took them, one per trigger, and then starts over."""

import random
from pathlib import Path

from camera.folder import ListedPicture, list_pictures
from camera.image_file import ImageLimits, read_image
from camera.simulated import Picture, SimulatedFeed
from camera.source import Frame, SourceState, Timing

_AHEAD = 1
"""The one that is held ready: the next is decoded while it is judged. Each is a whole frame."""


class ReplaySource:
    """A folder's pictures in list order or in a seeded shuffle; see :func:`camera.folder.list_pictures`.

    The shuffle is drawn once, so that every round has the same order. The next pictures are decoded ahead in a thread
    and each is exposed when :meth:`acquire` takes it. ``Frame.name`` is the file name as listed. A file that is
    missing or unreadable uses its turn and raises ``FrameUnreadableError``.
    """

    def __init__(
        self, view: str, folder: Path, *, shuffle_seed: int | None = None, limits: ImageLimits | None = None
    ) -> None:
        """Touch nothing yet; ``shuffle_seed`` None keeps the list order."""
        self._view = view
        self._folder = folder
        self._shuffle_seed = shuffle_seed
        self._limits = limits or ImageLimits()
        self._feed = SimulatedFeed(view, workers=1, depth=_AHEAD)

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
        """The folder."""
        return f"replay:{self._folder}"

    @property
    def state(self) -> SourceState:
        """Closed or ready."""
        return self._feed.state

    def open(self) -> None:
        """List the folder and begin to decode; after a close, go on with the picture after the last one taken.

        Raises:
            CameraUnavailableError: The folder is missing, has no pictures, or its ``annotations.json`` is broken.
        """
        if self._feed.state is not SourceState.CLOSED:
            return
        pictures = list(list_pictures(self._folder))
        if self._shuffle_seed is not None:
            random.Random(self._shuffle_seed).shuffle(pictures)  # noqa: S311 - an order, no secret
        self._feed.start(lambda turn: self._read(pictures[turn % len(pictures)]))

    def acquire(self, not_before_ns: int, deadline_ns: int) -> Frame:
        """Return the next picture, exposed now; see :class:`camera.source.Source` for arguments and errors."""
        return self._feed.take(not_before_ns, deadline_ns)

    def close(self) -> None:
        """Stop decoding; safe to call twice."""
        self._feed.stop()

    def _read(self, picture: ListedPicture) -> Picture:
        return Picture(read_image(picture.path, self._limits), picture.name)
