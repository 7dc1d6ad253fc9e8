"""Letting go of what an archive holds: a few rows at a time, in transactions so short that no part waits for one.

Events go in the order of their numbers. A part goes with its last event, once it is settled and its result was sent;
the row of one that is open or not sent stays. Pictures go once an archived event says that they were pruned. What
later events need of the parts that have gone is left in ``sessions``; counts and epochs stay for good.
"""

import sqlite3
from typing import Final

STEP: Final = 100
"""Events deleted in one transaction, or rows of the other tables looked at."""
UNSENT_KEPT: Final = 20_000
"""Parts that were not sent stay, up to so many, the newest: far more than a start hands out again."""

_LAST: Final = (
    "max(first_event, coalesce(received_event, 0), coalesce(decided_event, 0), coalesce(overruled_event, 0), "
    "coalesce(sent_event, 0), coalesce(history_event, 0), coalesce(acked_event, 0), coalesce(loss_event, 0))"
)
_SETTLED: Final = "(outcome IS NOT NULL OR received_event IS NULL)"
_DONE: Final = (
    "(decided_event IS NULL OR sent_event IS NOT NULL OR history_event IS NOT NULL OR first_event < :hopeless)"
)
_GOING: Final = f"first_event > :after AND first_event <= :upto AND {_LAST} <= :until AND {_SETTLED} AND {_DONE}"
_LEAVE: Final = f"""
    INSERT INTO sessions (session, received_trig, highest_trig, received_event)
    SELECT session, coalesce(max(trig) FILTER (WHERE received_event IS NOT NULL), -1),
        coalesce(max(trig) FILTER (WHERE received_event IS NOT NULL OR loss_event IS NOT NULL), 0),
        coalesce(max(received_event), 0)
    FROM parts WHERE {_GOING} GROUP BY session
    ON CONFLICT (session) DO UPDATE SET
        received_trig = max(received_trig, excluded.received_trig),
        highest_trig = max(highest_trig, excluded.highest_trig),
        received_event = max(received_event, excluded.received_event)
"""  # noqa: S608  # constants only
_UNSENT: Final = (
    "SELECT first_event FROM parts WHERE decided_event IS NOT NULL AND sent_event IS NULL AND history_event IS NULL "
    "ORDER BY first_event DESC LIMIT 1 OFFSET ?"
)


class Tidying:
    """One pass over everything up to the last archived event; steps are repeated harmlessly after a crash."""

    def __init__(self, until: int) -> None:
        self.until = until
        self._part = 0
        self._picture = 0
        self._hopeless: int | None = None
        self._events_left = True

    def step(self, connection: sqlite3.Connection) -> bool:
        """Let go of a few rows in the caller's transaction; False once there is nothing left to do.

        Raises:
            sqlite3.Error: the storage failed.
        """
        if self._part < self.until:
            self._let_parts_go(connection)
        elif self._picture < self.until:
            self._let_pictures_go(connection)
        elif self._events_left:
            self._let_events_go(connection)
        return self._events_left

    def _let_parts_go(self, connection: sqlite3.Connection) -> None:
        if self._hopeless is None:
            row = connection.execute(_UNSENT, (UNSENT_KEPT,)).fetchone()
            self._hopeless = 0 if row is None else row[0]
        upto = self._reach(connection, "SELECT first_event FROM parts WHERE first_event > ? ORDER BY 1", self._part)
        values = {"after": self._part, "upto": upto, "until": self.until, "hopeless": self._hopeless}
        connection.execute(_LEAVE, values)
        connection.execute(f"DELETE FROM parts WHERE {_GOING}", values)  # noqa: S608  # constants only
        self._part = upto

    def _let_pictures_go(self, connection: sqlite3.Connection) -> None:
        query = "SELECT stored_event FROM images WHERE stored_event > ? ORDER BY 1"
        upto = self._reach(connection, query, self._picture)
        connection.execute(
            "DELETE FROM images WHERE stored_event > ? AND stored_event <= ? AND pruned_event <= ?",
            (self._picture, upto, self.until),
        )
        self._picture = upto

    def _let_events_go(self, connection: sqlite3.Connection) -> None:
        (first,) = connection.execute("SELECT min(id) FROM events").fetchone()
        upto = min(first + STEP - 1, self.until)
        connection.execute("DELETE FROM events WHERE id <= ?", (upto,))
        self._events_left = upto < self.until

    def _reach(self, connection: sqlite3.Connection, query: str, after: int) -> int:
        """Return up to which event a step may look, so that it meets few rows."""
        row = connection.execute(f"{query} LIMIT 1 OFFSET {STEP - 1}", (after,)).fetchone()
        return self.until if row is None else min(row[0], self.until)
