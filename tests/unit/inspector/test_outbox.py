"""The history outbox: in order, bounded, and nothing gone before the broker has it."""

from hypothesis import given
from hypothesis import strategies as st

from edge.core.events import PartKey
from edge.core.types import Decision
from edge.core.wire import Result
from edge.inspector import outbox
from edge.inspector.outbox import HistoryItem, HistoryOutbox


def item(number: int) -> HistoryItem:
    result = Result(
        sess=1,
        epoch=1,
        seq=number,
        trig=number,
        part="",
        dec=Decision.REJECT,
        code=1000,
        score=900,
        n=1,
        recipe=0,
        model="0a1b2c3d",
        age_ms=1,
        t=1,
        sim=1,
    )
    return HistoryItem(key=PartKey(session=1, trig=number, epoch=1, seq=number), result=result)


def taken(box: HistoryOutbox) -> list[int]:
    return [one.key.trig for one in iter(box.next, None)]


def test_what_was_on_the_way_waits_again_in_order_after_a_cut():
    box = HistoryOutbox()
    for number in range(4):
        box.add(item(number))
    taken(box)
    box.acknowledged(item(1).key)
    box.recall()
    assert taken(box) == [0, 2, 3]


def test_what_could_not_be_published_comes_first_again():
    box = HistoryOutbox()
    box.add(item(0))
    box.add(item(1))
    box.put_back(box.next())
    assert taken(box) == [0, 1]


def test_what_was_recalled_meanwhile_is_not_put_back_again():
    box = HistoryOutbox()
    box.add(item(0))
    one = box.next()
    box.recall()
    box.put_back(one)
    assert taken(box) == [0]


def test_beyond_the_bound_the_oldest_is_let_go_and_counted(monkeypatch):
    monkeypatch.setattr(outbox, "LIMIT", 3)
    box = HistoryOutbox()
    for number in range(5):
        box.add(item(number))
    assert (len(box), box.dropped) == (3, 2)
    assert taken(box) == [2, 3, 4]


@given(st.lists(st.sampled_from(["add", "next", "ack", "put back", "recall"]), max_size=60))
def test_nothing_is_lost_or_told_twice_within_the_bound(steps):
    box, count, out, acknowledged = HistoryOutbox(), 0, [], []
    for step in steps:
        if step == "add":
            box.add(item(count))
            count += 1
        elif step == "next" and (one := box.next()):
            out.append(one)
        elif step == "ack" and out:
            one = out.pop(0)
            if box.acknowledged(one.key):
                acknowledged.append(one.key.trig)
        elif step == "put back" and out:
            box.put_back(out.pop())
        elif step == "recall":
            box.recall()
    assert len(set(acknowledged)) == len(acknowledged)
    assert len(box) + len(acknowledged) == count
