"""The station's retained messages: put there as they change, and put right where somebody else changed them."""

import json

import pytest

from edge.core import wire
from edge.inspector import clock
from edge.inspector import retained as module
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.retained import Retained, RetainedToken
from edge.line.link import Message

WILL = b'{"online":0}'


class Clock:
    def __init__(self) -> None:
        self.ns = 1_000_000_000_000

    def monotonic_ns(self) -> int:
        return self.ns


class Wire:
    """Stands for the link, and echoes nothing."""

    connected = True

    def __init__(self) -> None:
        self.open = True
        self.published = []

    def publish(self, topic, payload, *, qos, retain=False, token=None, not_after_ns=None):
        assert (qos, retain, token) == (1, True, RetainedToken(topic=topic))
        if self.open:
            self.published.append((topic, payload))
        return self.open


@pytest.fixture
def time(monkeypatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(module, "time", fake)
    return fake


@pytest.fixture
def wanted() -> list[tuple[str, bytes]]:
    return [(wire.STATE, b"on"), ("alarm/link", b"quiet")]


@pytest.fixture
def alarms() -> Alarms:
    return Alarms(clock.now())


@pytest.fixture
def told() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def retained(wanted, alarms, told, time) -> Retained:
    return Retained(
        lambda: list(wanted), will=WILL, alarms=alarms, answered=lambda topic, reason: told.append((topic, reason))
    )


def word(payload: bytes, *, retained: bool = False) -> Message:
    return Message(topic=wire.STATE, payload=payload, retained=retained, received_ns=0)


def test_each_is_published_once_and_again_when_it_changes(retained, wanted):
    link = Wire()
    retained.flush(link)
    retained.flush(link)
    wanted[0] = (wire.STATE, b"off")
    retained.flush(link)
    assert link.published == [(wire.STATE, b"on"), ("alarm/link", b"quiet"), (wire.STATE, b"off")]


def test_a_new_connection_is_told_everything(retained):
    link = Wire()
    retained.flush(link)
    retained.link_changed()
    retained.flush(link)
    assert link.published[:2] == link.published[2:]


def test_what_the_link_did_not_take_is_offered_again(retained):
    link = Wire()
    link.open = False
    retained.flush(link)
    link.open = True
    retained.flush(link)
    assert len(link.published) == 2


def test_the_stations_own_echo_is_nobody_elses_word(retained, wanted, alarms):
    link = Wire()
    retained.flush(link)
    wanted[0] = (wire.STATE, b"off")
    retained.flush(link)
    retained.arrived(word(b"on"))
    retained.arrived(word(b"off"))
    retained.flush(link)
    assert len(link.published) == 3
    assert not alarms.raised(Alarm.STATE)


def test_another_writer_is_put_right_at_once_and_told(retained, alarms):
    link = Wire()
    retained.flush(link)
    retained.arrived(word(b"on"))
    retained.arrived(word(b'{"online":1,"ready":1}'))
    retained.flush(link)
    assert link.published[-1] == (wire.STATE, b"on")
    assert alarms.raised(Alarm.STATE)
    (text,) = [json.loads(payload)["text"] for topic, payload in alarms.messages() if topic == "alarm/state"]
    assert "is its name given twice" in text


def test_the_own_old_word_from_another_mouth_is_put_right_too(retained, wanted):
    link = Wire()
    retained.flush(link)
    retained.arrived(word(b"on"))
    wanted[0] = (wire.STATE, b"off")
    retained.flush(link)
    retained.arrived(word(b"off"))
    retained.arrived(word(b"on"))
    retained.flush(link)
    assert [payload for topic, payload in link.published if topic == wire.STATE] == [b"on", b"off", b"off"]


def test_a_last_will_that_comes_late_is_put_right_without_an_alarm(retained, alarms):
    link = Wire()
    retained.flush(link)
    retained.arrived(word(b"on"))
    retained.arrived(word(WILL))
    retained.flush(link)
    assert link.published[-1] == (wire.STATE, b"on")
    assert not alarms.raised(Alarm.STATE)


def test_what_stood_there_before_is_no_other_writer(retained, alarms):
    link = Wire()
    retained.arrived(word(WILL, retained=True))
    retained.flush(link)
    retained.arrived(word(b"old", retained=True))
    retained.flush(link)
    assert len(link.published) == 2
    assert not alarms.raised(Alarm.STATE)


def test_two_that_both_insist_do_not_flood_the_broker(retained, time):
    link = Wire()
    retained.flush(link)
    retained.arrived(word(b"on"))
    for _ in range(1000):
        retained.arrived(word(b"other"))
        retained.flush(link)
        time.ns += 10_000_000
    assert len([topic for topic, _ in link.published if topic == wire.STATE]) <= 12, "about once a second for ten"


def test_the_alarm_goes_after_a_quiet_minute(retained, alarms, time):
    link = Wire()
    retained.flush(link)
    retained.arrived(word(b"other"))
    retained.flush(link)
    time.ns += module.QUIET_NS - 1
    retained.flush(link)
    assert alarms.raised(Alarm.STATE)
    time.ns += 2
    retained.flush(link)
    assert not alarms.raised(Alarm.STATE)


def test_what_the_broker_refuses_is_told_and_offered_again_after_a_while(retained, told, time):
    link = Wire()
    retained.flush(link)
    retained.answer(RetainedToken(topic=wire.STATE), 0x87)
    retained.flush(link)
    assert len(link.published) == 2
    assert told == [(wire.STATE, 0x87)]
    time.ns += module.REFUSED_NS
    retained.flush(link)
    assert link.published[-1] == (wire.STATE, b"on")


def test_after_the_farewell_nothing_is_put_back(retained, wanted, alarms):
    link = Wire()
    retained.flush(link)
    retained.arrived(word(b"on"))
    retained.close()
    retained.arrived(word(WILL))
    wanted[0] = (wire.STATE, b"still on")
    retained.flush(link)
    assert len(link.published) == 2
    assert not alarms.raised(Alarm.STATE)
