"""The chain from its first event on: out of the archive's files, then out of the ledger's own, as if it were one."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from edge.ledger.archive_file import PAGE, ArchiveFile, EventRow, fingerprint, read_events
from edge.ledger.archives import next_archive
from edge.ledger.errors import ArchiveError

_NEXT: Final = (
    "SELECT id, kind, utc_ms, mono_ns, epoch, session, trig, seq, body, hash FROM events "
    "WHERE id > ? ORDER BY id LIMIT ?"
)


class Page(NamedTuple):
    """Rows as they follow each other, from ``archive`` (None: from the ledger's own file).

    ``problem`` says what is wrong with the archive as a file. ``ended`` says that it has been read, or that no more of
    it can be: the chain goes on after its last event.
    """

    rows: list[EventRow]
    archive: ArchiveFile | None = None
    problem: str | None = None
    ended: bool = False


class Source:
    """Reads on, page by page. Archives that come to be meanwhile are found: nothing is missed or read twice."""

    def __init__(self, connection: sqlite3.Connection, folders: tuple[Path, ...], after: int = 0) -> None:
        """Read what follows event ``after``; the archives are in ``folders``, the first that has a file is taken."""
        self._connection = connection
        self._folders = folders
        self._position = after
        self._archive: ArchiveFile | None = None
        self._pages: Iterator[list[EventRow]] = iter(())

    def read(self) -> Page | None:
        """Return what follows, None where nothing does.

        Raises:
            sqlite3.Error: the storage failed.
        """
        if self._archive is not None:
            return self._from_archive(self._archive)
        due = self._position + 1
        rows: list[EventRow] = []
        self._archive = next_archive(self._connection, due)
        if self._archive is None or self._archive.first > due:
            rows = self._connection.execute(_NEXT, (self._position, PAGE)).fetchall()
            # Where the ledger does not have it, it may have gone to an archive this very moment.
            found = bool(rows) and rows[0][0] == due
            self._archive = None if found else next_archive(self._connection, due)
        if self._archive is not None:
            return self._begin(self._archive)
        if not rows:
            return None
        self._position = rows[-1][0]
        return Page(rows)

    def locate(self, archive: ArchiveFile) -> Path:
        """Return where an archive's file is, or would be."""
        paths = [folder / archive.name for folder in self._folders]
        return next((path for path in paths if path.is_file()), paths[0])

    def _begin(self, archive: ArchiveFile) -> Page:
        path = self.locate(archive)
        self._pages = (
            _later(read_events(path), self._position) if self._position >= archive.first else read_events(path)
        )
        try:
            size, sha256 = fingerprint(path)
        except ArchiveError as error:
            return self._end(archive, _mended(error))
        if (size, sha256) == (archive.size, archive.sha256):
            return Page([], archive)
        said = f"the ledger says {archive.sha256}, {archive.size} bytes"
        return Page([], archive, f"{path}: changed: it has SHA-256 {sha256}, {size} bytes; {said}")

    def _from_archive(self, archive: ArchiveFile) -> Page:
        try:
            rows = next(self._pages, None)
        except ArchiveError as error:
            return self._end(archive, _mended(error))
        return self._end(archive, None) if rows is None else Page(rows, archive)

    def _end(self, archive: ArchiveFile, problem: str | None) -> Page:
        self._archive, self._pages, self._position = None, iter(()), archive.last
        return Page([], archive, problem, ended=True)


def _mended(error: ArchiveError) -> str:
    return f"{error}; put the file back from a copy"


def _later(pages: Iterator[list[EventRow]], after: int) -> Iterator[list[EventRow]]:
    """Leave out what was read before, where a walk was overtaken in the middle of an archive."""
    for page in pages:
        rows = [row for row in page if row[0] > after]
        if rows:
            yield rows
