"""The ledger's file with other processes around it: readers, a second inspector, other versions, damage."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from edge.ledger import Ledger, LedgerCorruptError, LedgerVersionError, StoreLockedError, schema
from edge.ledger.archiver import Archiver
from edge.ledger.export import export
from edge.ledger.lock import holder, is_held
from edge.ledger.reader import counts, last_parts
from edge.ledger.retention import Retention
from edge.ledger.verify import verify
from tests.support.ledgers import instant, key, start, stored, whole_part, write
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[3]


def test_readers_beside_the_writer_see_whole_parts_in_order(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    assert ledger.append(*whole_part(key(1))).wait(10)
    writing = threading.Event()
    writing.set()

    def work() -> None:
        trig = 1
        while writing.is_set():
            trig += 1
            ledger.append(*whole_part(key(trig))).wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(15):
            lines = list(export(tmp_path))
            assert [line["trig"] for line in lines] == list(range(1, len(lines) + 1))
            assert {line["verdict"] for line in lines} == {"accept"}
            report = verify(tmp_path)
            assert (report.problems, report.running) == ((), True)
            assert counts(tmp_path, 0)["accept"] >= len(lines)
            assert last_parts(tmp_path, 1)[0]["trig"] >= len(lines)
    finally:
        writing.clear()
        thread.join()
        ledger.close("stopped", instant(), {})


def test_readers_see_every_part_once_while_events_move_to_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.ledger.archiver.REST_S", 0.0)
    monkeypatch.setattr("edge.ledger.writer.PAUSE_S", 0.0005)
    ledger = start(tmp_path)
    archiver = Archiver(ledger, tmp_path, Retention(days=36_500, events=20, file_events=30, always_kept=0, young_s=0))
    archiver.start()
    assert ledger.append(*whole_part(key(1))).wait(10)
    going = threading.Event()
    going.set()

    def work() -> None:
        trig = 1
        while going.is_set():
            trig += 1
            ledger.append(*whole_part(key(trig)), stored(key(trig), f"{trig}.jpg")).wait(10)
            if trig % 10 == 0:
                list(archiver.ask().progress())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        archives = 0
        while archives < 12:
            lines = list(export(tmp_path))
            assert [line["trig"] for line in lines] == list(range(1, len(lines) + 1))
            assert {(line["verdict"], line["ack_act"]) for line in lines} == {("accept", 1)}
            assert {len(line["views"]) for line in lines} == {1}
            report = verify(tmp_path)
            assert (report.problems, report.running) == ((), True)
            archives = report.archives
            assert counts(tmp_path, 0)["accept"] >= len(lines)
    finally:
        going.clear()
        thread.join()
        archiver.stop()
        ledger.close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()


def test_the_write_ahead_log_stays_bounded_while_events_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.checkpoint.WORTH_EVENTS", 1_000_000)
    monkeypatch.setattr("edge.ledger.checkpoint.LIMIT_EVENTS", 100)
    ledger = start(tmp_path)
    for trig in range(1, 400):
        assert ledger.append(*whole_part(key(trig))).wait(10)
    assert (tmp_path / "ledger.db-wal").stat().st_size < 3_000_000
    ledger.close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()


def test_a_pause_is_used_to_move_the_write_ahead_log(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    size = (tmp_path / "ledger.db").stat().st_size
    ticket = ledger.append(*(event for trig in range(1, 100) for event in whole_part(key(trig))))
    assert ticket.wait(10)
    wait_until(lambda: (tmp_path / "ledger.db").stat().st_size > size)
    ledger.close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()


def test_a_reader_in_the_way_only_puts_the_checkpoint_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.checkpoint.LIMIT_EVENTS", 20)
    ledger = start(tmp_path)
    with closing(schema.connect_reader(tmp_path / "ledger.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        for trig in range(1, 30):
            assert ledger.append(*whole_part(key(trig))).wait(10)
        assert ledger.healthy
    ledger.close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()


def test_a_second_inspector_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.ledger_process", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            assert is_held(tmp_path)
            with pytest.raises(StoreLockedError, match=f"in use by process {process.pid}") as caught:
                Ledger.open(tmp_path)
            assert caught.value.pid == process.pid == holder(tmp_path)
        finally:
            process.kill()
            process.communicate()
    assert not is_held(tmp_path)
    start(tmp_path).close("stopped", instant(), {})


def test_a_look_at_the_lock_does_not_keep_a_station_from_starting(tmp_path: Path) -> None:
    start(tmp_path).close("stopped", instant(), {})
    looking = threading.Event()
    looking.set()

    def look() -> None:
        while looking.is_set():
            is_held(tmp_path)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(5):
            start(tmp_path).close("stopped", instant(), {})
    finally:
        looking.clear()
        thread.join()


def test_a_ledger_of_newer_software_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, whole_part(key(1)))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = (tmp_path / "ledger.db").read_bytes()
    for use in (Ledger.open, verify, lambda path: list(export(path)), lambda path: counts(path, 0)):
        with pytest.raises(LedgerVersionError, match="version 99"):
            use(tmp_path)
    assert (tmp_path / "ledger.db").read_bytes() == before


def test_an_older_ledger_is_migrated_by_the_writer_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, whole_part(key(1)))
    step = ("ALTER TABLE parts ADD COLUMN shift TEXT",)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with pytest.raises(LedgerVersionError, match="older software"):
        verify(tmp_path)
    start(tmp_path).close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        assert connection.execute("SELECT shift FROM parts").fetchall() == [(None,)]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, whole_part(key(1)))
    step = ("ALTER TABLE parts ADD COLUMN shift TEXT", "nonsense")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
        patch.setattr(schema, "VERSION", schema.VERSION + 1)
        with pytest.raises(Exception, match="nonsense"):
            Ledger.open(tmp_path)
    start(tmp_path).close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"SQLite format 3\0" + b"\xff" * 4000], ids=["empty", "text", "torn"]
)
def test_what_is_no_ledger_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.db").write_bytes(content)
    if content:
        with pytest.raises(LedgerCorruptError, match=r"ledger\.db"):
            Ledger.open(tmp_path)
        with pytest.raises(LedgerCorruptError):
            verify(tmp_path)
    else:
        with pytest.raises(LedgerVersionError):
            verify(tmp_path)
        start(tmp_path).close("stopped", instant(), {})


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("CREATE TABLE groceries (name)")
    with pytest.raises(LedgerCorruptError, match="not a ledger"):
        Ledger.open(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("groceries",)]


def test_a_page_of_noise_is_reported_not_raised(tmp_path: Path) -> None:
    write(tmp_path, [event for trig in range(1, 200) for event in whole_part(key(trig))])
    file = tmp_path / "ledger.db"
    content = bytearray(file.read_bytes())
    place = content.rindex(b'"part":"A/1:2"') // 4096 * 4096
    content[place : place + 4096] = b"\xa5" * 4096
    file.write_bytes(content)
    report = verify(tmp_path)
    assert not report.ok
    assert any("damaged" in problem for problem in report.problems)
