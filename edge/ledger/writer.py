"""The one thread that writes events: whatever waits goes to disk together, in order, however often it takes."""

import logging
import threading
import time
from collections import deque
from enum import Enum, auto
from functools import partial
from typing import Final

from edge.core.events import Event
from edge.ledger.checkpoint import Checkpointer
from edge.ledger.errors import LedgerBacklogError, LedgerClosedError, LedgerError
from edge.ledger.store import Store
from edge.ledger.tidying import STEP

MAX_BATCH: Final = 1000
"""A transaction takes no further ticket once it holds this many events."""
RESERVE: Final = 2_000
"""Room beyond the limit for what is owed to parts that were taken on below it: their verdicts, and what was sent."""
FIRST_RETRY_S: Final = 0.05
LAST_RETRY_S: Final = 1.0
PATIENCE_NS: Final = 1_000_000_000
"""A store that leaves an event waiting for longer is not healthy."""
PAUSE_S: Final = 0.02
"""Nothing to write for so long: the line pauses, and a checkpoint, or letting go of a few rows, is in nobody's way."""
UNTIDY_S: Final = 60.0
"""For so long nothing is let go after that failed."""
ABANDON_S: Final = 1.0

logger = logging.getLogger(__name__)


class Ticket:
    """A claim on the commit of the events of one ``append``."""

    __slots__ = ("_committed", "_settled", "refusals")

    def __init__(self) -> None:
        self._settled = threading.Event()
        self._committed = False
        self.refusals: tuple[str, ...] = ()
        """What the record says against the events: why one was recorded as an anomaly, or that an ack claims an accept
        that is not on record; empty where all were taken."""

    @property
    def committed(self) -> bool:
        """Whether every event is on disk as what it says, and nothing on record speaks against it."""
        return self._committed

    @property
    def settled(self) -> bool:
        """Whether the events are on disk, as what they say or as anomalies."""
        return self._settled.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the events are on disk, at most ``timeout_s`` seconds.

        Returns:
            True once all are committed as what they say; False at the timeout, or at once where one was refused.
        """
        self._settled.wait(timeout_s)
        return self._committed

    def settle(self, refusals: tuple[str, ...]) -> None:
        """Let the waiters go; for the writer alone."""
        self.refusals = refusals
        self._committed = not refusals
        self._settled.set()


class _Work(Enum):
    COMMIT = auto()
    PAUSE = auto()
    END = auto()


class _Entry:
    __slots__ = ("events", "since_ns", "ticket")

    def __init__(self, events: tuple[Event, ...]) -> None:
        self.events = events
        self.ticket = Ticket()
        self.since_ns = time.monotonic_ns()


class Writer:
    """Queue, thread and retries on top of a :class:`Store`."""

    def __init__(self, store: Store, backlog_limit: int) -> None:
        self._store = store
        self._limit = backlog_limit
        self._changed = threading.Condition()
        self._queue: deque[_Entry] = deque()
        self._batch: list[_Entry] = []
        self._waiting = 0
        self._commit_since_ns = 0
        self._closing = False
        self._abandoned = False
        self._failure: LedgerError | None = None
        self._checkpointer = Checkpointer(store.path)
        self._asked = False
        self._tidy_from_s = 0.0
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> LedgerError | None:
        """Why the last attempt to commit failed; None after a success."""
        return self._failure

    @property
    def healthy(self) -> bool:
        """Whether the last attempt to commit succeeded and nothing has waited for more than a second."""
        if self._failure is not None or not self._thread.is_alive():
            return False
        with self._changed:
            oldest = self._batch[0] if self._batch else self._queue[0] if self._queue else None
        return oldest is None or time.monotonic_ns() - oldest.since_ns < PATIENCE_NS

    @property
    def waiting(self) -> int:
        """How many events are not on disk yet."""
        return self._waiting

    @property
    def held_log_bytes(self) -> int:
        """How much of the write-ahead log foreign readers keep from being moved into the file."""
        return self._checkpointer.left_bytes

    @property
    def commit_age_ns(self) -> int:
        """For how long the present attempt to commit has been going on, in nanoseconds; 0 between attempts."""
        since_ns = self._commit_since_ns
        return time.monotonic_ns() - since_ns if since_ns else 0

    def append(self, events: tuple[Event, ...], *, owed: bool = False, last: bool = False) -> Ticket:
        """Queue events for one transaction; ``owed`` may use the reserve, ``last`` refuses all that come later.

        Raises:
            LedgerBacklogError: too many events wait.
            LedgerClosedError: the last event was queued before.
        """
        entry = _Entry(events)
        if not events:
            entry.ticket.settle(())
            return entry.ticket
        with self._changed:
            if self._closing:
                raise LedgerClosedError(f"{self._store.path}: closed; events are refused while the station stops")
            limit = self._limit + (RESERVE if owed else 0)
            if not last and self._waiting + len(events) > limit:
                raise LedgerBacklogError(
                    f"{self._store.path}: {self._waiting} events wait for the disk, at most {limit} may; "
                    f"{self._failure or 'the disk is too slow'}"
                )
            self._closing = last
            self._queue.append(entry)
            self._waiting += len(events)
            self._changed.notify()
        return entry.ticket

    def stop(self, bound_s: float) -> bool:
        """End the thread once the last event is committed, or give up after ``bound_s`` seconds.

        Returns:
            Whether the thread ended; False where the disk holds it.
        """
        self._thread.join(bound_s)
        with self._changed:
            self._abandoned = True
            self._changed.notify()
        self._thread.join(ABANDON_S)
        self._checkpointer.stop()
        return not self._thread.is_alive()

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while (work := self._take()) is not _Work.END:
            if work is _Work.PAUSE:
                self._use_pause()
                continue
            self._commit_since_ns = time.monotonic_ns()
            try:
                refusals = self._store.commit([event for entry in self._batch for event in entry.events])
            except Exception as error:  # noqa: BLE001  # the writer outlives whatever the storage does
                self._commit_since_ns = 0
                self._failed(error)
                if not self._pause(retry_s):
                    return
                retry_s = min(retry_s * 2, LAST_RETRY_S)
            else:
                self._commit_since_ns = 0
                retry_s = FIRST_RETRY_S
                self._succeeded(refusals)

    def _take(self) -> "_Work":
        """Fill the batch, waiting for events; where the line pauses and there is a use for it, say so instead."""
        with self._changed:
            if self._batch:
                return _Work.COMMIT
            while not self._queue:
                if self._closing or self._abandoned:
                    return _Work.END
                useful = self._pause_is_useful()
                rest = UNTIDY_S if self._store.untidy else None
                if not self._changed.wait(PAUSE_S if useful else rest) and useful:
                    return _Work.PAUSE
            self._asked = False
            size = 0
            while self._queue and size < MAX_BATCH:
                entry = self._queue.popleft()
                self._batch.append(entry)
                size += len(entry.events)
            return _Work.COMMIT

    def _pause_is_useful(self) -> bool:
        checkpoint = self._checkpointer.worthwhile and not self._asked
        return checkpoint or (self._store.untidy and time.monotonic() >= self._tidy_from_s)

    def _use_pause(self) -> None:
        if self._checkpointer.worthwhile and not self._asked:
            self._checkpointer.ask()
            self._asked = True
            return
        self._commit_since_ns = time.monotonic_ns()
        try:
            self._store.tidy()
        except Exception as error:  # noqa: BLE001  # it is tried again, and no event waits for it
            self._tidy_from_s = time.monotonic() + UNTIDY_S
            logger.warning("%s: what is archived was not let go, trying again later: %s", self._store.path, error)
        finally:
            self._commit_since_ns = 0
        self._note(STEP)

    def _pause(self, seconds: float) -> bool:
        """Let the storage recover; False where the process stops and waits no longer."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self._abandoned and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return not self._abandoned

    def _succeeded(self, refusals: tuple[str | None, ...]) -> None:
        if self._failure is not None:
            logger.warning("%s: committing again", self._store.path)
        self._failure = None
        with self._changed:
            settled, self._batch = self._batch, []
            self._waiting -= len(refusals)
        start = 0
        for entry in settled:
            own = refusals[start : start + len(entry.events)]
            start += len(entry.events)
            entry.ticket.settle(tuple(reason for reason in own if reason is not None))
        for reason in refusals:
            if reason is not None:
                logger.error("%s: an event contradicts the record: %s", self._store.path, reason)
        self._note(len(refusals))

    def _note(self, events: int) -> None:
        self._checkpointer.note(events)
        if self._checkpointer.due_on_the_writer:
            self._commit_since_ns = time.monotonic_ns()
            self._store.checkpoint(partial(self._checkpointer.run, on_the_writer=True))
            self._commit_since_ns = 0

    def _failed(self, error: Exception) -> None:
        if self._failure is None:
            logger.error("%s: not committed, trying again: %s", self._store.path, error)
        self._failure = error if isinstance(error, LedgerError) else LedgerError(f"{self._store.path}: {error!r}")
