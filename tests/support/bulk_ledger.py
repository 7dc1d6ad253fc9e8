"""Ledgers of any size in minutes: what the station would have written, without a flush for every part."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from edge.core.events import BrokerAcked, EpochEnded, EpochStarted, Event
from edge.ledger import Ledger
from edge.ledger.codec import Row, chain, encode
from edge.ledger.parts import Part, fold
from edge.ledger.record import PART_COLUMNS, Tail, bucket, read_tail, record, write_tail
from edge.ledger.schema import FILE_NAME
from tests.support.ledgers import START_MS, decided, instant, key, plc_acked, received, sent, view

EVENTS_A_PART: Final = 5
PERIOD_MS: Final = 200
PARTS_A_SESSION: Final = 10_000
PATTERNS: Final = 100
PAGE: Final = 4_000
EPOCH: Final = 1


class Pattern(NamedTuple):
    """The rows of one part's events, and what they make of it, before its own numbers and times are put in."""

    rows: list[Row]
    part: Part


def fill(directory: Path, events: int) -> int:
    """Write a ledger of about so many events as one epoch that ended in order; return how many parts it has.

    Every part was accepted, sent and acknowledged, has two views, and came 200 ms after the one before.
    """
    Ledger.open(directory).close("made", instant(), {})
    parts = max(0, events - 2) // EVENTS_A_PART
    with closing(sqlite3.connect(directory / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF").fetchall()
        connection.execute("BEGIN")
        start = EpochStarted(epoch=EPOCH, software="0.1.0", config_hash="c0" * 32, clean=None, at=instant())
        tail, _ = record(connection, read_tail(connection), start, EPOCH)
        tail = _write_parts(connection, tail, parts)
        end = EpochEnded(epoch=EPOCH, reason="stopped", at=instant(parts * PERIOD_MS))
        tail, _ = record(connection, tail, end, EPOCH)
        write_tail(connection, tail)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    return parts


def _write_parts(connection: sqlite3.Connection, tail: Tail, count: int) -> Tail:
    patterns = list(_patterns())
    counts: Counter[tuple[int, str, int]] = Counter()
    insert_events = f"INSERT INTO events VALUES ({', '.join('?' * 10)})"
    insert_parts = f"INSERT INTO parts ({PART_COLUMNS}) VALUES ({', '.join('?' * len(Part._fields))})"
    for begin in range(0, count, PAGE):
        events: list[tuple[object, ...]] = []
        parts: list[Part] = []
        for number in range(begin, min(begin + PAGE, count)):
            tail, part = _write_part(events, tail, patterns[number % PATTERNS], number)
            place = bucket(part)
            assert place is not None
            counts[place] += 1
            parts.append(part)
        connection.executemany(insert_events, events)
        connection.executemany(insert_parts, parts)
    connection.executemany("INSERT INTO tallies VALUES (?, ?, ?, ?)", [(*place, n) for place, n in counts.items()])
    return tail


def _write_part(events: list[tuple[object, ...]], tail: Tail, pattern: Pattern, number: int) -> tuple[Tail, Part]:
    identity, digest = tail
    first, after_ms = identity + 1, number * PERIOD_MS
    session, trig = 1 + 7 * (number // PARTS_A_SESSION), 1 + number % PARTS_A_SESSION
    for row in pattern.rows:
        identity += 1
        own = row._replace(
            utc_ms=row.utc_ms + after_ms,
            mono_ns=row.mono_ns + after_ms * 1_000_000,
            session=session,
            trig=trig,
            seq=number + 1,
        )
        digest = chain(digest, identity, own)
        events.append((identity, *own, digest))
    part = pattern.part
    shifted = {
        name: getattr(part, name) + after_ms
        for name in ("first_at", "received_at", "settled_at", "sent_at", "acked_at")
    }
    named = {
        name: getattr(part, name) + first - 1
        for name in ("first_event", "received_event", "decided_event", "sent_event", "acked_event")
    }
    received_mono = (part.received_mono or 0) + after_ms * 1_000_000
    own_part = part._replace(
        session=session, trig=trig, seq=number + 1, received_mono=received_mono, **shifted, **named
    )
    return Tail(identity, digest), own_part


def _patterns() -> Iterator[Pattern]:
    part_key = key(1, session=1, epoch=EPOCH, seq=1)
    for number in range(PATTERNS):
        views = (view("top", number / 500), view("side", number / 900))
        events: list[Event] = [
            received(part_key, part=f"A-{number:06}"),
            decided(part_key, part=f"A-{number:06}", views=views, score=number),
            sent(part_key),
            BrokerAcked(key=part_key, reason=0, at=instant(70)),
            plc_acked(part_key),
        ]
        part = None
        for identity, event in enumerate(events, 1):
            if not isinstance(event, BrokerAcked):
                part = fold(part, identity, event)  # type: ignore[arg-type]  # the others are events of a part
        assert part is not None
        assert part.first_at == START_MS
        yield Pattern([encode(event) for event in events], part)
