"""How long each part took and in which stage, as its events say."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.ledger.errors import explain
from edge.ledger.schema import FILE_NAME, connect_reader

_ROWS: Final = """
    SELECT sent.mono_ns - parts.received_mono, decided.body, sent.body
    FROM parts
    JOIN events AS decided ON decided.id = parts.decided_event
    JOIN events AS sent ON sent.id = parts.sent_event
    WHERE parts.overruled_event IS NULL ORDER BY parts.first_event
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTimes:
    """One part that was answered live: receipt to send and the named stages of it, in nanoseconds."""

    total_ns: int
    stages_ns: Mapping[str, int]


def part_times(directory: Path) -> Iterator[PartTimes]:
    """Yield the times of every part that was answered live, in the order of receipt.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    path = directory / FILE_NAME
    with closing(connect_reader(path)) as connection:
        try:
            for total_ns, decided, sent in connection.execute(_ROWS):
                stages = json.loads(decided)["stages_ns"] | json.loads(sent)["stages_ns"]
                yield PartTimes(total_ns=total_ns, stages_ns=stages)
        except sqlite3.Error as error:
            raise explain(error, path) from error
