"""The ledger's tables, their versions, and connections to them.

``events`` is the record; SQLite itself refuses to change or delete its rows. Every other table is a projection of it,
written in the same transaction, so that a lookup costs the same at ten million events as at ten:

- ``head``: id and hash of the last event, which a removed tail betrays.
- ``epochs``: one row per start of the station.
- ``parts``: one row per (session, trig), by the id of the first event that named it: :class:`edge.ledger.parts.Part`.
- ``images``: one row per stored picture.
- ``tallies``: verdicts and losses by quarter hour of first receipt (every time zone's midnight falls on one).
- ``archives``: one row per file that holds events which this one has let go or is about to. Only what stands there may
  be deleted from ``events``, and with it, from ``parts`` and ``images``, what can no longer change.
- ``sessions``: what is left of a session's parts that have gone: the highest trigger received, the highest accounted
  for, the last receipt.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from edge.ledger.errors import (
    FAILURES,
    LedgerCorruptError,
    LedgerError,
    LedgerMissingError,
    LedgerVersionError,
    explain,
)

FILE_NAME: Final = "ledger.db"
APPLICATION_ID: Final = 0x4C474C31  # "LGL1"
BUSY_S: Final = 0.1
READER_BUSY_S: Final = 2.0
QUARTER_MS: Final = 900_000

_VERSION_1: Final = (
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, utc_ms INTEGER NOT NULL, mono_ns INTEGER NOT NULL,
        epoch INTEGER, session INTEGER, trig INTEGER, seq INTEGER, body TEXT NOT NULL, hash BLOB NOT NULL
    ) STRICT""",
    """CREATE TRIGGER events_never_change BEFORE UPDATE ON events
        BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER events_never_go BEFORE DELETE ON events
        BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER events_in_order BEFORE INSERT ON events
        WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM events)
        BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END""",
    "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
    """CREATE TABLE epochs (
        epoch INTEGER PRIMARY KEY, started_event INTEGER NOT NULL, started_at INTEGER NOT NULL, software TEXT NOT NULL,
        config_hash TEXT NOT NULL, ended_event INTEGER, ended_at INTEGER, reason TEXT
    ) STRICT""",
    """CREATE TABLE parts (
        first_event INTEGER PRIMARY KEY, first_at INTEGER NOT NULL,
        session INTEGER NOT NULL, trig INTEGER NOT NULL, epoch INTEGER, seq INTEGER, part TEXT, recipe INTEGER,
        received_event INTEGER, received_at INTEGER, received_mono INTEGER, deadline_ms INTEGER,
        decided_event INTEGER, overruled_event INTEGER, outcome TEXT, code INTEGER, score INTEGER, defects INTEGER,
        model TEXT, simulated INTEGER, settled_at INTEGER,
        sent_event INTEGER, sent_at INTEGER, in_time INTEGER, history_event INTEGER, age_ms INTEGER,
        acked_event INTEGER, acked_at INTEGER, ack_act INTEGER,
        loss_event INTEGER, loss_epoch INTEGER, trig_first INTEGER,
        UNIQUE (session, trig)
    ) STRICT""",
    "CREATE UNIQUE INDEX parts_by_number ON parts (epoch, seq) WHERE seq IS NOT NULL",
    """CREATE INDEX parts_open ON parts (first_event)
        WHERE outcome IS NULL AND received_event IS NOT NULL""",
    """CREATE INDEX parts_unsent ON parts (first_event)
        WHERE decided_event IS NOT NULL AND sent_event IS NULL AND history_event IS NULL""",
    """CREATE TABLE images (
        stored_event INTEGER PRIMARY KEY, first_event INTEGER NOT NULL, camera TEXT NOT NULL, path TEXT NOT NULL,
        sha256 TEXT NOT NULL, size INTEGER NOT NULL, pruned_event INTEGER
    ) STRICT""",
    "CREATE INDEX images_by_part ON images (first_event)",
    "CREATE INDEX images_by_path ON images (path) WHERE pruned_event IS NULL",
    """CREATE TABLE tallies (
        quarter INTEGER NOT NULL, outcome TEXT NOT NULL, code INTEGER NOT NULL, parts INTEGER NOT NULL,
        PRIMARY KEY (quarter, outcome, code)
    ) STRICT, WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

# Also a new version because of new kinds of event, which older software would take for damage.
_VERSION_2: Final = ("CREATE INDEX events_unearned ON events (utc_ms) WHERE kind = 'unearned_accept'",)

_VERSION_3: Final = (
    """CREATE TABLE archives (
        last_event INTEGER PRIMARY KEY, first_event INTEGER NOT NULL UNIQUE, recorded_event INTEGER NOT NULL UNIQUE,
        previous BLOB NOT NULL, hash BLOB NOT NULL, file TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL,
        size INTEGER NOT NULL
    ) STRICT""",
    """CREATE TRIGGER archives_never_change BEFORE UPDATE ON archives
        BEGIN SELECT raise(ABORT, 'the list of archives is append-only'); END""",
    """CREATE TRIGGER archives_never_go BEFORE DELETE ON archives
        BEGIN SELECT raise(ABORT, 'the list of archives is append-only'); END""",
    """CREATE TRIGGER archives_in_order BEFORE INSERT ON archives
        WHEN NEW.first_event IS NOT (SELECT coalesce(max(last_event), 0) + 1 FROM archives)
            OR NEW.hash IS NOT (SELECT hash FROM events WHERE id = NEW.last_event AND id >= NEW.first_event)
        BEGIN SELECT raise(ABORT, 'an archive goes on where the last one ended, and ends with an event'); END""",
    """CREATE TABLE sessions (
        session INTEGER PRIMARY KEY, received_trig INTEGER NOT NULL, highest_trig INTEGER NOT NULL,
        received_event INTEGER NOT NULL
    ) STRICT""",
    "DROP TRIGGER events_never_go",
    """CREATE TRIGGER events_never_go BEFORE DELETE ON events
        WHEN OLD.id > (SELECT coalesce(max(last_event), 0) FROM archives)
        BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END""",
)

# What a bundle on trial said, and what was found of parts later: read anew at every start while a trial goes on.
_VERSION_4: Final = (
    "CREATE INDEX events_compared ON events (id) WHERE kind IN ('compared', 'truth')",
    "CREATE INDEX events_moved ON events (id) WHERE kind = 'model_moved'",
)

MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
"""The statements that lead from version N to N + 1, each step in one transaction. Never edited, only added to."""

VERSION: Final = len(MIGRATIONS)


def connect_writer(path: Path, *, create: bool) -> sqlite3.Connection:
    """Return a connection that commits durably: WAL, ``synchronous=FULL``, no automatic checkpoints.

    Transactions are begun and ended by the caller. With ``create`` a missing file is made and an old one migrated.

    Raises:
        LedgerError: the file is missing, newer, damaged, not a ledger, or may not be written.
    """
    mode = "rwc" if create else "rw"
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
        )
        version = _check(connection, path)
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        if create:
            _migrate(connection, version)
    except FAILURES as error:
        _close(connection)
        raise explain(error, path) from error
    except LedgerError:
        _close(connection)
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a read-only connection; each statement is a transaction of its own.

    Raises:
        LedgerError: there is no ledger, it is newer or older than this software, damaged or unreadable.
    """
    try:
        if not path.exists():
            raise LedgerMissingError(f"{path}: there is no ledger here; check the store's path (--store, or [store])")
        return _open_reader(path, "mode=ro")
    except FAILURES as error:
        # On a read-only medium no shared-memory file can be made; without a WAL the file alone is the whole truth.
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if primary != sqlite3.SQLITE_CANTOPEN or path.with_name(path.name + "-wal").exists():
            raise explain(error, path) from error
    try:
        return _open_reader(path, "mode=ro&immutable=1")
    except FAILURES as error:
        raise explain(error, path) from error


def _open_reader(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=READER_BUSY_S, isolation_level=None)
    try:
        version = _check(connection, path)
        if version < VERSION:
            raise LedgerVersionError(
                f"{path}: written by older software (version {version} of {VERSION}); start linegate inspect once"
            )
    except (*FAILURES, LedgerError):
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the file's schema, 0 for an empty file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application != APPLICATION_ID:
        raise LedgerCorruptError(f"{path}: a database, but not a ledger; move it away or name another store")
    if version > VERSION:
        raise LedgerVersionError(
            f"{path}: version {version}, this software knows {VERSION}; install the newer linegate that wrote it"
        )
    return int(version)


def expected_schema() -> dict[str, str]:
    """Return every table, index and trigger of a ledger of this version by its name: what it is, of which, its SQL."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        _migrate(connection, 0)
        return read_schema(connection)


def read_schema(connection: sqlite3.Connection) -> dict[str, str]:
    """Return what :func:`expected_schema` does, of an open ledger.

    Raises:
        sqlite3.Error: the storage failed.
    """
    return dict(
        connection.execute("SELECT name, type || ' of ' || tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema")
    )


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    for number in range(version, VERSION):
        connection.execute("BEGIN IMMEDIATE")
        for statement in MIGRATIONS[number]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()
