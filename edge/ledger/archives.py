"""The table of archives: which events are in which file, and what goes on after the last of them."""

import sqlite3
from typing import Final

from edge.core.events import Archived, Instant
from edge.ledger.archive_file import ArchiveFile
from edge.ledger.codec import GENESIS
from edge.ledger.parts import ConflictError

_COLUMNS: Final = "first_event, last_event, previous, hash, file, sha256, size"


def archived_until(connection: sqlite3.Connection) -> int:
    """Return the id of the last event that an archive holds, 0 where there is none.

    Raises:
        sqlite3.Error: the storage failed.
    """
    (last,) = connection.execute("SELECT max(last_event) FROM archives").fetchone()
    return last or 0


def list_archives(connection: sqlite3.Connection, after: int = 0) -> list[ArchiveFile]:
    """Return the archives that hold an event above ``after``, oldest first.

    Raises:
        sqlite3.Error: the storage failed.
    """
    query = f"SELECT {_COLUMNS} FROM archives WHERE last_event > ? ORDER BY last_event"  # noqa: S608  # constants
    return [ArchiveFile(*row) for row in connection.execute(query, (after,))]


def list_recorded(connection: sqlite3.Connection) -> list[tuple[ArchiveFile, int]]:
    """Return every archive, oldest first, with the id of the event that put it on record.

    Raises:
        sqlite3.Error: the storage failed.
    """
    query = f"SELECT {_COLUMNS}, recorded_event FROM archives ORDER BY last_event"  # noqa: S608  # constants
    return [(ArchiveFile(*fields), recorded) for *fields, recorded in connection.execute(query)]


def next_archive(connection: sqlite3.Connection, identity: int) -> ArchiveFile | None:
    """Return the archive that holds an event or, where none does, the next one; None where there is neither.

    Raises:
        sqlite3.Error: the storage failed.
    """
    query = f"SELECT {_COLUMNS} FROM archives WHERE last_event >= ? ORDER BY last_event LIMIT 1"  # noqa: S608
    row = connection.execute(query, (identity,)).fetchone()
    return None if row is None else ArchiveFile(*row)


def chain_end(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Return id and hash of the last archived event, 0 and the chain's first hash where there is none.

    Raises:
        sqlite3.Error: the storage failed.
    """
    row = connection.execute("SELECT last_event, hash FROM archives ORDER BY last_event DESC LIMIT 1").fetchone()
    return (0, GENESIS) if row is None else row


def event_of(archive: ArchiveFile, at: Instant) -> Archived:
    """Return the event that puts an archive on record."""
    return Archived(
        first=archive.first,
        last=archive.last,
        previous=archive.previous.hex(),
        digest=archive.digest.hex(),
        file=archive.name,
        sha256=archive.sha256,
        size=archive.size,
        at=at,
    )


def archive_of(event: Archived) -> ArchiveFile:
    """Return the archive that an event puts on record.

    Raises:
        ValueError: a hash of it is not hexadecimal.
    """
    previous, digest = bytes.fromhex(event.previous), bytes.fromhex(event.digest)
    return ArchiveFile(event.first, event.last, previous, digest, event.file, event.sha256, event.size)


def check_archived(connection: sqlite3.Connection, event: Archived) -> None:
    """Refuse an archive that does not go on where the last one ended, or does not end with an event of this ledger.

    Raises:
        ConflictError: it does not.
        sqlite3.Error: the storage failed.
    """
    last, digest = chain_end(connection)
    if event.first != last + 1 or event.previous != digest.hex():
        raise ConflictError(f"an archive from event {event.first} on, while those before end with event {last}")
    row = connection.execute("SELECT lower(hex(hash)) FROM events WHERE id = ?", (event.last,)).fetchone()
    if event.last < event.first or row != (event.digest,):
        raise ConflictError(f"event {event.last} of this ledger is not the one that the archive ends with")


def put_on_record(connection: sqlite3.Connection, identity: int, event: Archived) -> None:
    """Write the projection of an event that was checked.

    Raises:
        sqlite3.Error: the storage failed.
    """
    connection.execute(
        f"INSERT INTO archives ({_COLUMNS}, recorded_event) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (*archive_of(event), identity),
    )


def archived_trig(connection: sqlite3.Connection, session: int) -> int:
    """Return a session's highest trigger number whose part was received, archived and has left the table, -1 if none.

    Raises:
        sqlite3.Error: the storage failed.
    """
    row = connection.execute("SELECT received_trig FROM sessions WHERE session = ?", (session,)).fetchone()
    return -1 if row is None else row[0]
