"""The ledger as the inspector uses it: open, start an epoch, append, close."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge.core.anchors import Anchor
from edge.core.events import EpochEnded, EpochStarted, Event, Instant
from edge.ledger.epochs import EpochOpening, EpochStart, FoundModels, open_epoch
from edge.ledger.errors import LedgerClosedError, LedgerError
from edge.ledger.lock import StoreLock
from edge.ledger.schema import FILE_NAME
from edge.ledger.store import Store
from edge.ledger.writer import Ticket, Writer

BACKLOG_LIMIT: Final = 10_000
CLOSE_S: Final = 2.0

logger = logging.getLogger(__name__)


class Ledger:
    """The one writer of a store's ledger. :meth:`append` may be called from any thread, the rest from one."""

    def __init__(self, store: Store, lock: StoreLock, backlog_limit: int) -> None:
        """Take over an open store and its lock; see :meth:`open`."""
        self._store = store
        self._lock = lock
        self._limit = backlog_limit
        self._writer: Writer | None = None
        self._closed = False

    @classmethod
    def open(cls, directory: Path, *, backlog_limit: int = BACKLOG_LIMIT) -> "Ledger":
        """Lock the store and open its ledger, creating or migrating it.

        Raises:
            StoreLockedError: another inspector runs on this store.
            LedgerVersionError: newer software wrote the ledger.
            LedgerError: the store is missing, full, read-only or damaged.
        """
        lock = StoreLock(directory)
        try:
            store = Store(directory / FILE_NAME)
        except LedgerError:
            lock.release()
            raise
        return cls(store, lock, backlog_limit)

    @property
    def epoch(self) -> int:
        """The epoch that was started, 0 before."""
        return self._store.epoch

    @property
    def head(self) -> Anchor | None:
        """The last event that is on disk; None before there is one. Asked for by any thread."""
        identity, digest = self._store.tail
        return Anchor(event=identity, digest=digest.hex()) if identity else None

    @property
    def healthy(self) -> bool:
        """Whether events reach the disk: False while commits fail, or where one has waited for more than a second."""
        return self._writer is not None and not self._closed and self._writer.healthy

    @property
    def failure(self) -> LedgerError | None:
        """Why the last attempt to commit failed; None while commits succeed."""
        return None if self._writer is None else self._writer.failure

    @property
    def waiting(self) -> int:
        """How many events are queued and not on disk yet."""
        return 0 if self._writer is None else self._writer.waiting

    def start_epoch(
        self,
        *,
        software: str,
        config_hash: str,
        at: Instant,
        author: str = "unknown",
        origin: str = "unknown",
        models: FoundModels | None = None,
    ) -> EpochOpening:
        """Close what the last epoch left open and start the next, in one transaction, before any event is taken.

        Returns only when it is on disk. Received parts without a verdict become losses (code ORPHAN). Where the
        configuration's hash is not that of the last epoch, an operator's action says so, done by ``author`` from
        ``origin`` as far as that is known; likewise where the bundles (``models``) are not those of the last epoch.

        Raises:
            LedgerClosedError: an epoch was started already, or the ledger was closed.
            LedgerError: nothing was written.
        """
        if self._writer is not None or self._closed:
            raise LedgerClosedError(f"{self._store.path}: one epoch per opening; open the ledger again")
        start = EpochStart(
            software=software, config_hash=config_hash, at=at, author=author, origin=origin, models=models
        )
        opening = self._store.transact(lambda connection, tail: open_epoch(connection, tail, start))
        self._store.epoch = opening.epoch
        self._writer = Writer(self._store, self._limit)
        return opening

    @property
    def commit_age_ns(self) -> int:
        """For how long the present attempt to commit has been going on, in nanoseconds; 0 between attempts."""
        return 0 if self._writer is None else self._writer.commit_age_ns

    @property
    def held_log_bytes(self) -> int:
        """How much of the write-ahead log cannot be moved because a foreign program holds a transaction.

        It grows by some 40 kB a part until that transaction ends. As of the last checkpoint that was tried.
        """
        return 0 if self._writer is None else self._writer.held_log_bytes

    def append(self, *events: Event, owed: bool = False) -> Ticket:
        """Queue events, in order, for one transaction; never waits for the disk.

        ``owed`` is for what follows from an event that was taken before: it may use a reserve beyond the limit.

        An event that contradicts the record (a second verdict of a part, a verdict without receipt) is written as an
        anomaly, and its ticket never says committed.

        Raises:
            LedgerBacklogError: too many events wait for the disk; these were not queued.
            LedgerClosedError: no epoch was started, or the ledger was closed.
            ValueError: an epoch is started and ended by this class alone.
        """
        if self._writer is None:
            raise LedgerClosedError(f"{self._store.path}: no epoch was started")
        if any(isinstance(event, EpochStarted | EpochEnded) for event in events):
            raise ValueError("epochs are started by start_epoch and ended by close")
        return self._writer.append(events, owed=owed)

    def close(self, reason: str, at: Instant, counts: Mapping[str, int]) -> None:
        """Commit what waits, then the end of the epoch, and let the store go; at most about four seconds.

        What a failing disk does not take in that time is logged and lost; the next start finds an unclean end. A
        second call does nothing.
        """
        if self._closed:
            return
        self._closed = True
        stopped = True
        if self._writer is not None:
            stopped = self._finish(
                self._writer, EpochEnded(epoch=self.epoch, reason=reason, at=at, counts=dict(counts))
            )
        if stopped:
            self._store.close()
            self._lock.release()

    def _finish(self, writer: Writer, end: EpochEnded) -> bool:
        until = time.monotonic() + CLOSE_S
        ticket = writer.append((end,), last=True)
        done = ticket.wait(CLOSE_S)
        stopped = writer.stop(max(0.1, until - time.monotonic()))
        if not done:
            logger.error("%s: stopped with %d events not on disk: %s", self._store.path, writer.waiting, writer.failure)
        return stopped
