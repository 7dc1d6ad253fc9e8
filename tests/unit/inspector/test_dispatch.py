"""Results on their way out: live while there is time and room, told again when nobody knows whether they arrived."""

import time
from dataclasses import replace

import pytest

from edge.core import wire
from edge.core.events import BrokerAcked, Decided, Instant, PartKey, Sent
from edge.core.types import Decision, Trigger
from edge.inspector import clock
from edge.inspector.alarms import Alarms
from edge.inspector.dispatch import Delivery, Dispatch
from edge.inspector.guard import DeadlineGuard
from edge.inspector.part import Order
from edge.inspector.retained import Retained
from edge.ledger import LedgerBacklogError


class Book:
    """Stands for the ledger."""

    def __init__(self) -> None:
        self.events = []

    def append(self, *events, owed=False):
        self.events += events

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


class Wire:
    """Stands for the link: takes ``room`` messages, and lets them go at once, or with ``stalled`` holds them."""

    connected = True

    def __init__(self, dispatch: Dispatch, room: int = 100, *, stalled: bool = False) -> None:
        self.dispatch = dispatch
        self.room = room
        self.stalled = stalled
        self.published = []
        self.payloads = []

    def publish(self, topic, payload, *, qos, retain=False, token=None, not_after_ns=None):
        if self.room == 0:
            return False
        self.room -= 1
        self.published.append((topic, token))
        self.payloads.append(payload)
        self.not_after_ns = not_after_ns
        if not self.stalled:
            self.dispatch.sent(token)
        return True

    def topics(self):
        return [topic for topic, _ in self.published]


def delivery(trig: int = 1, deadline_ms: int = 60_000) -> Delivery:
    key = PartKey(session=1, trig=trig, epoch=1, seq=trig)
    received = clock.now()
    order = Order(
        key=key,
        trigger=Trigger(session=1, epoch=1, trig=trig, tick=0, part="", recipe=0, deadline_ms=0),
        origin="plc",
        received=received,
        deadline_ms=deadline_ms,
        recipe=None,
        refusal=0,
    )
    decided = Decided(
        key=key,
        part="",
        recipe=0,
        revision=1,
        decision=Decision.ACCEPT,
        code=0,
        score=10,
        defects=0,
        model="0a1b2c3d",
        simulated=True,
        config_hash="c",
        software="0",
        views=(),
        at=Instant(mono_ns=received.mono_ns, utc_ms=received.utc_ms),
    )
    return Delivery(order=order, decided=decided, handed_ns=time.monotonic_ns(), stages_ns={})


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def told():
    return []


@pytest.fixture
def dispatch(book, told):
    return Dispatch(book, lambda topic, reason: told.append((topic, reason)))


def test_a_result_goes_out_live_once_and_is_recorded_as_sent(dispatch, book):
    link = Wire(dispatch)
    dispatch.add(delivery())
    dispatch.flush(link)
    dispatch.flush(link)
    assert link.topics() == [wire.RESULT]
    assert [sent.topic for sent in book.of(Sent)] == [wire.RESULT]


@pytest.mark.parametrize("deadline_ms", [400, 0], ids=["live", "out of time"])
def test_whoever_waits_for_a_result_to_be_gone_is_told(dispatch, deadline_ms):
    waiting = delivery(deadline_ms=deadline_ms)
    dispatch.add(waiting)
    assert not waiting.gone.is_set()
    dispatch.flush(Wire(dispatch))
    assert waiting.gone.is_set()


def test_whoever_waits_for_a_result_that_the_link_held_too_long_is_told(dispatch):
    waiting = delivery()
    dispatch.add(waiting)
    dispatch.flush(Wire(dispatch, stalled=True))
    assert not waiting.gone.is_set()
    dispatch.expired((wire.RESULT, waiting.order.key))
    assert waiting.gone.is_set()


def test_without_room_it_waits_in_order_and_goes_out_when_there_is_some(dispatch, book):
    link = Wire(dispatch, room=1)
    for trig in (1, 2, 3):
        dispatch.add(delivery(trig))
    dispatch.flush(link)
    assert dispatch.urgent
    link.room = 5
    dispatch.flush(link)
    assert [token[1].trig for _, token in link.published] == [1, 2, 3]
    assert not dispatch.urgent


def test_past_its_deadline_it_is_never_sent_live(dispatch, book):
    link = Wire(dispatch)
    dispatch.add(delivery(deadline_ms=0))
    dispatch.flush(link)
    assert link.topics() == [wire.HISTORY]
    assert book.of(Sent) == []


def test_what_the_broker_never_acknowledged_is_told_to_the_history_after_a_cut(dispatch, book):
    link = Wire(dispatch)
    dispatch.add(delivery(1))
    dispatch.add(delivery(2))
    dispatch.flush(link)
    dispatch.acknowledged(link.published[0][1], 0)
    dispatch.link_lost()
    dispatch.flush(link)
    assert [(topic, token[1].trig) for topic, token in link.published[2:]] == [(wire.HISTORY, 2)]


def test_what_was_handed_to_a_new_connection_before_it_was_told_of_is_on_record_as_sent(dispatch, book, told):
    retained = Retained(
        list, will=b"", alarms=Alarms(clock.now()), answered=lambda topic, reason: told.append((topic, reason))
    )
    guard = DeadlineGuard(ledger=book, dispatch=dispatch, author=None, beat=None, retained=retained)
    link = Wire(dispatch, stalled=True)
    dispatch.add(delivery())
    dispatch.flush(link)
    guard.link_up()
    ((topic, token),) = link.published
    guard.sent(token)
    guard.acknowledged(token, 0)
    dispatch.flush(link)
    assert [event.topic for event in book.of(Sent)] == [topic] == link.topics()


