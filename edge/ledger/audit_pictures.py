"""What the events say of stored pictures, against the table of pictures.

Memory grows with the pictures that are in the spool at one time, not with those that ever were.
"""

import sqlite3
from collections import defaultdict
from typing import Final

from edge.core.events import Pruned, Stored
from edge.ledger.archives import archived_until
from edge.ledger.audit_parts import PartsAudit
from edge.ledger.parts import ConflictError
from edge.ledger.report import Findings

_ROW: Final = "SELECT camera, path, sha256, size, first_event, pruned_event FROM images WHERE stored_event = ?"
_PRUNED: Final = "SELECT pruned_event FROM images WHERE stored_event = ?"
_COUNT: Final = "SELECT count(*), count(*) FILTER (WHERE pruned_event <= ?) FROM images"


class PicturesAudit:
    """Takes ``stored`` and ``pruned`` as they come; what is wrong at the end goes to ``findings``.

    ``parts`` must have taken all events before: the row of a picture names the event that its part begins with.
    """

    def __init__(self, connection: sqlite3.Connection, parts: PartsAudit, findings: Findings) -> None:
        self.whole = True
        self._connection = connection
        self._parts = parts
        self._findings = findings
        self._archived_at_first = archived_until(connection)
        self._present: dict[str, list[int]] = defaultdict(list)
        self._staying = 0
        self._leaving = 0

    def stored(self, identity: int, event: Stored) -> None:
        """Take a picture.

        Raises:
            ConflictError: the table says otherwise of it.
        """
        row = self._connection.execute(_ROW, (identity,)).fetchone()
        self._present[event.path].append(identity)
        if row is None:
            return  # a row may go once an archived event says that the picture was pruned: see pruned and finish
        *found, first_event, pruned_event = row
        if pruned_event is not None and pruned_event <= self._archived_at_first:
            self._leaving += 1
        else:
            self._staying += 1
        said = [event.camera, event.path, event.sha256, event.size]
        if found != said or not self._begins(identity, event, first_event):
            raise ConflictError("the table of pictures differs from it")

    def pruned(self, identity: int, event: Pruned) -> None:
        """Take word that a picture was deleted.

        Raises:
            ConflictError: the table says otherwise of it.
        """
        for stored_event in self._present.pop(event.path, ()):
            row = self._connection.execute(_PRUNED, (stored_event,)).fetchone()
            if row is None and identity > archived_until(self._connection) and self.whole:
                raise ConflictError(f"the table of pictures has no row of {event.path}")
            if row is not None and row[0] != identity:
                raise ConflictError(f"the table of pictures does not say that {event.path} was pruned")

    def finish(self) -> None:
        """Compare what is left with the table, once all events were taken.

        Raises:
            sqlite3.Error: the storage failed.
        """
        if not self.whole:
            return
        for path, events in self._present.items():
            for stored_event in events:
                row = self._connection.execute(_PRUNED, (stored_event,)).fetchone()
                if row is None:
                    self._findings.add(f"event {stored_event} (stored): the table of pictures has no row of {path}")
                elif row[0] is not None:
                    self._findings.add(f"{path}: event {row[0]} does not say that it was pruned")
        archived = archived_until(self._connection)
        if archived != self._archived_at_first:
            return  # else rows are leaving the table this very moment that were counted as staying
        rows, leaving = self._connection.execute(_COUNT, (archived,)).fetchone()
        if rows - leaving != self._staying or leaving > self._leaving:
            named = self._staying + self._leaving
            self._findings.add(f"the table of pictures has {rows} rows, the events name {named}")

    def _begins(self, identity: int, event: Stored, first_event: int) -> bool:
        """Say whether the picture's part may begin with this event."""
        known = self._parts.first_events((event.key.session, event.key.trig), identity)
        if known and self.whole:
            return first_event in known
        return first_event < identity and first_event <= archived_until(self._connection)
