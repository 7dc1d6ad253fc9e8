"""Moving the write-ahead log into the ledger's file, on a thread and a connection of its own.

A passive checkpoint from another connection never makes a commit wait for a lock; asked for when the line pauses, it
does not compete with one for the disk either. On a line without pauses it runs beside the commits and leaves to the
writer only the little that came in meanwhile. However much a foreign reader has held back, the writer never moves more
than that: it is the thread's too.
"""

import logging
import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.ledger.errors import FAILURES, LedgerError
from edge.ledger.schema import connect_writer

WORTH_EVENTS: Final = 200
"""So many events in the write-ahead log, about a megabyte, are worth a checkpoint in a pause of the line."""
LIMIT_EVENTS: Final = 5_000
"""With so many, some 36 megabytes at one part a commit, a checkpoint runs beside the line, pause or not."""
EARLY_EVENTS: Final = 1_000
"""With so many where the file system has little room: once it is full, the log has nowhere to be moved to."""
ROOM_BYTES: Final = 200_000_000
"""Less than this is little room."""
LEFT_EVENTS: Final = 250
"""What came in meanwhile, at most two megabytes, the writer moves itself: only then does the log start anew."""
STOP_S: Final = 1.0

logger = logging.getLogger(__name__)


class Checkpointer:
    """Counts the events that are in the log alone, and those since it began anew, and moves them when asked to.

    One that fails, or leaves something because a reader or the writer was at work, is made good by the next.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._events = 0
        self._log = 0
        self.left_bytes = 0
        """How much of the write-ahead log the last checkpoint had to leave: a reader needs it, or it came since."""
        self._wanted = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ledger-checkpoint", daemon=True)
        self._thread.start()

    @property
    def worthwhile(self) -> bool:
        """Whether a pause should be used."""
        return self._events >= WORTH_EVENTS

    def note(self, events: int) -> None:
        """Count events that were committed, or rows that were let go."""
        with self._lock:
            self._events += events
            self._log += events
            overdue = self._long and self._events > LEFT_EVENTS
        if overdue:
            self.ask()

    @property
    def due_on_the_writer(self) -> bool:
        """Whether the writer should move what a whole checkpoint has left, and no more, now."""
        with self._lock:
            return self._long and self._events <= LEFT_EVENTS

    @property
    def _long(self) -> bool:
        """Whether the log is to be moved, pause or not."""
        return self._log >= LIMIT_EVENTS or (self._log >= EARLY_EVENTS and _room(self._path.parent) < ROOM_BYTES)

    def ask(self) -> None:
        """Checkpoint soon, on the other thread."""
        self._wanted.set()

    def run(self, connection: sqlite3.Connection, *, on_the_writer: bool = False) -> None:
        """Checkpoint now, on this thread and connection.

        Raises:
            sqlite3.Error: the storage failed.
        """
        events = self._events
        busy, frames, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if busy:
            return
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        self.left_bytes = (frames - moved) * page
        if frames != moved:
            return
        with self._lock:
            self._events = max(0, self._events - events)
            if on_the_writer or not self._events:
                self._log = 0  # nothing came in meanwhile: the next commit begins at the log's start

    def stop(self) -> None:
        """Stop after the checkpoint under way, waiting at most a second."""
        self._stopping = True
        self._wanted.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._stopping:
                break
            try:
                if connection is None:
                    connection = connect_writer(self._path, create=False)
                self.run(connection)
            except (*FAILURES, LedgerError) as error:
                logger.warning("%s: the write-ahead log was not moved: %s", self._path, error)
                _close(connection)
                connection = None
        _close(connection)


def _room(folder: Path) -> int:
    """Return the bytes that a file system has left."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        with suppress(sqlite3.Error):
            connection.close()
