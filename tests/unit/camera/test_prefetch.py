import threading
import time

import pytest

from camera.prefetch import Prefetch, PrefetchClosedError

SECOND = 1_000_000_000


def soon() -> int:
    return time.monotonic_ns() + 30 * SECOND


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_items_come_in_order(workers: int) -> None:
    prefetch = Prefetch(lambda index: index * index, name="test", depth=4, workers=workers)
    try:
        assert [prefetch.take(soon()) for _ in range(50)] == [index * index for index in range(50)]
        assert prefetch.next_index == 50
    finally:
        prefetch.close()


def test_it_starts_where_it_is_told() -> None:
    prefetch = Prefetch(lambda index: index, name="test", first=7)
    try:
        assert [prefetch.take(soon()) for _ in range(2)] == [7, 8]
    finally:
        prefetch.close()


def test_an_exception_is_delivered_at_its_turn() -> None:
    def produce(index: int) -> int:
        if index == 1:
            raise LookupError("one")
        return index

    prefetch = Prefetch(produce, name="test")
    try:
        assert prefetch.take(soon()) == 0
        with pytest.raises(LookupError, match="one"):
            prefetch.take(soon())
        assert prefetch.take(soon()) == 2
    finally:
        prefetch.close()


def test_no_more_than_depth_is_made_ahead() -> None:
    made: list[int] = []
    third = threading.Event()

    def produce(index: int) -> int:
        made.append(index)
        if len(made) == 3:
            third.set()
        return index

    prefetch = Prefetch(produce, name="test", depth=2, workers=2)
    try:
        assert prefetch.take(soon()) == 0
        assert third.wait(30)
        assert sorted(made) == [0, 1, 2]
    finally:
        prefetch.close()
    assert sorted(made) == [0, 1, 2]


def test_a_take_that_times_out_uses_no_turn() -> None:
    go_on = threading.Event()

    def produce(index: int) -> int:
        assert go_on.wait(30)
        return index

    prefetch = Prefetch(produce, name="test")
    try:
        with pytest.raises(TimeoutError):
            prefetch.take(time.monotonic_ns())
        go_on.set()
        assert prefetch.take(soon()) == 0
    finally:
        go_on.set()
        prefetch.close()


def test_closing_ends_the_threads_and_a_waiting_take() -> None:
    producing, go_on = threading.Event(), threading.Event()
    outcome: list[BaseException] = []

    def produce(index: int) -> int:
        producing.set()
        assert go_on.wait(30)
        return index

    def take() -> None:
        try:
            prefetch.take(soon())
        except PrefetchClosedError as error:
            outcome.append(error)

    prefetch = Prefetch(produce, name="closing")
    taker = threading.Thread(target=take)
    taker.start()
    assert producing.wait(30)
    closer = threading.Thread(target=prefetch.close)
    closer.start()
    taker.join(30)
    assert outcome
    go_on.set()
    closer.join(30)
    prefetch.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("closing")]
    with pytest.raises(PrefetchClosedError):
        prefetch.take(soon())


@pytest.mark.parametrize(("depth", "workers"), [(0, 1), (1, 0)])
def test_bounds_below_one_are_refused(depth: int, workers: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Prefetch(lambda index: index, name="test", depth=depth, workers=workers)
