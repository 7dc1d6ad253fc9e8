"""What becomes of a batch when the storage fails: all of it or nothing, in order, and never twice."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.ledger import Ledger, LedgerBacklogError, LedgerCorruptError, LedgerError, LedgerStorageError
from edge.ledger.export import export
from edge.ledger.schema import connect_writer
from edge.ledger.verify import verify
from tests.support.ledgers import instant, key, pruned, received, start, whole_part
from tests.support.waiting import wait_until


class TroubledConnection(sqlite3.Connection):
    """Does what it is told to before or after a statement that starts with some words."""

    before: dict[str, Callable[[], None]]
    after: dict[str, Callable[[], None]]

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        for words, trouble in list(self.before.items()):
            if sql.startswith(words):
                trouble()
        cursor = super().execute(sql, *values)
        for words, trouble in list(self.after.items()):
            if sql.startswith(words):
                trouble()
        return cursor


def io_error() -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    raise error


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[TroubledConnection]]:
    TroubledConnection.before = {}
    TroubledConnection.after = {}
    connect = sqlite3.connect
    monkeypatch.setattr(
        "edge.ledger.schema.sqlite3.connect",
        lambda *values, **options: connect(*values, factory=TroubledConnection, **options),
    )
    yield TroubledConnection
    TroubledConnection.before = {}
    TroubledConnection.after = {}


def trigs(directory: Path) -> list[int]:
    return [line["trig"] for line in export(directory)]


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO events", "INSERT INTO parts", "COMMIT", "SELECT id, hash"])
def test_a_batch_that_fails_is_tried_again_whole_and_in_order(
    tmp_path: Path, trouble: type[TroubledConnection], statement: str, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = start(tmp_path)
    assert ledger.append(*whole_part(key(1))).wait(10)
    trouble.before[statement] = io_error
    with caplog.at_level(logging.WARNING):
        tickets = [ledger.append(*whole_part(key(trig))) for trig in range(2, 6)]
        wait_until(lambda: ledger.failure is not None)
        assert not ledger.healthy
        assert not any(ticket.committed for ticket in tickets)
        assert isinstance(ledger.failure, LedgerStorageError)
        trouble.before.clear()
        assert all(ticket.wait(10) for ticket in tickets)
        wait_until(lambda: ledger.healthy)
    assert ledger.failure is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    ledger.close("stopped", instant(), {})
    assert trigs(tmp_path) == [1, 2, 3, 4, 5]
    report = verify(tmp_path)
    assert (report.problems, report.anomalies) == ((), 0)


def test_a_commit_that_fails_and_is_on_disk_all_the_same_is_not_repeated(
    tmp_path: Path, trouble: type[TroubledConnection]
) -> None:
    ledger = start(tmp_path)
    trouble.after["COMMIT"] = io_error
    checkpoints = []
    trouble.before["PRAGMA wal_checkpoint"] = lambda: checkpoints.append(1)
    ticket = ledger.append(*whole_part(key(1)))
    assert ticket.wait(10)
    assert checkpoints
    trouble.after.clear()
    assert ledger.append(*whole_part(key(2))).wait(10)
    ledger.close("stopped", instant(), {})
    assert trigs(tmp_path) == [1, 2]
    report = verify(tmp_path)
    assert (report.problems, report.anomalies) == ((), 0)


def test_a_commit_of_unknown_outcome_counts_once_it_is_checkpointed_only(
    tmp_path: Path, trouble: type[TroubledConnection]
) -> None:
    ledger = start(tmp_path)
    trouble.after["COMMIT"] = io_error
    trouble.before["PRAGMA wal_checkpoint"] = io_error
    ticket = ledger.append(*whole_part(key(1)))
    wait_until(lambda: ledger.failure is not None)
    assert not ticket.wait(0.3)
    trouble.after.clear()
    trouble.before.clear()
    assert ticket.wait(10)
    ledger.close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()


def test_a_bug_in_the_writing_of_one_event_costs_that_event(tmp_path: Path, trouble: type[TroubledConnection]) -> None:
    ledger = start(tmp_path)

    def refuse() -> None:
        raise sqlite3.IntegrityError("CHECK constraint failed")

    trouble.before["UPDATE images"] = refuse
    from_spool = ledger.append(*whole_part(key(1)), pruned(), *whole_part(key(2)))
    assert not from_spool.wait(10)
    assert from_spool.refusals == ("IntegrityError: CHECK constraint failed",)
    ledger.close("stopped", instant(), {})
    assert trigs(tmp_path) == [1, 2]
    report = verify(tmp_path)
    assert (report.problems, report.anomalies) == ((), 1)


def test_a_hanging_disk_is_not_healthy_and_does_not_hang_the_caller(
    tmp_path: Path, trouble: type[TroubledConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.ledger.writer.PATIENCE_NS", 1_000_000)
    monkeypatch.setattr("edge.ledger.ledger.CLOSE_S", 0.05)
    monkeypatch.setattr("edge.ledger.writer.ABANDON_S", 0.05)
    ledger = start(tmp_path, backlog_limit=20)
    free = threading.Event()
    trouble.before["COMMIT"] = lambda: free.wait(30) and None
    tickets = [ledger.append(*whole_part(key(trig))) for trig in range(1, 6)]
    wait_until(lambda: not ledger.healthy)
    with pytest.raises(LedgerBacklogError, match="20 events wait"):
        ledger.append(received(key(9)))
    assert ledger.waiting == 20
    ledger.close("stopped", instant(), {})
    with pytest.raises(LedgerError, match="in use"):
        Ledger.open(tmp_path)
    assert not any(ticket.committed for ticket in tickets)
    free.set()
    assert all(ticket.wait(10) for ticket in tickets)
    assert ledger._writer is not None
    ledger._writer._thread.join(10)
    ledger._store.close()
    ledger._lock.release()


def test_a_ledger_taken_away_under_the_station_is_noticed(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    assert ledger.append(*whole_part(key(1))).wait(10)
    (tmp_path / "ledger.db").rename(tmp_path / "elsewhere.db")
    ticket = ledger.append(*whole_part(key(2)))
    wait_until(lambda: ledger.failure is not None)
    assert not ticket.committed
    (tmp_path / "elsewhere.db").rename(tmp_path / "ledger.db")
    assert ticket.wait(10)
    ledger.close("stopped", instant(), {})
    assert trigs(tmp_path) == [1, 2]


def test_another_file_in_its_place_is_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.ledger.CLOSE_S", 0.05)
    ledger = start(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    start(other).close("stopped", instant(), {})
    (other / "ledger.db").replace(tmp_path / "ledger.db")
    ticket = ledger.append(*whole_part(key(2)))
    wait_until(lambda: ledger.failure is not None)
    assert isinstance(ledger.failure, LedgerCorruptError)
    assert "was replaced" in str(ledger.failure)
    ledger.close("stopped", instant(), {})
    assert not ticket.committed
    assert ledger.waiting == 5


def test_a_ledger_that_another_program_wrote_to_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.ledger.CLOSE_S", 0.05)
    ledger = start(tmp_path)
    other = connect_writer(tmp_path / "ledger.db", create=False)
    other.execute("INSERT INTO events SELECT 2, kind, utc_ms, 0, epoch, session, trig, seq, body, hash FROM events")
    other.close()
    ledger.append(*whole_part(key(2)))
    wait_until(lambda: ledger.failure is not None)
    assert "another program" in str(ledger.failure)
    ledger.close("stopped", instant(), {})


def test_a_transaction_held_elsewhere_delays_and_loses_nothing(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    other = connect_writer(tmp_path / "ledger.db", create=False)
    other.execute("BEGIN IMMEDIATE")
    ticket = ledger.append(*whole_part(key(1)))
    wait_until(lambda: ledger.failure is not None)
    assert "locked by another program" in str(ledger.failure)
    other.execute("ROLLBACK")
    other.close()
    assert ticket.wait(10)
    ledger.close("stopped", instant(), {})


def test_a_start_that_fails_leaves_nothing_behind(tmp_path: Path, trouble: type[TroubledConnection]) -> None:
    start(tmp_path).close("stopped", instant(), {})
    ledger = Ledger.open(tmp_path)
    trouble.before["COMMIT"] = io_error
    with pytest.raises(LedgerStorageError, match="disk I/O error"):
        ledger.start_epoch(software="0.1.0", config_hash="c0", at=instant())
    trouble.before.clear()
    assert ledger.start_epoch(software="0.1.0", config_hash="c0", at=instant()).epoch == 2
    ledger.close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()
