"""Proving that the ledger is whole: the chain, one verdict or loss per part, no gap, every picture in its place."""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

from edge.core.anchors import Anchor
from edge.ledger.archive_file import FOLDER
from edge.ledger.audit import Audit
from edge.ledger.errors import FAILURES, LedgerCorruptError, explain
from edge.ledger.lock import is_held
from edge.ledger.pictures import ImageCheck, check_images
from edge.ledger.report import Findings, VerifyReport
from edge.ledger.schema import FILE_NAME, QUARTER_MS, connect_reader, expected_schema, read_schema
from edge.ledger.source import Source

OPEN_MS: Final = 30_000
"""A running station may owe a part its verdict for as long as this."""
_COUNTED: Final = (
    f"SELECT first_at / {QUARTER_MS}, outcome, coalesce(code, 0), count(*) FROM parts WHERE outcome IS NOT NULL "  # noqa: S608  # a constant
    "GROUP BY 1, 2, 3"
)

_TRIGGER: Final = "trigger "

Progress = Callable[[int, int], None]
"""Told how many events were checked and how many there are."""


def verify(
    directory: Path,
    image_check: ImageCheck | None = None,
    *,
    anchors: Iterable[Anchor] = (),
    archives: Iterable[Path] = (),
    progress: Progress | None = None,
) -> VerifyReport:
    """Check a store's ledger with its archive, and its pictures where ``image_check`` is given.

    Everything is recomputed from the events; the tables made from them are compared with that. Memory does not grow
    with the ledger. ``anchors`` must agree with the chain. Files of the archive that are not in the store's own folder
    are looked for in ``archives``. May run beside a running station: SQLite's own check of the file and the day's
    counts are left out then, and parts that are being judged are no problem.

    Raises:
        LedgerError: there is no ledger, it is newer, or it cannot be opened.
    """
    path = directory / FILE_NAME
    running = is_held(directory)
    findings = Findings()
    images = waiting = 0
    outcomes: dict[str, int] = {}
    known = frozenset(anchors)
    with closing(_connect(path)) as connection, ThreadPoolExecutor(1) as beside:
        file = None if running else beside.submit(_check_file, path)
        source = Source(connection, (directory / FOLDER, *archives))
        audit = Audit(connection, source, findings, _by_event(known))
        try:
            _walk(connection, audit, progress)
            audit.finish()
            waiting = _find_open(connection, findings, running=running)
            outcomes = dict(connection.execute("SELECT outcome, sum(parts) FROM tallies GROUP BY outcome"))
            connection.execute("COMMIT")
            if not running:
                _check_counts(connection, audit, findings)
            _check_anchors(audit, known, findings)
            if image_check is not None:
                images = check_images(connection, findings, image_check, running=running)
            _add_file_problems(file, findings)
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
        archives=audit.archives,
        parts=audit.parts.count,
        epochs=audit.epochs,
        outcomes=outcomes,
        open=waiting,
        anomalies=audit.anomalies,
        images=images,
        running=running,
        head=audit.tail.digest.hex(),
        head_event=audit.tail.identity,
        agreed=frozenset(audit.met),
    )


def _connect(path: Path) -> sqlite3.Connection:
    """Return a reader to which bytes that are no UTF-8 are a difference like any other, not the end of the walk."""
    connection = connect_reader(path)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def _walk(connection: sqlite3.Connection, audit: Audit, progress: Progress | None) -> None:
    """Take all events, the last of them in a transaction that is left open: nothing comes in before all is compared."""
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
    while audit.walk():
        if progress is not None:
            progress(min(audit.tail.identity, last), last)
    connection.execute("BEGIN")
    while audit.walk():
        pass


def _check_file(path: Path) -> list[str]:
    """Return what SQLite finds wrong with the file, and what was done to its tables and triggers."""
    with closing(_connect(path)) as connection:
        problems = [
            f"the file is damaged: {text}"
            for (text,) in connection.execute("PRAGMA integrity_check(20)")
            if text != "ok"
        ]
        found, expected = read_schema(connection), expected_schema()
    for what, names in (
        ("removed", expected.keys() - found.keys()),
        ("changed", {name for name in expected.keys() & found.keys() if found[name] != expected[name]}),
        ("joined by triggers", {name for name in found.keys() - expected.keys() if found[name].startswith(_TRIGGER)}),
    ):
        if names:
            problems.append(f"what keeps events from being changed was {what}: {', '.join(sorted(names))}")
    return problems


def _add_file_problems(file: Future[list[str]] | None, findings: Findings) -> None:
    for problem in () if file is None else file.result():
        findings.add(problem)


def _by_event(anchors: Iterable[Anchor]) -> dict[int, frozenset[Anchor]]:
    found: dict[int, set[Anchor]] = defaultdict(set)
    for anchor in anchors:
        found[anchor.event].add(anchor)
    return {event: frozenset(own) for event, own in found.items()}


def _check_anchors(audit: Audit, anchors: Iterable[Anchor], findings: Findings) -> None:
    beyond = [anchor for anchor in anchors if anchor.event > audit.tail.identity]
    if beyond:
        last = audit.tail.identity
        cut = max(beyond).event - last
        findings.add(
            f"anchor {max(beyond)}: the ledger ends with event {last}; at least {cut} events were cut off its end, or "
            "the anchor is another ledger's"
        )


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


def _check_counts(connection: sqlite3.Connection, audit: Audit, findings: Findings) -> None:
    audit.parts.compare_sessions()
    counted = audit.parts.gone.copy()
    for *place, number in connection.execute(_COUNTED):
        counted[place[0], place[1], place[2]] += number
    kept = {row[:3]: row[3] for row in connection.execute("SELECT * FROM tallies WHERE parts != 0")}
    if audit.whole and counted != kept:
        findings.add("the table of counts differs from the parts")
