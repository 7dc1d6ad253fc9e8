"""The claim: of loop and guard exactly one answers, and the guard knows what stands in the book."""

import threading

import pytest

from edge.core.codes import Code
from edge.core.events import Instant, PartKey
from edge.core.types import Trigger
from edge.inspector.part import Order, Part


class Book:
    """Stands for the ledger: counts what is appended."""

    def __init__(self) -> None:
        self.events = []

    def append(self, *events, owed=False):
        self.events += events
        return object()


def part(refusal: int = 0) -> Part:
    trigger = Trigger(session=1, epoch=1, trig=1, tick=0, part="", recipe=0, deadline_ms=0)
    return Part(
        Order(
            key=PartKey(session=1, trig=1, epoch=1, seq=1),
            trigger=trigger,
            origin="plc",
            received=Instant(mono_ns=0, utc_ms=0),
            deadline_ms=1,
            recipe=None,
            refusal=refusal,
        )
    )


def test_the_guard_before_the_loop_leaves_nothing_to_record():
    one, book = part(), Book()
    one.take()
    answer = one.take_over(stopping=False, store_failed=False)
    assert (answer.code, answer.overrules) == (Code.DEADLINE, False)
    assert one.record(object(), book) is None
    assert not one.claim()
    assert book.events == []


def test_the_guard_after_the_record_overrules_it():
    one, book = part(), Book()
    one.take()
    one.record(object(), book)
    answer = one.take_over(stopping=False, store_failed=False)
    assert (answer.code, answer.overrules) == (Code.STORE_LATE, True)
    assert one.guard_code == Code.STORE_LATE


def test_a_record_that_the_store_refuses_is_told_apart_from_a_slow_one():
    one = part()
    one.record(object(), Book())
    assert one.take_over(stopping=False, store_failed=True).code == Code.STORE_FAILED


def test_the_guard_after_the_loops_claim_has_nothing_to_say():
    one = part()
    one.record(object(), Book())
    assert one.claim()
    assert one.take_over(stopping=False, store_failed=False) is None


@pytest.mark.parametrize(
    ("refusal", "stopping", "code"),
    [
        (0, False, Code.BUSY),
        (0, True, Code.STOPPING),
        (Code.LATE_TRIGGER, False, Code.LATE_TRIGGER),
        (Code.RECIPE_UNKNOWN, True, Code.RECIPE_UNKNOWN),
    ],
)
def test_the_guard_says_why_it_answers(refusal, stopping, code):
    assert part(refusal).take_over(stopping=stopping, store_failed=False).code == code


def test_a_part_that_is_answered_is_not_begun():
    one = part()
    one.take_over(stopping=False, store_failed=False)
    assert not one.take()


def test_of_many_contenders_exactly_one_wins():
    for _ in range(200):
        one, wins, start = part(), [], threading.Barrier(4)

        def contend(one=one, wins=wins, start=start, guard=False):
            start.wait()
            if (one.take_over(stopping=False, store_failed=False) is not None) if guard else one.claim():
                wins.append(guard)

        threads = [threading.Thread(target=contend, kwargs={"guard": number % 2 == 0}) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(wins) == 1
