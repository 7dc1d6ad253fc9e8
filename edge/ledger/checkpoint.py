"""Moving the write-ahead log into the ledger's file, on a thread and a connection of its own.

A passive checkpoint from another connection never makes a commit wait for a lock; asked for when the line pauses, it
does not compete with one for the disk either.
"""

import logging
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.ledger.errors import FAILURES, LedgerError
from edge.ledger.schema import connect_writer

IDLE_BYTES: Final = 1 << 20
"""A write-ahead log of this size is moved as soon as nothing waits."""
BUSY_BYTES: Final = 16 << 20
"""One of this size is moved even while events arrive."""
STOP_S: Final = 1.0

logger = logging.getLogger(__name__)


class Checkpointer:
    """Runs passive checkpoints when it is asked to; a failure is logged and cured by the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._wanted = threading.Event()
        self._stopping = False
        self._seen: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._run, name="ledger-checkpoint", daemon=True)
        self._thread.start()

    def offer(self, *, idle: bool) -> None:
        """Checkpoint soon if the log is worth it; never blocks."""
        try:
            status = self._log.stat()
        except OSError:
            return
        if status.st_size >= (IDLE_BYTES if idle else BUSY_BYTES):
            self._wanted.set()

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
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except (*FAILURES, LedgerError) as error:
                logger.warning("%s: the write-ahead log was not moved: %s", self._path, error)
                _close(connection)
                connection = None
        _close(connection)


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        with suppress(sqlite3.Error):
            connection.close()
