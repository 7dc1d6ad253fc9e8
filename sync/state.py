"""``sync.db``: what became of each picture on its way to the object store. Written by the sync daemon alone.

Losing the file costs a comparison of each picture with its object, nothing else.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sync.errors import StateError

DATABASE: Final = "sync.db"
LOCK: Final = "sync.lock"
SCHEMA_VERSION: Final = 1

_SCHEMA: Final = f"""
CREATE TABLE uploads (
    path TEXT PRIMARY KEY,      -- the picture's, relative to the spool
    sha256 TEXT,                -- of the picture, from its side-car
    key TEXT,                   -- the picture's object
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    first_try INTEGER,          -- Unix ms
    done_at INTEGER,            -- Unix ms when the state became final
    error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX open_uploads ON uploads (attempts, path) WHERE state = 'pending';
PRAGMA user_version = {SCHEMA_VERSION};
"""
_BUSY_S: Final = 10.0
_GONE_KEPT_MS: Final = 30 * 24 * 3600 * 1000


class UploadState(StrEnum):
    """What became of a picture. All but ``pending`` are final."""

    PENDING = "pending"
    DONE = "done"
    CONFLICT = "conflict"
    DAMAGED = "damaged"
    GONE = "gone"


class SyncState:
    """The open ``sync.db``. Closed by leaving the ``with`` block.

    Every method raises :class:`StateError` if the file or its disk fails.
    """

    def __init__(self, path: Path, database: sqlite3.Connection, lock: int, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._database = database
        self._lock = lock
        self._now_ms = now_ms

    @classmethod
    def open(cls, store: Path, *, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> Self:
        """Open or create the state in the store's folder and lock it against a second sync.

        Raises:
            StateError: another sync runs, a newer version wrote the file, or it cannot be used.
        """
        lock = _lock(store / LOCK)
        path = store / DATABASE
        try:
            with _as_state_error(path):
                return cls(path, _connect(path), lock, now_ms)
        except BaseException:
            os.close(lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        os.close(self._lock)

    def days(self) -> list[str]:
        """Return the days (``YYYY/MM/DD``) of which pictures are known."""
        with _as_state_error(self._path):
            return [day for (day,) in self._database.execute("SELECT DISTINCT substr(path, 1, 10) FROM uploads")]

    def reconcile(self, day: str, pictures: Iterable[str]) -> None:
        """Take in what the spool holds of a day: new pictures become pending, vanished ones gone or forgotten."""
        present = set(pictures)
        with _as_state_error(self._path), self._database:
            rows = self._database.execute(
                "SELECT path, state FROM uploads WHERE path BETWEEN ? AND ?", (f"{day}/", f"{day}/\uffff")
            )
            known: dict[str, str] = dict(rows.fetchall())
            self._database.executemany(
                "INSERT INTO uploads (path, state) VALUES (?, ?)",
                [(path, UploadState.PENDING) for path in sorted(present - known.keys())],
            )
            now = self._now_ms()
            for path in known.keys() - present:
                if known[path] == UploadState.DONE:
                    self._database.execute("DELETE FROM uploads WHERE path = ?", (path,))
                elif known[path] != UploadState.GONE:
                    self._database.execute(
                        "UPDATE uploads SET state = ?, done_at = ? WHERE path = ?", (UploadState.GONE, now, path)
                    )
            self._database.execute(
                "DELETE FROM uploads WHERE state = ? AND done_at < ? AND path BETWEEN ? AND ?",
                (UploadState.GONE, now - _GONE_KEPT_MS, f"{day}/", f"{day}/\uffff"),
            )

    def next_pending(self, after: tuple[int, str] | None) -> tuple[int, str] | None:
        """Return (attempts, path) of the next picture to send: fewest attempts first, then the oldest.

        So one that always fails never stands before the others. ``after`` is the last answer, None at the start.
        """
        attempts, path = after or (-1, "")
        with _as_state_error(self._path):
            found: tuple[int, str] | None = self._database.execute(
                "SELECT attempts, path FROM uploads WHERE state = 'pending' AND (attempts, path) > (?, ?) "
                "ORDER BY attempts, path LIMIT 1",
                (attempts, path),
            ).fetchone()
        return found

    def failed(self, path: str, error: str) -> None:
        """Record an attempt that will be repeated."""
        with _as_state_error(self._path), self._database:
            self._database.execute(
                "UPDATE uploads SET attempts = attempts + 1, first_try = coalesce(first_try, ?), error = ? "
                "WHERE path = ?",
                (self._now_ms(), error, path),
            )

    def finished(self, path: str, state: UploadState, *, sha256: str | None, key: str | None, error: str) -> None:
        """Record what became of a picture, for good; ``error`` is empty where all went well."""
        now = self._now_ms()
        with _as_state_error(self._path), self._database:
            self._database.execute(
                "UPDATE uploads SET state = ?, attempts = attempts + 1, first_try = coalesce(first_try, ?), "
                "done_at = ?, sha256 = ?, key = ?, error = ? WHERE path = ?",
                (state, now, now, sha256, key, error or None, path),
            )

    def counts(self) -> dict[UploadState, int]:
        """Return how many pictures are in each state."""
        with _as_state_error(self._path):
            rows = self._database.execute("SELECT state, count(*) FROM uploads GROUP BY state").fetchall()
        return dict.fromkeys(UploadState, 0) | {UploadState(state): count for state, count in rows}


@contextmanager
def _as_state_error(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(
            f"{path}: {error}; check the disk. If the file is damaged, move it away: every picture is then compared "
            "with its object"
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        version = _checked_version(database, path)
        database.execute("PRAGMA journal_mode = WAL")
        # An upload forgotten in a power cut is found again in the bucket; flushes would compete with the ledger's.
        database.execute("PRAGMA synchronous = NORMAL")
        if version == 0:
            with database:
                database.executescript(f"BEGIN; {_SCHEMA}")
    except BaseException:
        database.close()
        raise
    return database


def _checked_version(database: sqlite3.Connection, path: Path) -> int:
    """Return the file's schema version, 0 for a new file; refuse what a newer software wrote."""
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise StateError(f"{path} has version {version}, this software knows {SCHEMA_VERSION}: update linegate")
    return version


def _lock(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StateError(
            f"{path.parent}: no such folder; create it for the user that runs linegate (the service's is made by "
            "'systemd-tmpfiles --create'), or correct store.path"
        ) from error
    except OSError as error:
        raise StateError(f"cannot create {path}: {error.strerror}; check store.path and its permissions") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StateError(f"another sync runs on {path.parent}: stop it first") from error
    return descriptor
