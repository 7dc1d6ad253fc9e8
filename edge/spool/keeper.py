"""Keeping pictures off the path of a part: a bounded queue and the one thread that writes the spool."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from edge.core.events import Instant, Stored
from edge.spool.errors import SpoolError, SpoolFullError
from edge.spool.store import StoredFile, StoreRequest

QUEUE_PICTURES: Final = 8
"""Pictures that wait at most; each holds its frame (6 MB at 1080p) in memory."""

_FIRST_REPEAT_S: Final = 60.0
_LAST_REPEAT_S: Final = 3600.0
_LOG: Final = logging.getLogger(__name__)


class NotStored(StrEnum):
    """Why a picture that was offered is not in the spool."""

    QUEUE_FULL = "queue full"
    STOPPING = "stopping"
    SPOOL_FULL = "spool full"
    FAILED = "failed"


class PictureStore(Protocol):
    """What the keeper writes to: :class:`edge.spool.store.Spool`, or a test's stand-in."""

    def store(self, request: StoreRequest) -> StoredFile:
        """Write durably, or raise :class:`edge.spool.errors.SpoolError`."""


class SpoolKeeper:
    """Writes pictures in its own thread, in the order offered.

    ``on_stored`` gets the ledger's event once a picture and its side-car are durable; ``on_not_stored`` gets every
    other picture with the reason, once. Both run in the keeper's thread, except that a full or closed queue is
    reported in the caller's; what they raise is logged, never passed on.
    """

    def __init__(
        self,
        spool: PictureStore,
        *,
        on_stored: Callable[[Stored], None],
        on_not_stored: Callable[[StoreRequest, NotStored], None],
        capacity: int = QUEUE_PICTURES,
    ) -> None:
        self._spool = spool
        self._on_stored = on_stored
        self._on_not_stored = on_not_stored
        self._capacity = capacity
        self._waiting: deque[StoreRequest] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._problem: str | None = None
        self._complaints = _Complaints()
        self._thread = threading.Thread(target=self._work, name="spool-keeper", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Whether the last picture could be kept and the thread lives."""
        return self._problem is None and (self._thread.is_alive() or self._closing)

    @property
    def problem(self) -> str | None:
        """What went wrong with the last picture, None if it was kept."""
        return self._problem

    def offer(self, request: StoreRequest) -> bool:
        """Hand over a picture without waiting; False (and ``on_not_stored``) if there is no room or it is closed."""
        with self._changed:
            refusal = self._refusal()
            if refusal is None:
                self._waiting.append(request)
                self._changed.notify()
        if refusal is None:
            return True
        self._not_stored(request, refusal)
        return False

    def close(self, timeout: float) -> bool:
        """Take no more, write what waits for at most ``timeout`` seconds; False if some of it was given up.

        A write in progress cannot be cancelled: it may go on after False. Safe to call twice.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        with self._changed:
            given_up = list(self._waiting)
            self._waiting.clear()
        for request in given_up:
            self._not_stored(request, NotStored.STOPPING)
        return not given_up and not self._thread.is_alive()

    def _refusal(self) -> NotStored | None:
        if self._closing:
            return NotStored.STOPPING
        return NotStored.QUEUE_FULL if len(self._waiting) >= self._capacity else None

    def _work(self) -> None:
        while (request := self._next()) is not None:
            self._keep(request)
            # Not held while waiting for the next one: it is a whole frame.
            del request

    def _next(self) -> StoreRequest | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popleft() if self._waiting else None

    def _keep(self, request: StoreRequest) -> None:
        try:
            stored = self._spool.store(request)
            self._on_stored(_event(request, stored))
        except SpoolError as error:
            self._failed(error)
            self._not_stored(request, NotStored.SPOOL_FULL if isinstance(error, SpoolFullError) else NotStored.FAILED)
        except Exception as error:  # noqa: BLE001 -- this thread outlives every fault
            self._failed(error)
            self._not_stored(request, NotStored.FAILED)
        else:
            self._problem = None

    def _failed(self, error: Exception) -> None:
        self._problem = str(error)
        repeated = self._complaints.due(type(error).__name__, time.monotonic())
        if repeated is not None:
            _LOG.error("picture not kept: %s (%d more of this kind since the last line)", error, repeated)

    def _not_stored(self, request: StoreRequest, reason: NotStored) -> None:
        try:
            self._on_not_stored(request, reason)
        except Exception:  # noqa: BLE001 -- as above
            _LOG.exception("reporting a picture that was not kept (%s) failed", reason)


class _Complaints:
    """Which kinds of error may be logged now: each at once, then ever more rarely while it goes on."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[float, float, int]] = {}

    def due(self, kind: str, now: float) -> int | None:
        """Return how many went unlogged since the last line of this kind, None if this one goes unlogged too."""
        next_at, pause, silent = self._kinds.get(kind, (now, _FIRST_REPEAT_S, 0))
        if now - next_at > _LAST_REPEAT_S:
            pause = _FIRST_REPEAT_S
        if now < next_at:
            self._kinds[kind] = (next_at, pause, silent + 1)
            return None
        self._kinds[kind] = (now + pause, min(pause * 2, _LAST_REPEAT_S), 0)
        return silent


def _event(request: StoreRequest, stored: StoredFile) -> Stored:
    return Stored(
        key=request.key,
        camera=request.camera,
        path=stored.path,
        sha256=stored.sha256,
        size=stored.size,
        at=Instant(mono_ns=time.monotonic_ns(), utc_ms=time.time_ns() // 1_000_000),
    )
