"""Rows of the ledger's own file that stand where the chain is read from an archive.

What an archive holds goes from the ledger oldest first, a little at a time: what is left of it are the same rows, and
behind the first of them, all that follow. Any other row there is somebody's own: who asks the ledger itself would
believe it.
"""

import sqlite3
from typing import Final

from edge.ledger.archive_file import ArchiveFile, EventRow
from edge.ledger.report import Findings

_LEFT: Final = (
    "SELECT id, kind, utc_ms, mono_ns, epoch, session, trig, seq, body, hash FROM events "
    "WHERE id BETWEEN ? AND ? ORDER BY id"
)
_LOWEST: Final = "SELECT min(id) FROM events WHERE id >= 1"
_UNNUMBERED: Final = "SELECT id, kind FROM events WHERE id < 1 ORDER BY id LIMIT 1000"


class LeftoversAudit:
    """Compares what is left with the archive's rows as they go by; what is wrong goes to ``findings``."""

    def __init__(self, connection: sqlite3.Connection, findings: Findings) -> None:
        self._connection = connection
        self._findings = findings
        self._told: set[int] = set()

    def compare(self, archive: ArchiveFile, rows: list[EventRow]) -> None:
        """Take rows of an archive that follow each other.

        Raises:
            sqlite3.Error: the storage failed.
        """
        left = self._connection.execute(_LEFT, (rows[0][0], rows[-1][0])).fetchall()
        held = {row[0]: row for row in rows}
        for row in left:
            if held.get(row[0]) != row:
                self._tell(row[0], f"event {row[0]}: the ledger's own row differs from that in {archive.name}")
        if len(left) < len(rows):
            for row in left[: -_common_end(left, rows) or None]:
                self._tell_stray(row[0], archive)
            # Asked after the rows were read: what was let go of in between is above them.
            (lowest,) = self._connection.execute(_LOWEST).fetchone()
            if lowest is not None and lowest < rows[0][0]:
                self._tell_stray(lowest, archive)

    def finish(self) -> None:
        """Look for rows before the chain's first.

        Raises:
            sqlite3.Error: the storage failed.
        """
        for identity, kind in self._connection.execute(_UNNUMBERED):
            self._findings.add(f"event {identity} ({kind}): events are numbered from 1; no station wrote it")

    def _tell_stray(self, identity: int, archive: ArchiveFile) -> None:
        self._tell(identity, f"event {identity}: stands in the ledger, where what follows has gone to {archive.name}")

    def _tell(self, identity: int, problem: str) -> None:
        if identity not in self._told:
            self._told.add(identity)
            self._findings.add(problem)


def _common_end(left: list[EventRow], rows: list[EventRow]) -> int:
    """Return how many rows at the end have the same ids."""
    count = 0
    for one, other in zip(reversed(left), reversed(rows), strict=False):
        if one[0] != other[0]:
            break
        count += 1
    return count
