"""Events for tests of the ledger and of what reads it."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from edge.core.events import (
    Decided,
    Event,
    Instant,
    Loss,
    Overruled,
    PartKey,
    PlcAcked,
    Pruned,
    Received,
    Sent,
    Stored,
    ViewRecord,
)
from edge.core.types import Act, Box, Decision
from edge.ledger import Ledger
from edge.ledger.archiver import Archiver
from edge.ledger.epochs import UNCLEAN
from edge.ledger.retention import Retention
from edge.ledger.schema import FILE_NAME, MIGRATIONS, connect_reader
from tests.support.waiting import wait_until

START_MS = 1_760_000_000_000
SHA = "ab" * 32


def instant(after_ms: float = 0) -> Instant:
    """Return a moment so many milliseconds after the tests' beginning."""
    return Instant(mono_ns=5_000_000_000 + int(after_ms * 1_000_000), utc_ms=START_MS + int(after_ms))


def key(trig: int = 1, *, session: int = 7, epoch: int = 1, seq: int | None = None) -> PartKey:
    return PartKey(session=session, trig=trig, epoch=epoch, seq=trig if seq is None else seq)


def received(part_key: PartKey, at_ms: float = 0, **changes: Any) -> Received:
    fields: dict[str, Any] = {
        "key": part_key,
        "part": "A/1:2",
        "recipe": 2,
        "deadline_ms": 400,
        "at": instant(at_ms),
        "origin": "plc",
    }
    return Received(**(fields | changes))


def view(camera: str = "top", score: float | None = 0.031) -> ViewRecord:
    box = Box(x=1, y=2, width=3, height=4, category="scratch", category_id=1, score=0.9)
    return ViewRecord(
        camera=camera, code=0, score=score, boxes=(box,), bundle="cd" * 32, captured=instant(30), frame="ef" * 32
    )


def decided(part_key: PartKey, at_ms: float = 60, **changes: Any) -> Decided:
    fields: dict[str, Any] = {
        "key": part_key,
        "part": "A/1:2",
        "recipe": 2,
        "revision": 5,
        "decision": Decision.ACCEPT,
        "code": 0,
        "score": 31,
        "defects": 1,
        "model": "0123abcd",
        "simulated": True,
        "config_hash": "c0" * 32,
        "software": "0.1.0",
        "views": (view(),),
        "at": instant(at_ms),
        "stages_ns": {"capture": 30_000_000, "invoke": 20_000_000},
    }
    return Decided(**(fields | changes))


def overruled(part: PartKey, at_ms: float = 380, code: int = 402) -> Overruled:
    return Overruled(key=part, code=code, at=instant(at_ms))


def sent(part: PartKey, at_ms: float = 65, topic: str = "evt/result") -> Sent:
    return Sent(key=part, topic=topic, age_ms=int(at_ms), at=instant(at_ms))


def plc_acked(part: PartKey, at_ms: float = 90, act: Act = Act.ACCEPTED) -> PlcAcked:
    return PlcAcked(key=part, act=act, at=instant(at_ms))


def loss(trig: int, *, session: int = 7, epoch: int = 1, at_ms: float = 0, **changes: Any) -> Loss:
    fields: dict[str, Any] = {"epoch": epoch, "session": session, "trig": trig, "code": 120, "at": instant(at_ms)}
    return Loss(**(fields | changes))


def stored(part: PartKey, path: str = "2025/10/09/1-1-top.jpg", camera: str = "top", sha256: str = SHA) -> Stored:
    return Stored(key=part, camera=camera, path=path, sha256=sha256, size=1234, at=instant(100))


def pruned(path: str = "2025/10/09/1-1-top.jpg", sha256: str = SHA) -> Pruned:
    return Pruned(path=path, sha256=sha256, reason="space", at=instant(200))


def whole_part(part: PartKey, at_ms: float = 0) -> list[Event]:
    """Return all that happens to a part on a good day."""
    return [
        received(part, at_ms),
        decided(part, at_ms + 60),
        sent(part, at_ms + 65),
        plc_acked(part, at_ms + 90),
    ]


def start(directory: Path, at_ms: float = 0, **options: Any) -> Ledger:
    """Open a ledger and start an epoch."""
    ledger = Ledger.open(directory, **options)
    ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=instant(at_ms))
    return ledger


def write(directory: Path, events: Iterable[Event]) -> None:
    """Write events as one whole epoch."""
    ledger = start(directory)
    ticket = ledger.append(*events)
    assert ticket.wait(10), ticket.refusals
    ledger.close("stopped", instant(1000), {})


def archive(directory: Path, *, keep: int = 0, file_events: int = 1000) -> None:
    """Start a station that archives all but the newest ``keep`` events of now, and lets go of them, and stop it."""
    retention = Retention(days=36_500, events=keep, file_events=file_events, always_kept=0, young_s=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.ledger.archiver.REST_S", 0.0)
        patch.setattr("edge.ledger.writer.PAUSE_S", 0.0005)
        ledger = start(directory)
        archiver = Archiver(ledger, directory, retention)
        archiver.start()
        try:
            for _ in archiver.ask().progress():
                pass
            wait_until(lambda: not ledger._store.untidy, what="the archived rows to go")
        finally:
            archiver.stop()
            ledger.close("stopped", instant(2000), {})


def make_version(directory: Path, version: int) -> None:
    """Write a ledger as the software of an earlier version left it."""
    modern = directory / "modern"
    modern.mkdir()
    write(modern, [*whole_part(key(1)), received(key(2)), stored(key(1))])
    with closing(sqlite3.connect(directory / FILE_NAME, isolation_level=None)) as old:
        for statement in chain.from_iterable(MIGRATIONS[:version]):
            old.execute(statement)
        old.execute(f"PRAGMA user_version = {version}")
        old.execute("ATTACH ? AS modern", (str(modern / FILE_NAME),))
        for table in ("events", "head", "epochs", "parts", "images", "tallies"):
            old.execute(f"INSERT INTO {table} SELECT * FROM modern.{table} ORDER BY 1")


@contextmanager
def tampering(directory: Path) -> Iterator[sqlite3.Connection]:
    """Open the ledger's file as somebody who knows how to get past what protects it."""
    with closing(sqlite3.connect(directory / FILE_NAME, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in triggers:
            connection.execute(sql)


def unclean_epochs(directory: Path) -> set[int]:
    """Return the epochs that ended without a word, one that nobody has closed yet too."""
    query = "SELECT epoch FROM epochs WHERE reason = ? OR reason IS NULL"
    with closing(connect_reader(directory / FILE_NAME)) as connection:
        return {epoch for (epoch,) in connection.execute(query, (UNCLEAN,))}
