"""Moving old events out of a running station's ledger, on a thread of its own, a little at a time.

A file is written, flushed and read back; then an event says so; only then do the rows go, a few in every pause of the
line (:mod:`edge.ledger.tidying`). Killed at any moment, the next run goes on: a file that is whole and not on record
yet is taken up as it is, one that was being written is written anew.
"""

import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge.core.events import Instant
from edge.ledger.archive_file import (
    FOLDER,
    ArchiveFile,
    EventRow,
    find_candidate,
    prove,
    remove_temporaries,
    secure,
    write_archive,
    write_sums,
)
from edge.ledger.archives import chain_end, event_of, list_archives
from edge.ledger.errors import FAILURES, ArchiveError, LedgerClosedError, LedgerError, explain
from edge.ledger.ledger import Ledger
from edge.ledger.retention import Range, Retention, archivable, due, newest_event
from edge.ledger.schema import FILE_NAME, connect_reader

CHECK_S: Final = 60.0
PAGE: Final = 250
REST_S: Final = 0.005
"""So long the thread rests after every page: parts go first."""
COMMIT_S: Final = 0.5
STOP_S: Final = 3.0
RESERVE_BYTES: Final = 128 << 20
"""Room on the file system that archives never take: the ledger itself needs it."""

_ROWS: Final = (
    "SELECT id, kind, utc_ms, mono_ns, epoch, session, trig, seq, body, hash FROM events "
    "WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
)
_LOG: Final = logging.getLogger(__name__)

Choice = Callable[[sqlite3.Connection, Retention, int, Instant], Range | None]


class ArchiveJob:
    """One archiving that somebody asked for; :meth:`progress` tells what it does until it has ended."""

    def __init__(self, retention: Retention) -> None:
        self.retention = retention
        self._told: queue.SimpleQueue[str | LedgerError | None] = queue.SimpleQueue()

    def tell(self, text: str | LedgerError | None) -> None:
        """Tell of a file that was made; an error, or None, ends it."""
        self._told.put(text)

    def progress(self) -> Iterator[str]:
        """Yield a line per file as they are made.

        Raises:
            LedgerError: why it ended early.
        """
        while (text := self._told.get()) is not None:
            if isinstance(text, LedgerError):
                raise text
            yield text


