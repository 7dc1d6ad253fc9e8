"""The write-ahead log is moved beside the line; the writer moves the little that came in meanwhile, and no more."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.ledger import checkpoint
from edge.ledger.checkpoint import Checkpointer
from edge.ledger.schema import connect_reader
from edge.ledger.store import Store
from tests.support.ledgers import instant, loss, start
from tests.support.waiting import wait_until

PAGE_BYTES = 4096


class Log:
    """Answers a checkpoint as SQLite does: busy, frames in the log, frames moved; and says how large a page is."""

    def __init__(self, *answers: tuple[int, ...]) -> None:
        self.answers = list(answers)

    def execute(self, sql: str) -> "Log":
        return Log((PAGE_BYTES,)) if sql == "PRAGMA page_size" else self

    def fetchone(self) -> tuple[int, ...]:
        return self.answers.pop(0)


@pytest.fixture
def checkpointer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkpointer]:
    start(tmp_path).close("stopped", instant(), {})
    found = Checkpointer(tmp_path / "ledger.db")
    monkeypatch.setattr(found, "ask", lambda: None)
    yield found
    monkeypatch.undo()
    found.stop()


def moved(checkpointer: Checkpointer, *answer: int, on_the_writer: bool = False) -> None:
    log = Log(answer or (0, 5, 5))
    checkpointer.run(log, on_the_writer=on_the_writer)  # type: ignore[arg-type]


def test_the_writer_waits_for_the_thread_beside_it(checkpointer: Checkpointer) -> None:
    checkpointer.note(checkpoint.LIMIT_EVENTS)
    assert not checkpointer.due_on_the_writer
    log = Log((0, 5, 5))
    checkpointer.run(_while_noting(log, checkpointer, 100))
    assert checkpointer.due_on_the_writer
    moved(checkpointer, on_the_writer=True)
    assert not checkpointer.due_on_the_writer
    assert not checkpointer.worthwhile


@pytest.mark.parametrize(("room", "early"), [(checkpoint.ROOM_BYTES - 1, True), (checkpoint.ROOM_BYTES, False)])
def test_where_the_disk_has_little_room_the_log_is_moved_early(
    checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch, *, room: int, early: bool
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(checkpoint, "_room", lambda _folder: room)
    monkeypatch.setattr(checkpointer, "ask", lambda: asked.append(1))
    checkpointer.note(checkpoint.EARLY_EVENTS - 1)
    assert not asked
    checkpointer.note(1)
    assert bool(asked) is early


def test_a_disk_that_says_nothing_of_its_room_has_little(tmp_path: Path) -> None:
    assert checkpoint._room(tmp_path / "gone") == 0
    assert checkpoint._room(tmp_path) > 0


def _while_noting(log: Log, checkpointer: Checkpointer, events: int) -> sqlite3.Connection:
    """Return a log into which events come while it is moved."""
    fetch = log.fetchone

    def fetchone() -> tuple[int, ...]:
        checkpointer.note(events)
        return fetch()

    log.fetchone = fetchone  # type: ignore[method-assign]
    return log  # type: ignore[return-value]


def test_what_came_in_meanwhile_goes_to_the_thread_again_where_it_is_much(checkpointer: Checkpointer) -> None:
    checkpointer.note(checkpoint.LIMIT_EVENTS)
    checkpointer.run(_while_noting(Log((0, 5, 5)), checkpointer, checkpoint.LEFT_EVENTS + 1))
    assert not checkpointer.due_on_the_writer


def test_a_pause_without_new_events_begins_the_log_anew(checkpointer: Checkpointer) -> None:
    checkpointer.note(checkpoint.LIMIT_EVENTS)
    moved(checkpointer)
    assert not checkpointer.due_on_the_writer
    checkpointer.note(checkpoint.LIMIT_EVENTS - 1)
    moved(checkpointer)
    assert not checkpointer.due_on_the_writer


@pytest.mark.parametrize("answer", [(1, 5, 5), (0, 5, 3), (0, -1, -1)], ids=["busy", "a reader", "no log"])
def test_a_checkpoint_that_is_not_whole_counts_for_nothing(
    checkpointer: Checkpointer, answer: tuple[int, int, int]
) -> None:
    checkpointer.note(checkpoint.WORTH_EVENTS)
    moved(checkpointer, *answer)
    assert checkpointer.worthwhile is (answer != (0, -1, -1))


def test_however_long_the_log_the_writer_never_moves_it_whole(checkpointer: Checkpointer) -> None:
    checkpointer.note(100 * checkpoint.LIMIT_EVENTS)
    moved(checkpointer, 0, 900, 20)
    assert not checkpointer.due_on_the_writer


def test_what_a_reader_held_back_is_moved_beside_the_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "LIMIT_EVENTS", 40)
    monkeypatch.setattr(checkpoint, "LEFT_EVENTS", 5)
    monkeypatch.setattr(checkpoint, "STALL_EVENTS", 60, raising=False)
    on_the_writer: list[int] = []
    beside: list[int] = []
    run = Checkpointer.run

    def noting(self: Checkpointer, connection: sqlite3.Connection, **how: bool) -> None:
        (on_the_writer if how else beside).append(self._events)
        run(self, connection, **how)

    monkeypatch.setattr(Checkpointer, "run", noting)
    ledger = start(tmp_path)
    with closing(connect_reader(tmp_path / "ledger.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        for trig in range(1, 101):
            assert ledger.append(loss(trig)).wait(10)
        wait_until(lambda: ledger.held_log_bytes > 0, what="a checkpoint that the reader held up")
        assert on_the_writer == []

    def moved_whole() -> bool:
        trig = trigs.pop(0)
        assert ledger.append(loss(trig)).wait(10)
        return ledger.held_log_bytes == 0

    trigs = list(range(101, 2000))
    wait_until(moved_whole, what="the whole log in the file")
    assert max(on_the_writer, default=0) <= 5
    assert max(beside) >= 100
    ledger.close("stopped", instant(), {})


def test_a_checkpoint_of_the_writer_s_that_hangs_is_a_commit_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()
    monkeypatch.setattr(Checkpointer, "due_on_the_writer", True)
    monkeypatch.setattr(Store, "checkpoint", lambda _store, _run: going_on.wait(30))
    ledger = start(tmp_path)
    assert ledger.append(loss(1)).wait(10)
    wait_until(lambda: ledger.commit_age_ns > 0, timeout=5, what="the checkpoint to count")
    going_on.set()
    wait_until(lambda: ledger.commit_age_ns == 0, what="the end of the checkpoint")
    ledger.close("stopped", instant(), {})


def test_what_a_reader_keeps_in_the_log_is_known_until_it_has_been_moved(checkpointer: Checkpointer) -> None:
    moved(checkpointer, 0, 500, 20)
    assert checkpointer.left_bytes == 480 * PAGE_BYTES
    moved(checkpointer, 1, 500, 20)
    assert checkpointer.left_bytes == 480 * PAGE_BYTES
    moved(checkpointer, 0, 500, 500)
    assert checkpointer.left_bytes == 0
