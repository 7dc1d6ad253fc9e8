"""The ledger's file as its one writer sees it: batches of events in, each wholly on disk or not at all."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from edge.core.events import Archived, Event
from edge.durable import sync_folder
from edge.ledger.archives import archived_until
from edge.ledger.codec import anomaly
from edge.ledger.errors import FAILURES, LedgerCorruptError, LedgerError, explain
from edge.ledger.record import Tail, read_tail, record, write_tail
from edge.ledger.schema import connect_writer
from edge.ledger.tidying import Tidying

Result = TypeVar("Result")


class _Attempt(NamedTuple):
    """What a commit whose outcome is not known would have left behind."""

    tail: Tail
    refusals: tuple[str | None, ...]


class Store:
    """The open file. One thread at a time may use it; after a failure the next call opens it afresh."""

    def __init__(self, path: Path) -> None:
        """Create, migrate or open the ledger at ``path``.

        Raises:
            LedgerError: it cannot be opened or written.
        """
        self.path = path
        self.epoch = 0
        self._connection: sqlite3.Connection | None = connect_writer(path, create=True)
        try:
            self._file = self._identity()
            self.tail = read_tail(self._connection)
            archived = archived_until(self._connection)
            sync_folder(path.parent)  # the file's name itself must survive a power cut
        except FAILURES as error:
            self.close()
            raise explain(error, path) from error
        self._attempt: _Attempt | None = None
        self._tidying = Tidying(archived) if archived else None

    @property
    def untidy(self) -> bool:
        """Whether rows are here that an archive holds."""
        return self._tidying is not None

    def transact(self, work: Callable[[sqlite3.Connection, Tail], tuple[Tail, Result]]) -> Result:
        """Run ``work`` in one durable transaction; it returns the new tail and its result.

        Raises:
            LedgerError: nothing was committed.
        """
        connection = self._begin()
        try:
            tail, result = work(connection, self.tail)
            write_tail(connection, tail)
            connection.execute("COMMIT")
        except FAILURES as error:
            self._abandon()
            raise explain(error, self.path) from error
        except LedgerError:
            self._abandon()
            raise
        self.tail = tail
        return result

    def commit(self, batch: Sequence[Event]) -> tuple[str | None, ...]:
        """Append a batch durably; after a failure the same batch must be offered again, before any other.

        Returns:
            Per event why it was recorded as an anomaly, None where it was taken as what it says.

        Raises:
            LedgerError: the batch is not known to be on disk.
        """
        try:
            connection = self._begin()
            if self._attempt is not None:
                refusals = self._recovered(connection, self._attempt)
                self._note_archives(batch, refusals)
                return refusals
            try:
                tail, refusals = self._append(connection, batch, careful=False)
            except Exception as error:
                if is_storage_failure(error):
                    raise
                connection.execute("ROLLBACK")
                connection.execute("BEGIN IMMEDIATE")
                tail, refusals = self._append(connection, batch, careful=True)
            write_tail(connection, tail)
            self._attempt = _Attempt(tail, refusals)
            connection.execute("COMMIT")
        except FAILURES as error:
            self._abandon()
            raise explain(error, self.path) from error
        except LedgerError:
            self._abandon()
            raise
        self.tail, self._attempt = tail, None
        self._note_archives(batch, refusals)
        return refusals

    def tidy(self) -> None:
        """Let go of a few rows that an archive holds, in one short transaction; while :attr:`untidy`, there are more.

        It needs no flush of its own: what a power cut brings back is let go of again.

        Raises:
            LedgerError: the storage failed; nothing of this call is lost or done.
        """
        tidying = self._tidying
        if tidying is None:
            return
        self._tidying = Tidying(tidying.until)
        connection = self._begin(flush=False)
        try:
            more = tidying.step(connection)
            connection.execute("COMMIT")
        except FAILURES as error:
            self._abandon()
            raise explain(error, self.path) from error
        self._tidying = tidying if more else None

    def checkpoint(self, run: Callable[[sqlite3.Connection], None]) -> None:
        """Have the write-ahead log moved now; a failure of the storage is left for the next commit to find."""
        if self._connection is not None:
            with suppress(*FAILURES):
                run(self._connection)

    def close(self) -> None:
        """Close the file; SQLite moves the write-ahead log into it where it can."""
        self._abandon()

    def _note_archives(self, batch: Sequence[Event], refusals: Sequence[str | None]) -> None:
        for event, refusal in zip(batch, refusals, strict=True):
            if isinstance(event, Archived) and refusal is None:
                self._tidying = Tidying(event.last)

    def _begin(self, *, flush: bool = True) -> sqlite3.Connection:
        """Begin a transaction on the file that this process opened, with the tail that it left."""
        try:
            if self._identity() != self._file:
                raise self._foreign("was replaced")
            if self._connection is None:
                self._connection = connect_writer(self.path, create=False)
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if flush else 'NORMAL'}")
            self._connection.execute("BEGIN IMMEDIATE")
            tail = read_tail(self._connection)
        except FAILURES as error:
            self._abandon()
            raise explain(error, self.path) from error
        except LedgerError:
            self._abandon()
            raise
        if tail == self.tail:
            self._attempt = None
        elif self._attempt is None or tail != self._attempt.tail:
            self._abandon()
            raise self._foreign("was written by another program")
        return self._connection

    def _recovered(self, connection: sqlite3.Connection, attempt: _Attempt) -> tuple[str | None, ...]:
        """Accept a commit that had reported a failure and is in the file all the same, once it is surely on disk.

        Its pages may be in the system's cache only, marked clean after a failed fsync: a full checkpoint writes and
        syncs them in another file.
        """
        connection.execute("ROLLBACK")
        busy, frames, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if busy or frames != moved:
            raise sqlite3.OperationalError("a commit of unknown outcome waits for readers to let it be checkpointed")
        self.tail, self._attempt = attempt.tail, None
        return attempt.refusals

    def _append(
        self, connection: sqlite3.Connection, batch: Sequence[Event], *, careful: bool
    ) -> tuple[Tail, tuple[str | None, ...]]:
        tail = self.tail
        refusals: list[str | None] = []
        for event in batch:
            if careful:
                tail, refusal = self._append_carefully(connection, tail, event)
            else:
                tail, refusal = record(connection, tail, event, self.epoch)
            refusals.append(refusal)
        return tail, tuple(refusals)

    def _append_carefully(self, connection: sqlite3.Connection, tail: Tail, event: Event) -> tuple[Tail, str | None]:
        """Append one event so that one which SQLite or the codec chokes on costs itself only."""
        connection.execute("SAVEPOINT event")
        try:
            tail, refusal = record(connection, tail, event, self.epoch)
        except Exception as error:
            if is_storage_failure(error):
                raise
            connection.execute("ROLLBACK TO event")
            refusal = f"{type(error).__name__}: {error}"
            tail, _ = record(connection, tail, anomaly(event, refusal), self.epoch)
        connection.execute("RELEASE event")
        return tail, refusal

    def _identity(self) -> tuple[int, int]:
        status = self.path.stat()
        return status.st_dev, status.st_ino

    def _foreign(self, what: str) -> LedgerCorruptError:
        return LedgerCorruptError(f"{self.path}: {what} under the running inspector; put the ledger back and restart")

    def _abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            with suppress(sqlite3.Error):
                connection.close()


def is_storage_failure(error: Exception) -> bool:
    """Tell a failure of the storage, which a retry may cure, from one of the event itself."""
    if isinstance(error, OSError | sqlite3.OperationalError | sqlite3.InternalError | UnicodeDecodeError | LedgerError):
        return True
    return type(error) is sqlite3.DatabaseError
