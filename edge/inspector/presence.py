"""The presence trigger: a part that has come into view and stands still is inspected; results go to evt/auto.

Its thread looks through the watched camera between parts and takes no frame from the inspection.
"""

import io
import logging
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from camera.errors import SourceSettingError
from camera.presence import EmptyView, Region
from camera.source import Frame, Source, Watchable
from camera.watch import Watch
from edge.core.presence import Happening, PresenceRules
from edge.durable import write_whole
from edge.inspector.clock import NS_PER_MS

LOOK_S: Final = 0.06
LOST_S: Final = 1.0
KEEP_S: Final = 600.0

_LOG: Final = logging.getLogger(__name__)


def watchable(source: Source) -> Watchable:
    """Return a source that runs freely, so that it can be watched.

    Raises:
        SourceSettingError: it shows a picture only when a trigger takes it.
    """
    if isinstance(source, Watchable):
        return source
    raise SourceSettingError(
        f"the presence trigger watches a camera between parts, but {source.view!r} ({source.identity}) shows a picture "
        "only when a trigger takes it: use 'mqtt' or 'timer:SECONDS', or a v4l2, rtsp, http or gstreamer camera"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceActions:
    """What is done about what happens in the view: take on a part, record one that was missed, count a disturbance."""

    trigger: Callable[[], None]
    missed: Callable[[], None]
    disturbed: Callable[[], None]


class PresenceTrigger:
    """Watches one view from its own thread and calls the actions there.

    ``memory`` is the file in which the empty view outlives the process: after a start with a part in view, nothing else
    tells the two apart.
    """

    def __init__(
        self, source: Watchable, rules: PresenceRules, actions: PresenceActions, *, roi: Region | None, memory: Path
    ) -> None:
        self._source = source
        self._actions = actions
        self._memory = memory
        self._watch = Watch(rules, roi=roi, empty=recall(memory))
        self._counter = -1
        self._seen_s = time.monotonic()
        self._kept_s = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="presence-trigger", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End, and keep what is known of the empty view."""
        self._stopping.set()
        self._thread.join(timeout=1.0)
        self._keep()

    def still_there(self, frame: Frame) -> bool:
        """Tell whether a frame that the inspection took shows the part where it stood when it was triggered."""
        return self._watch.still_there(frame.image)

    def _work(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                self._look()
            except Exception:  # noqa: BLE001 - the next part comes all the same
                _LOG.exception("a look at the view failed; the presence trigger goes on")

    def _look(self) -> None:
        frame = self._source.glance()
        if frame is None or frame.counter == self._counter:
            if time.monotonic() - self._seen_s > LOST_S:
                self._watch.lost()
            return
        self._counter, self._seen_s = frame.counter, time.monotonic()
        match self._watch.look(frame.image, frame.captured_ns / NS_PER_MS):
            case Happening.TRIGGER:
                self._actions.trigger()
            case Happening.MISSED:
                self._actions.missed()
            case Happening.WITHDRAWN:
                self._actions.disturbed()
            case Happening.GONE if time.monotonic() - self._kept_s > KEEP_S:
                self._keep()

    def _keep(self) -> None:
        self._kept_s = time.monotonic()
        known = self._watch.known
        if known is None:
            return
        try:
            remember(self._memory, known)
        except OSError as error:
            _LOG.warning("%s: what the empty view looks like is not kept (%s)", self._memory, error.strerror or error)


def remember(path: Path, empty: EmptyView) -> None:
    """Write an empty view to a file, wholly or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, level=empty.level, spread=empty.spread, flutter=empty.flutter)
    write_whole(path, buffer.getvalue())


def recall(path: Path) -> EmptyView | None:
    """Return the empty view that a file holds; None where there is none, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            level, spread, flutter = (np.asarray(stored[name]) for name in ("level", "spread", "flutter"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        _LOG.warning("%s: cannot be used (%s); the empty view is learnt anew", path, error)
        return None
    sound = level.ndim == 3 and level.shape[2] == 3 and spread.shape == flutter.shape == level.shape[:2]  # noqa: PLR2004  # rows, columns, colours
    if not sound or not all(
        np.isfinite(array).all() and array.dtype == np.float32 for array in (level, spread, flutter)
    ):
        _LOG.warning("%s: holds no view; the empty view is learnt anew", path)
        return None
    return EmptyView(level=level, spread=spread, flutter=flutter)
