"""Checking that every stored picture is in its place, or that an event says it was pruned."""

import sqlite3
import time
from collections.abc import Callable
from typing import Final

from edge.ledger.report import MAX_LISTED, Findings

ImageCheck = Callable[[str, str], str | None]
"""Given a path below the spool and a SHA-256, what is wrong with that picture; None if nothing is."""

PAGE: Final = 1000
PRUNING_S: Final = 1.0
"""A picture may be gone for this long before the running station's record says that it was pruned."""

_NEXT: Final = (
    "SELECT stored_event, path, sha256 FROM images WHERE pruned_event IS NULL AND stored_event > ? "
    "ORDER BY stored_event LIMIT ?"
)


def check_images(connection: sqlite3.Connection, findings: Findings, check: ImageCheck, *, running: bool) -> int:
    """Return how many pictures are in their place with their hash; note those that are not and were not pruned.

    Raises:
        sqlite3.Error: the ledger cannot be read.
    """
    found = after = 0
    wrong: list[tuple[int, str]] = []
    while rows := connection.execute(_NEXT, (after, PAGE)).fetchall():
        for stored_event, path, sha256 in rows:
            if (problem := check(path, sha256)) is None:
                found += 1
            elif len(wrong) < MAX_LISTED:
                wrong.append((stored_event, problem))
            else:
                findings.add(problem)
        after = rows[-1][0]
    if wrong and running:
        time.sleep(PRUNING_S)
    for stored_event, problem in wrong:
        if not (running and _pruned_since(connection, stored_event)):
            findings.add(f"event {stored_event}: {problem}")
    return found


def _pruned_since(connection: sqlite3.Connection, stored_event: int) -> bool:
    query = "SELECT pruned_event IS NOT NULL FROM images WHERE stored_event = ?"
    row = connection.execute(query, (stored_event,)).fetchone()
    return row is None or bool(row[0])  # the rows of pruned pictures go once an archive has said so
