"""The one family of errors that leaves the ledger; every text says what failed, where, and what to do about it."""

import sqlite3
from pathlib import Path
from typing import Final

_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
FAILURES: Final = (sqlite3.Error, OSError, UnicodeError)
"""What SQLite raises about a file; its message itself may be unreadable where it quotes a damaged one."""

_UNREADABLE: Final = "Could not decode to UTF-8"  # how Python words it; SQLite has no code for it
_PRIMARY: Final = 0xFF  # an extended SQLite result code holds the primary one in its low byte


class LedgerError(Exception):
    """The ledger cannot do what was asked."""


class StoreLockedError(LedgerError):
    """Another process holds the store; ``pid`` is its process id, None where it could not be read."""

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


class LedgerMissingError(LedgerError):
    """There is no ledger at this place."""


class LedgerVersionError(LedgerError):
    """The ledger was written by newer software."""


class LedgerCorruptError(LedgerError):
    """The file is not a ledger, is damaged, or is not the one that this process opened."""


class LedgerFullError(LedgerError):
    """No space is left for the ledger."""


class LedgerReadOnlyError(LedgerError):
    """The ledger, its directory or its file system may not be written."""


class LedgerStorageError(LedgerError):
    """Any other failure of the storage below the ledger."""


class LedgerBacklogError(LedgerError):
    """Too many events wait for a store that does not take them; the events offered were not queued."""


class ArchiveError(LedgerError):
    """A file of the archive is missing, is not what the ledger says, or cannot be read or written."""


class LedgerClosedError(LedgerError):
    """The ledger is not open for events: no epoch was started, or it was closed."""


def explain(error: Exception, path: Path) -> LedgerError:
    """Return the ledger's error for one of :data:`FAILURES` about the file at ``path``."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & _PRIMARY
    unreadable = code is None and _UNREADABLE in str(error)
    if unreadable or primary in _CORRUPT or isinstance(error, UnicodeError):
        what, cure = "damaged, or not a ledger", "keep a copy, then move ledger.db* away and restart"
        if unreadable:
            what, cure = "a row is damaged", "run linegate ledger verify to see which"
        return LedgerCorruptError(f"{path}: {what} ({error}); {cure}")
    if primary == sqlite3.SQLITE_FULL:
        return LedgerFullError(f"{path}: no space left ({error}); free space on that file system")
    if primary == sqlite3.SQLITE_READONLY:
        return LedgerReadOnlyError(f"{path}: may not be written ({error}); check the mount and the owner")
    if primary == sqlite3.SQLITE_CANTOPEN or isinstance(error, PermissionError):
        return LedgerStorageError(f"{path}: cannot be opened ({error}); check that it exists, its owner and mode")
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LedgerStorageError(f"{path}: locked by another program ({error}); end whatever writes to it")
    return LedgerStorageError(f"{path}: {error}; check the disk and the kernel's log")
