"""Whatever the order of events: one line per part, and a chain that betrays every change."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.core.anchors import Anchor
from edge.core.events import Event
from edge.core.types import Act, Decision
from edge.ledger import Ledger, LedgerError, archived_parts
from edge.ledger.codec import GENESIS, Row, chain
from edge.ledger.export import export
from edge.ledger.schema import FILE_NAME
from edge.ledger.verify import verify
from tests.support.ledgers import (
    archive,
    decided,
    instant,
    key,
    loss,
    overruled,
    plc_acked,
    pruned,
    received,
    sent,
    start,
    stored,
    tampering,
)

STORIES = {
    "accepted": ["received", "decided", "sent", "acked", "stored", "pruned"],
    "rejected": ["received", "rejected", "sent", "acked"],
    "overruled": ["received", "decided", "overruled", "sent"],
    "overruled late": ["received", "decided", "sent", "overruled"],
    "guarded": ["received", "guarded", "sent"],
    "late": ["received", "decided", "history"],
    "dying": ["received"],
    "lost": ["loss", "loss"],
    "timed out": ["timed out", "loss", "timed out"],
    "run": ["run"],
}


def event_of(name: str, seq: int, epoch: int) -> Event:
    trig = seq * 10
    part = key(trig, epoch=epoch, seq=seq)
    path = f"{epoch}-{seq}.jpg"
    events: dict[str, Event] = {
        "received": received(part),
        "decided": decided(part),
        "rejected": decided(part, decision=Decision.REJECT, code=1001),
        "guarded": decided(part, decision=Decision.CANNOT_JUDGE, code=102, score=65535, defects=0, views=()),
        "overruled": overruled(part),
        "sent": sent(part),
        "history": sent(part, 900, "hist/result"),
        "acked": plc_acked(part),
        "timed out": plc_acked(key(trig, epoch=0, seq=0), act=Act.TIMED_OUT),
        "stored": stored(part, path=path),
        "pruned": pruned(path),
        "loss": loss(trig, epoch=epoch, seq=seq),
        "run": loss(trig, epoch=epoch, seq=seq, trig_first=trig - 5),
    }
    return events[name]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_interleaving_gives_one_line_a_part_and_verifies(data: st.DataObject) -> None:
    starts = data.draw(st.integers(1, 3), "starts")
    expected = []
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        seen = 0
        for _ in range(starts):
            ledger = start(directory)
            epoch = ledger.epoch
            names = data.draw(st.lists(st.sampled_from(sorted(STORIES)), max_size=8), "stories")
            # Numbers go up within an epoch; triggers over all epochs, as in one session.
            todo = {seq: list(STORIES[name]) for seq, name in enumerate(names, 1)}
            written: list[Event] = []
            while todo:
                seq = data.draw(st.sampled_from(sorted(todo)))
                event = event_of(todo[seq].pop(0), seq, epoch)
                event = _in_session(event, epoch)
                written.append(event)
                ledger.append(*([event] * data.draw(st.sampled_from([1, 1, 1, 2]))))
                if not todo[seq]:
                    del todo[seq]
            if written:
                ledger.append(data.draw(st.sampled_from(written), "repeated")).wait(10)
            expected += [(epoch, seq * 10) for seq in range(1, len(names) + 1)]
            if data.draw(st.booleans(), "clean"):
                ledger.close("stopped", instant(), {})
            else:
                _die(ledger)
            seen += len(names)
            if data.draw(st.booleans(), "archived"):
                archive(directory, keep=data.draw(st.integers(0, 30)), file_events=data.draw(st.integers(4, 25)))
        start(directory).close("stopped", instant(), {})
        report = verify(directory)
        assert report.problems == ()
        lines = list(export(directory))
        assert sorted((line["sess"], line["trig"]) for line in lines) == sorted(expected)
        assert all(line["verdict"] for line in lines)
        assert report.parts == seen
        archive(directory, keep=data.draw(st.integers(0, 30)), file_events=data.draw(st.integers(4, 25)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(archived_parts, "WINDOW", data.draw(st.integers(1, 30), "window"))
            assert list(export(directory)) == lines
        assert verify(directory).problems == ()


def _in_session(event: Event, session: int) -> Event:
    if hasattr(event, "key"):
        return replace(event, key=replace(event.key, session=session))
    if hasattr(event, "session"):
        return replace(event, session=session)
    return event


def _die(ledger: Ledger) -> None:
    writer = ledger._writer
    assert writer is not None
    assert writer.stop(0)
    ledger._store.close()
    ledger._lock.release()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sample")
    ledger = start(directory)
    for seq, name in enumerate(sorted(set(STORIES) - {"dying"}), 1):
        ledger.append(*(event_of(step, seq, 1) for step in STORIES[name]))
    ledger.close("stopped", instant(), {})
    assert verify(directory).problems == ()
    return directory


def rows_of(directory: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        return connection.execute("SELECT * FROM events").fetchall()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_change_of_one_byte_in_one_event_is_found(sample: Path, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        shutil.copy(sample / FILE_NAME, folder)
        directory = Path(folder)
        rows = rows_of(directory)
        row = data.draw(st.sampled_from(rows), "row")
        column, name = data.draw(
            st.sampled_from(
                list(enumerate(["id", "kind", "utc_ms", "mono_ns", "epoch", "session", "trig", "seq", "body", "hash"]))
            ),
            "column",
        )
        with tampering(directory) as connection:
            value = _changed(data, row[column])
            connection.execute(f"UPDATE OR IGNORE events SET {name} = ? WHERE id = ?", (value, row[0]))
        if rows_of(directory) != rows:
            assert not verify(directory).ok


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_removed_added_or_moved_event_is_found(sample: Path, data: st.DataObject) -> None:
    rows = rows_of(sample)
    places = st.integers(0, len(rows) - 1)
    one, other = data.draw(st.tuples(places, places).filter(lambda pair: pair[0] != pair[1]), "places")
    contents = [row[1:] for row in rows]
    match data.draw(st.sampled_from(["remove", "close up", "insert", "swap", "cut", "move"]), "what"):
        case "remove":
            changed = [row for place, row in enumerate(rows) if place != one]
        case "close up":
            changed = _numbered([row for place, row in enumerate(contents) if place != one])
        case "insert":
            changed = _numbered([*contents[:one], contents[other], *contents[one:]])
        case "swap":
            contents[one], contents[other] = contents[other], contents[one]
            changed = _numbered(contents)
        case "cut":
            changed = rows[: max(one, 1)]
        case _:
            contents.insert(other, contents.pop(one))
            changed = _numbered(contents)
    with TemporaryDirectory() as folder:
        directory = Path(shutil.copytree(sample, folder, dirs_exist_ok=True))
        replace_events(directory, changed)
        assert not verify(directory).ok


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_forger_who_makes_all_hashes_right_is_found_by_any_anchor_from_the_change_on(
    sample: Path, data: st.DataObject
) -> None:
    rows = rows_of(sample)
    place = data.draw(st.integers(0, len(rows) - 1), "place")
    column = data.draw(st.integers(1, 8), "column")
    value = _changed(data, rows[place][column])
    forged, digest = [], GENESIS
    for row in rows:
        fields = [*row[1:9]]
        if row is rows[place]:
            fields[column - 1] = value
        digest = chain(digest, int(str(row[0])), Row(*fields))  # type: ignore[arg-type]
        forged.append((row[0], *fields, digest))
    anchored = rows[data.draw(st.integers(place, len(rows) - 1), "anchor")]
    anchor = Anchor(event=int(str(anchored[0])), digest=bytes(anchored[9]).hex())  # type: ignore[arg-type]
    assert verify(sample, anchors=[anchor]).anchored == anchor
    with TemporaryDirectory() as folder:
        directory = Path(shutil.copytree(sample, folder, dirs_exist_ok=True))
        replace_events(directory, forged, head=True)
        if rows_of(directory) != rows:
            report = verify(directory, anchors=[anchor])
            assert any(problem.startswith(f"anchor {anchor}") for problem in report.problems)


def _numbered(contents: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [(number, *content) for number, content in enumerate(contents, 1)]


def replace_events(directory: Path, rows: list[tuple[object, ...]], *, head: bool = False) -> None:
    with tampering(directory) as connection:
        connection.execute("DELETE FROM events")
        marks = ", ".join("?" * 10)
        connection.executemany(f"INSERT OR IGNORE INTO events VALUES ({marks})", rows)
        if head:
            connection.execute("UPDATE head SET id = ?, hash = ?", (rows[-1][0], rows[-1][9]))


def _changed(data: st.DataObject, value: object) -> object:
    if isinstance(value, int):
        return value ^ (1 << data.draw(st.integers(0, 31), "bit"))
    if isinstance(value, bytes):
        place = data.draw(st.integers(0, len(value) - 1), "place")
        return value[:place] + bytes([value[place] ^ (1 << data.draw(st.integers(0, 7), "bit"))]) + value[place + 1 :]
    if isinstance(value, str):
        place = data.draw(st.integers(0, len(value) - 1), "place")
        other = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != value[place]), "letter")
        return value[:place] + other + value[place + 1 :]
    return data.draw(st.integers(0, 9), "number")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_in_the_file_is_found_or_changes_nothing(sample: Path, data: st.DataObject) -> None:
    lines = list(export(sample))
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        content = bytearray((sample / FILE_NAME).read_bytes())
        place = data.draw(st.integers(0, len(content) - 1), "place")
        content[place] ^= 1 << data.draw(st.integers(0, 7), "bit")
        (directory / FILE_NAME).write_bytes(content)
        try:
            sound = verify(directory).ok
        except LedgerError:
            return
        if sound:
            assert list(export(directory)) == lines
            assert rows_of(directory) == rows_of(sample)