@pytest.mark.parametrize("reason", [0x10, 0x80, 0x87, 0x97], ids=hex)
def test_a_result_that_reached_nobody_is_told_to_the_history(dispatch, book, told, reason):
    link = Wire(dispatch)
    dispatch.add(delivery())
    dispatch.flush(link)
    dispatch.acknowledged(link.published[0][1], reason)
    dispatch.flush(link)
    assert link.topics() == [wire.RESULT, wire.HISTORY]
    dispatch.acknowledged(link.published[1][1], 0)
    assert told == [(wire.RESULT, reason), (wire.HISTORY, 0)]
    assert [sent.topic for sent in book.of(Sent)] == [wire.RESULT, wire.HISTORY]
    assert [(acked.topic, acked.reason) for acked in book.of(BrokerAcked)] == [(wire.RESULT, reason), (wire.HISTORY, 0)]


def test_what_is_recorded_as_sent_is_what_the_payload_said(dispatch, book):
    link = Wire(dispatch)
    dispatch.add(delivery(7))
    dispatch.flush(link)
    (sent,), result = book.of(Sent), wire.parse_result(link.payloads[0])
    assert (sent.key.session, sent.key.epoch, sent.key.seq, sent.key.trig) == (
        result.sess,
        result.epoch,
        result.seq,
        result.trig,
    )
    assert (sent.decision, sent.code, sent.age_ms) == (result.dec, result.code, result.age_ms)


def test_the_recorded_time_is_the_payloads_however_long_the_link_held_it(dispatch, book, monkeypatch):
    link = Wire(dispatch, stalled=True)
    dispatch.add(delivery())
    dispatch.flush(link)
    _topic, token = link.published[0]
    present = clock.now()
    later = Instant(mono_ns=present.mono_ns, utc_ms=present.utc_ms + 40)
    monkeypatch.setattr(clock, "now", lambda: later)
    dispatch.sent(token)
    (sent,) = book.of(Sent)
    assert sent.at.utc_ms == wire.parse_result(link.payloads[0]).t
    dispatch.acknowledged(token, 0x10)
    dispatch.flush(link)
    assert wire.parse_result(link.payloads[1]).t == sent.at.utc_ms


@pytest.mark.parametrize("ending", ["out of time", "expired", "link lost"])
def test_the_history_tells_the_verdicts_time_of_what_was_never_sent(dispatch, ending):
    link = Wire(dispatch, stalled=True)
    part = delivery(deadline_ms=0 if ending == "out of time" else 60_000)
    part = replace(part, decided=replace(part.decided, at=Instant(mono_ns=1, utc_ms=1_700_000_000_000)))
    dispatch.add(part)
    dispatch.flush(link)
    if ending == "expired":
        dispatch.expired(link.published[0][1])
    elif ending == "link lost":
        dispatch.link_lost()
    dispatch.flush(link)
    assert link.topics()[-1] == wire.HISTORY
    assert wire.parse_result(link.payloads[-1]).t == 1_700_000_000_000


def test_what_the_link_holds_is_not_on_record_as_sent_and_expires_into_the_history(dispatch, book):
    link = Wire(dispatch, stalled=True)
    part = delivery()
    dispatch.add(part)
    dispatch.flush(link)
    assert link.not_after_ns == part.order.deadline_ns
    assert book.of(Sent) == []
    dispatch.expired(link.published[0][1])
    dispatch.flush(link)
    assert link.topics() == [wire.RESULT, wire.HISTORY]
    assert book.of(Sent) == []


@pytest.mark.parametrize("reason", [0x10, 0x97], ids=hex)
def test_a_history_that_reaches_nobody_is_kept_told_once_and_not_hurried(dispatch, book, reason, monkeypatch):
    link = Wire(dispatch)
    for trig in (1, 2, 3):
        dispatch.add(delivery(trig, deadline_ms=0))
    dispatch.flush(link)
    assert len(link.published) == 3
    for _, token in list(link.published):
        dispatch.acknowledged(token, reason)
    dispatch.flush(link)
    assert len(link.published) == 3
    monkeypatch.setattr(dispatch, "_history_from_ns", 0)
    dispatch.flush(link)
    assert [token[1].trig for _, token in link.published[3:]] == [1], "one, to see whether they are taken again"
    dispatch.acknowledged(link.published[3][1], reason)
    assert book.of(Sent) == []
    assert [acked.reason for acked in book.of(BrokerAcked)] == [reason]
    monkeypatch.setattr(dispatch, "_history_from_ns", 0)
    dispatch.flush(link)
    dispatch.acknowledged(link.published[4][1], 0)
    dispatch.flush(link)
    assert [token[1].trig for _, token in link.published[4:]] == [1, 2, 3]


def test_a_result_whose_sending_cannot_be_recorded_is_not_sent_again():
    class FullBook(Book):
        def append(self, *events, owed=False):
            raise LedgerBacklogError("no room")

    dispatch = Dispatch(FullBook(), lambda _topic, _reason: None)
    link = Wire(dispatch, stalled=True)
    dispatch.add(delivery())
    dispatch.flush(link)
    with pytest.raises(LedgerBacklogError):  # which the link logs and swallows
        dispatch.sent(link.published[0][1])
    dispatch.flush(link)
    assert link.topics() == [wire.RESULT]
