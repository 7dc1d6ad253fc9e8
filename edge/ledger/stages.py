"""How long each part took and in which stage, as its events say."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.ledger.errors import LedgerCorruptError, explain
from edge.ledger.schema import FILE_NAME, connect_reader

_ROWS: Final = """
    SELECT parts.session, parts.trig, parts.received_at, sent.mono_ns - parts.received_mono, decided.body, sent.body,
        CASE WHEN overruled_event IS NULL THEN NULL ELSE parts.code END
    FROM (
        SELECT * FROM parts WHERE sent_event IS NOT NULL AND decided_event IS NOT NULL
        ORDER BY first_event DESC LIMIT ?
    ) AS parts
    JOIN events AS decided ON decided.id = parts.decided_event
    JOIN events AS sent ON sent.id = parts.sent_event
    ORDER BY parts.first_event
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTimes:
    """One part that was answered live: when, receipt to send and the named stages of it, in nanoseconds.

    ``overruled`` is the code of the verdict that stood in the end where it was not the one that was judged, else None:
    such a part was answered while its stages still ran, and they do not add up to ``total_ns``.
    """

    session: int
    trig: int
    received_utc_ms: int
    total_ns: int
    stages_ns: Mapping[str, int]
    overruled: int | None


def part_times(directory: Path, *, newest: int) -> Iterator[PartTimes]:
    """Yield the times of the newest parts that were answered live, so many at most, in the order of receipt.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    path = directory / FILE_NAME
    with closing(connect_reader(path)) as connection:
        try:
            rows = connection.execute(_ROWS, (newest,)).fetchall()
        except sqlite3.Error as error:
            raise explain(error, path) from error
    for session, trig, received_utc_ms, total_ns, decided, sent, overruled in rows:
        try:
            stages = json.loads(decided)["stages_ns"] | json.loads(sent)["stages_ns"]
        except (ValueError, TypeError, LookupError) as error:
            raise LedgerCorruptError(
                f"{path}: an event's body is damaged ({error}); run linegate ledger verify to see where"
            ) from error
        yield PartTimes(
            session=session,
            trig=trig,
            received_utc_ms=received_utc_ms,
            total_ns=total_ns,
            stages_ns=stages,
            overruled=overruled,
        )
