import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.core.events import Stored
from edge.spool.errors import SpoolFullError, SpoolWriteError
from edge.spool.keeper import NotStored, PictureStore, SpoolKeeper
from edge.spool.store import StoredFile, StoreRequest
from tests.support.spooling import open_spool, request

LONG_S = 20.0


class GatedStore:
    """Stores nothing, but only after it was let; can be told to fail."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.failures: list[Exception] = []
        self.seen: list[int] = []

    def store(self, request: StoreRequest) -> StoredFile:
        self.entered.release()
        assert self.go_on.acquire(timeout=LONG_S)
        self.seen.append(request.key.seq)
        if self.failures:
            raise self.failures.pop(0)
        return StoredFile(path=f"{request.key.seq}.jpg", sha256="0" * 64, size=1)


class Log:
    def __init__(self) -> None:
        self.stored: list[Stored] = []
        self.lost: list[tuple[int, NotStored]] = []

    def not_stored(self, request: StoreRequest, reason: NotStored) -> None:
        self.lost.append((request.key.seq, reason))


@contextmanager
def keeping(store: PictureStore, log: Log, capacity: int = 2) -> Iterator[SpoolKeeper]:
    keeper = SpoolKeeper(store, on_stored=log.stored.append, on_not_stored=log.not_stored, capacity=capacity)
    try:
        yield keeper
    finally:
        if isinstance(store, GatedStore):
            store.go_on.release(100)
        keeper.close(LONG_S)


def test_pictures_are_stored_in_order_and_reported(tmp_path: Path) -> None:
    log = Log()
    spool = open_spool(tmp_path / "spool")
    with keeping(spool, log, capacity=8) as keeper:
        assert all(keeper.offer(request(seq)) for seq in (1, 2, 3))
        assert keeper.close(LONG_S)
    assert [(event.key.seq, event.camera) for event in log.stored] == [(1, "top"), (2, "top"), (3, "top")]
    for event in log.stored:
        assert (spool.directory / event.path).stat().st_size == event.size
    assert log.lost == []


def test_a_full_queue_drops_the_newest_and_says_so() -> None:
    store, log = GatedStore(), Log()
    with keeping(store, log) as keeper:
        keeper.offer(request(1))
        assert store.entered.acquire(timeout=LONG_S)  # 1 is being written, it waits no more
        assert [keeper.offer(request(seq)) for seq in (2, 3, 4)] == [True, True, False]
        assert log.lost == [(4, NotStored.QUEUE_FULL)]
    assert store.seen == [1, 2, 3]


def test_closing_gives_up_what_does_not_fit_the_time() -> None:
    store, log = GatedStore(), Log()
    with keeping(store, log) as keeper:
        keeper.offer(request(1))
        assert store.entered.acquire(timeout=LONG_S)
        keeper.offer(request(2))
        assert not keeper.close(0.0)
        assert not keeper.offer(request(3))
        assert log.lost == [(2, NotStored.STOPPING), (3, NotStored.STOPPING)]
    assert store.seen == [1]


def test_failures_are_named_logged_once_and_over_when_over(caplog: pytest.LogCaptureFixture) -> None:
    store, log = GatedStore(), Log()
    store.failures = [SpoolFullError("full"), SpoolFullError("full"), SpoolWriteError("read-only"), RuntimeError("odd")]
    with keeping(store, log, capacity=8) as keeper:
        for seq in range(1, 5):
            keeper.offer(request(seq))
        store.go_on.release(4)
        for _ in range(4):
            assert store.entered.acquire(timeout=LONG_S)
        keeper.offer(request(5))
        assert store.entered.acquire(timeout=LONG_S)
        assert not keeper.healthy
        assert keeper.problem == "odd"
        store.go_on.release(1)
        assert keeper.close(LONG_S)
        assert keeper.healthy
    full, failed = NotStored.SPOOL_FULL, NotStored.FAILED
    assert log.lost == [(1, full), (2, full), (3, failed), (4, failed)]
    assert [event.key.seq for event in log.stored] == [5]
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 3


def test_a_callback_that_raises_does_not_end_the_thread(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    stored: list[Stored] = []

    def stumble(event: Stored) -> None:
        if event.key.seq == 1:
            raise RuntimeError("the ledger is closed")
        stored.append(event)

    def stumble_too(request: StoreRequest, reason: NotStored) -> None:
        raise RuntimeError("and so is the alarm")

    keeper = SpoolKeeper(open_spool(tmp_path / "spool"), on_stored=stumble, on_not_stored=stumble_too)
    keeper.offer(request(1))
    keeper.offer(request(2))
    assert keeper.close(LONG_S)
    assert [event.key.seq for event in stored] == [2]
    assert "the ledger is closed" in caplog.text
