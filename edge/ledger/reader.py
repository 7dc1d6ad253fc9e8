"""What is going on now: the counts of a day and the last parts, at a cost that does not grow with the ledger."""

import json
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from edge.core.anchors import Anchor
from edge.core.types import Decision
from edge.ledger.archives import archived_until
from edge.ledger.errors import FAILURES, LedgerCorruptError, explain
from edge.ledger.export import LAST_PARTS, read_page
from edge.ledger.lock import is_held
from edge.ledger.parts import LOSS
from edge.ledger.schema import FILE_NAME, QUARTER_MS, connect_reader

_UNEARNED: Final = "SELECT {} FROM events WHERE kind = 'unearned_accept' AND utc_ms >= ?"
OUTCOMES: Final = (*(decision.label for decision in Decision), LOSS)


def counts(directory: Path, since_utc_ms: int) -> dict[str, Any]:
    """Count the parts that were first received, or found lost, since a moment.

    Returns:
        ``since`` (the moment, rounded down to a quarter hour, Unix ms); ``accept``, ``reject``, ``cannot_judge`` and
        ``loss`` (a run of lost triggers counts once); ``codes``: a count per reason code, as text; ``open``: parts
        without a verdict now; ``running``: whether an inspector holds the store; ``epoch``: of the last start its
        ``epoch``, ``started_at``, ``software``, ``config_hash``, ``ended_at`` and ``reason`` (both None while it runs,
        or if it died), None where there was none; ``unearned``: parts that the PLC says it accepted without an accept
        on record; ``head``: ``id`` and ``hash`` of the last event, an anchor, None where there is none; ``archived``:
        the last event that is in the archive, 0 where none is.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    path = directory / FILE_NAME
    first = since_utc_ms // QUARTER_MS
    outcomes: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    with closing(connect_reader(path)) as connection:
        try:
            rows = connection.execute(
                "SELECT outcome, code, sum(parts) FROM tallies WHERE quarter >= ? GROUP BY outcome, code", (first,)
            ).fetchall()
            (waiting,) = connection.execute(
                "SELECT count(*) FROM parts WHERE outcome IS NULL AND received_event IS NOT NULL"
            ).fetchone()
            last = connection.execute(
                "SELECT epoch, started_at, software, config_hash, ended_at, reason FROM epochs "
                "ORDER BY epoch DESC LIMIT 1"
            ).fetchone()
            (unearned,) = connection.execute(_UNEARNED.format("count(*)"), (first * QUARTER_MS,)).fetchone()
            head = connection.execute("SELECT id, lower(hex(hash)) FROM head").fetchone()
            archived = archived_until(connection)
            for outcome, code, parts in rows:
                outcomes[outcome] += parts
                codes[str(code)] += parts
        except FAILURES as error:
            raise explain(error, path) from error
        except TypeError as error:
            raise LedgerCorruptError(f"{path}: damaged ({error}); run linegate ledger verify to see where") from error
    names = ("epoch", "started_at", "software", "config_hash", "ended_at", "reason")
    return {
        "since": first * QUARTER_MS,
        **{outcome: outcomes[outcome] for outcome in OUTCOMES},
        "codes": {code: number for code, number in codes.most_common() if number},
        "open": waiting,
        "running": is_held(directory),
        "epoch": None if last is None else dict(zip(names, last, strict=True)),
        "unearned": unearned,
        "head": None if head is None else Anchor(event=head[0], digest=head[1]).fields(),
        "archived": archived,
    }


def last_unearned(directory: Path, since_utc_ms: int) -> tuple[int, str] | None:
    """Return when the PLC last said that it accepted a part without an accept on record, and a sentence about it.

    Returns:
        Unix milliseconds and the sentence, None where there was none since that moment.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    path = directory / FILE_NAME
    query = _UNEARNED.format("utc_ms, session, trig, body") + " ORDER BY utc_ms DESC LIMIT 1"
    with closing(connect_reader(path)) as connection:
        try:
            row = connection.execute(query, (since_utc_ms,)).fetchone()
            if row is None:
                return None
            at, session, trig, body = row
            return at, unearned_sentence(session, trig, json.loads(body)["reason"])
        except FAILURES as error:
            raise explain(error, path) from error
        except (ValueError, TypeError, LookupError) as error:
            raise LedgerCorruptError(f"{path}: damaged ({error}); run linegate ledger verify to see where") from error


def unearned_sentence(session: int, trig: int, reason: str) -> str:
    """Return what an unearned accept is told as."""
    return f"the PLC accepted the part of sess {session} trig {trig}, but {reason}: find the part, stop the line"


def last_parts(directory: Path, count: int) -> list[dict[str, Any]]:
    """Return the last ``count`` parts, newest first, as :func:`edge.ledger.export.export` gives them.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    path = directory / FILE_NAME
    with closing(connect_reader(path)) as connection:
        return [fields for _, fields in read_page(connection, path, LAST_PARTS, (count,))]
