"""What the events say of stored pictures, against the table of pictures.

Memory grows with the pictures that are in the spool at one time, not with those that ever were.
"""

import sqlite3
from collections import defaultdict
from typing import Final

from edge.core.events import Pruned, Stored
from edge.ledger.archives import archived_until
from edge.ledger.parts import ConflictError
from edge.ledger.report import Findings

_ROW: Final = (
    "SELECT images.camera, path, sha256, size, pruned_event, session, trig FROM images "
    "LEFT JOIN parts ON parts.first_event = images.first_event WHERE stored_event = ?"
)


class PicturesAudit:
    """Takes ``stored`` and ``pruned`` as they come; what is wrong at the end goes to ``findings``."""

    def __init__(self, connection: sqlite3.Connection, findings: Findings) -> None:
        self.whole = True
        self._connection = connection
        self._findings = findings
        self._archived_at_first = archived_until(connection)
        self._present: dict[str, list[int]] = defaultdict(list)
        self._rows = 0
        self._pruned = 0

    def stored(self, identity: int, event: Stored) -> None:
        """Take a picture.

        Raises:
            ConflictError: the table says otherwise of it.
        """
        row = self._connection.execute(_ROW, (identity,)).fetchone()
        self._present[event.path].append(identity)
        if row is None:
            return  # a row may go once an archived event says that the picture was pruned: see pruned and finish
        self._rows += 1
        camera, path, sha256, size, _, session, trig = row
        found, said = (camera, path, sha256, size), (event.camera, event.path, event.sha256, event.size)
        if found != said or (session is not None and (session, trig) != (event.key.session, event.key.trig)):
            raise ConflictError("the table of pictures differs from it")

    def pruned(self, identity: int, event: Pruned) -> None:
        """Take word that a picture was deleted.

        Raises:
            ConflictError: the table says otherwise of it.
        """
        for stored_event in self._present.pop(event.path, ()):
            row = self._connection.execute(_ROW, (stored_event,)).fetchone()
            if row is None and identity > archived_until(self._connection) and self.whole:
                raise ConflictError(f"the table of pictures has no row of {event.path}")
            if row is not None and row[4] != identity:
                raise ConflictError(f"the table of pictures does not say that {event.path} was pruned")
            self._pruned += row is not None

    def finish(self) -> None:
        """Compare what is left with the table, once all events were taken.

        Raises:
            sqlite3.Error: the storage failed.
        """
        if not self.whole or archived_until(self._connection) != self._archived_at_first:
            return
        rows, pruned = self._connection.execute("SELECT count(*), count(pruned_event) FROM images").fetchone()
        present = sum(map(len, self._present.values()))
        if rows != self._rows:
            self._findings.add(f"the table of pictures has {rows} rows, the events name {self._rows}")
        elif rows - pruned != present:
            self._name_wrongly_pruned()

    def _name_wrongly_pruned(self) -> None:
        for path, events in self._present.items():
            for stored_event in events:
                row = self._connection.execute(_ROW, (stored_event,)).fetchone()
                if row is not None and row[4] is not None:
                    self._findings.add(f"{path}: event {row[4]} does not say that it was pruned")