class Archiver:
    """Makes archives when they are due, or when asked to, for the one writer of a store's ledger."""

    def __init__(self, ledger: Ledger, directory: Path, retention: Retention) -> None:
        self._ledger = ledger
        self._path = directory / FILE_NAME
        self._folder = directory / FOLDER
        self._retention = retention
        self._jobs: queue.Queue[ArchiveJob | None] = queue.Queue(1)
        self._stopping = threading.Event()
        self.problem = ""
        """Why no archive could be made when one was due; empty where nothing is wrong."""
        self._thread = threading.Thread(target=self._work, name="ledger-archiver", daemon=True)

    def start(self) -> None:
        """Begin to look, once a minute, whether an archive is due."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being written is given up."""
        self._stopping.set()
        with suppress(queue.Full):  # else it ends with the job that waits
            self._jobs.put_nowait(None)
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def ask(self, keep_days: float | None = None) -> ArchiveJob:
        """Have everything archived that need not stay, or that is older than so many days, however few events.

        Raises:
            ArchiveError: somebody else's request waits already.
        """
        retention = self._retention if keep_days is None else replace(self._retention, days=keep_days)
        job = ArchiveJob(retention)
        if self._stopping.is_set():
            raise ArchiveError("not archived: the station stops")
        try:
            self._jobs.put_nowait(job)
        except queue.Full as error:
            raise ArchiveError("not archived: another request for it waits; try again when that is done") from error
        return job

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                job = self._jobs.get(timeout=CHECK_S)
            except queue.Empty:
                self._automatically()
            else:
                if job is not None:
                    self._for(job)
        with suppress(queue.Empty):
            while True:
                if (left := self._jobs.get_nowait()) is not None:
                    left.tell(LedgerClosedError("not archived: the station stops"))

    def _automatically(self) -> None:
        try:
            self._make_all(self._retention, due, _LOG.info)
        except Exception as error:  # noqa: BLE001 - tried again in a minute; nothing is lost meanwhile
            if str(error) != self.problem:
                _LOG.warning("%s: %s", self._path, error)
            self.problem = str(error)
        else:
            self.problem = ""

    def _for(self, job: ArchiveJob) -> None:
        try:
            self._make_all(job.retention, archivable, job.tell)
        except LedgerError as error:
            job.tell(error)
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            _LOG.exception("an archive that was asked for was not made")
            job.tell(ArchiveError(f"not archived: {error!r}"))
        else:
            job.tell(None)

    def _make_all(self, retention: Retention, choose: Choice, tell: Callable[[str], None]) -> None:
        try:
            with closing(connect_reader(self._path)) as connection:
                remove_temporaries(self._folder)
                self._write_sums(connection)  # whoever made the last file may have been killed before this
                newest, now = newest_event(connection), _now()
                while (chosen := choose(connection, retention, newest, now)) is not None:
                    archive = self._find_or_write(connection, chosen)
                    self._put_on_record(archive)
                    self._write_sums(connection)
                    tell(f"events {archive.first} to {archive.last} are in {self._folder / archive.name}")
        except FAILURES as error:
            raise explain(error, self._path) from error

    def _write_sums(self, connection: sqlite3.Connection) -> None:
        archives = list_archives(connection)
        if archives and self._folder.is_dir():
            write_sums(self._folder, archives)

    def _find_or_write(self, connection: sqlite3.Connection, chosen: Range) -> ArchiveFile:
        _, previous = chain_end(connection)
        found = find_candidate(self._folder, chosen.first)
        if found is None:
            self._require_room()
            pages = _pages(connection, chosen)
            return write_archive(self._folder, pages, chosen.first, previous, self._breathe)
        secure(found)
        try:
            archive = prove(found, chosen.first, previous, self._breathe)
        except ArchiveError as error:
            raise ArchiveError(
                f"{error}; it is not on record, and in the way: move it to another folder, and a whole one is made of "
                "the events, which are still in the ledger"
            ) from error
        row = connection.execute("SELECT hash FROM events WHERE id = ?", (archive.last,)).fetchone()
        if row != (archive.digest,):
            raise ArchiveError(f"{found}: is not of this ledger, and in the way: move it to another folder")
        return archive

    def _put_on_record(self, archive: ArchiveFile) -> None:
        ticket = self._ledger.append(event_of(archive, _now()))
        while not ticket.wait(COMMIT_S):
            if ticket.refusals:
                raise ArchiveError(f"{archive.name}: not put on record: {'; '.join(ticket.refusals)}")
            if self._stopping.is_set():
                raise LedgerClosedError(f"{archive.name}: not on record yet; the next start goes on with it")

    def _require_room(self) -> None:
        status = os.statvfs(self._path.parent)
        free = status.f_bavail * status.f_frsize
        if free < RESERVE_BYTES:
            raise ArchiveError(
                f"{self._folder}: not archived: {free} bytes are free, {RESERVE_BYTES} are kept for the ledger; "
                "free some space"
            )

    def _breathe(self) -> None:
        if self._stopping.wait(REST_S):
            raise LedgerClosedError("given up: the station stops")


def _now() -> Instant:
    return Instant(mono_ns=time.monotonic_ns(), utc_ms=time.time_ns() // 1_000_000)


def _pages(connection: sqlite3.Connection, chosen: Range) -> Iterator[list[EventRow]]:
    """Read events in short transactions, so that none of them keeps the write-ahead log from being moved."""
    after = chosen.first - 1
    while rows := connection.execute(_ROWS, (after, chosen.last, PAGE)).fetchall():
        after = rows[-1][0]
        yield rows
