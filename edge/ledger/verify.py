"""Proving that the ledger is whole: the chain, one verdict or loss per part, no gap, every picture in its place."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from edge.ledger.audit import Audit
from edge.ledger.errors import FAILURES, LedgerCorruptError, explain
from edge.ledger.lock import is_held
from edge.ledger.pictures import ImageCheck, check_images
from edge.ledger.report import Findings, VerifyReport
from edge.ledger.schema import FILE_NAME, QUARTER_MS, connect_reader

PAGE: Final = 1000
OPEN_MS: Final = 30_000
"""A running station may owe a part its verdict for as long as this."""
_TRIGGERS: Final = frozenset({"events_in_order", "events_never_change", "events_never_go"})
_COUNTED: Final = (
    f"SELECT first_at / {QUARTER_MS}, outcome, coalesce(code, 0), count(*) FROM parts WHERE outcome IS NOT NULL "  # noqa: S608  # a constant
    "GROUP BY 1, 2, 3"
)


def verify(directory: Path, image_check: ImageCheck | None = None) -> VerifyReport:
    """Check a store's ledger, and its pictures where ``image_check`` is given; may run beside a running station.

    Everything is recomputed from the events; the tables made from them are compared with that. Memory does not grow
    with the ledger. Beside a running station, SQLite's own check of the file and the day's counts are left out, and
    parts that are being judged are no problem.

    Raises:
        LedgerError: there is no ledger, it is newer, or it cannot be opened.
    """
    path = directory / FILE_NAME
    running = is_held(directory)
    findings = Findings()
    images = waiting = 0
    outcomes: dict[str, int] = {}
    with closing(connect_reader(path)) as connection:
        audit = Audit(connection, findings)
        try:
            if not running:
                _check_file(connection, findings)
            while audit.walk():
                pass
            connection.execute("BEGIN")
            while audit.walk():
                pass
            audit.finish()
            waiting = _find_open(connection, findings, running=running)
            outcomes = dict(connection.execute("SELECT outcome, sum(parts) FROM tallies GROUP BY outcome"))
            connection.execute("COMMIT")
            if not running:
                _check_tallies(connection, findings)
            _check_numbers(connection, audit, findings)
            if image_check is not None:
                images = check_images(connection, findings, image_check, running=running)
        except sqlite3.OperationalError as error:
            raise explain(error, path) from error
        except FAILURES as error:
            findings.add(str(explain(error, path)))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            findings.add(str(LedgerCorruptError(f"{path}: a row is damaged beyond reading ({error})")))
    return VerifyReport(
        problems=tuple(findings.listed),
        problem_count=findings.count,
        events=audit.events,
        parts=audit.parts,
        epochs=audit.epochs,
        outcomes=outcomes,
        open=waiting,
        anomalies=audit.anomalies,
        images=images,
        running=running,
        head=audit.tail.digest.hex(),
    )


def _check_file(connection: sqlite3.Connection, findings: Findings) -> None:
    for (text,) in connection.execute("PRAGMA integrity_check(20)"):
        if text != "ok":
            findings.add(f"the file is damaged: {text}")
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")}
    missing = sorted(_TRIGGERS - found)
    if missing:
        findings.add(f"what keeps events from being changed was removed: {', '.join(missing)}")


def _find_open(connection: sqlite3.Connection, findings: Findings, *, running: bool) -> int:
    """Return how many parts are being judged; those that never will be are problems."""
    oldest = time.time_ns() // 1_000_000 - OPEN_MS
    waiting = 0
    rows = connection.execute(
        "SELECT session, trig, received_at FROM parts "
        "WHERE outcome IS NULL AND received_event IS NOT NULL ORDER BY first_event"
    )
    for session, trig, received_at in rows:
        if running and received_at >= oldest:
            waiting += 1
        else:
            cure = "" if running else "; the next start of linegate inspect records a loss"
            findings.add(f"sess {session} trig {trig}: received, but neither verdict nor loss is on record{cure}")
    return waiting


def _check_tallies(connection: sqlite3.Connection, findings: Findings) -> None:
    counted = {row[:3]: row[3] for row in connection.execute(_COUNTED)}
    kept = {row[:3]: row[3] for row in connection.execute("SELECT * FROM tallies WHERE parts != 0")}
    if counted != kept:
        findings.add("the table of counts differs from the parts")


def _check_numbers(connection: sqlite3.Connection, audit: Audit, findings: Findings) -> None:
    """Find numbers between 1 and an epoch's highest that no receipt, loss or anomaly holds."""
    last = (0, 0)
    query = "SELECT epoch, seq FROM parts WHERE seq IS NOT NULL AND (epoch, seq) > (?, ?) ORDER BY epoch, seq LIMIT ?"
    while rows := connection.execute(query, (*last, PAGE)).fetchall():
        for epoch, seq in rows:
            first = last[1] + 1 if epoch == last[0] else 1
            told = (
                0 if seq == first else sum(first <= number < seq for place, number in audit.explained if place == epoch)
            )
            if seq - first > told:
                findings.add(f"epoch {epoch}: {seq - first - told} of seq {first} to {seq - 1} have no event")
            last = (epoch, seq)
