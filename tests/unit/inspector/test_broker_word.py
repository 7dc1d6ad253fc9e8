"""What keeps results from getting through is one alarm, and goes only when they do again."""

import json

import pytest

from edge.core import wire
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.broker_word import LinkAlarm, taken


@pytest.fixture
def alarms() -> Alarms:
    return Alarms(clock.now())


@pytest.fixture
def alarm(alarms) -> LinkAlarm:
    return LinkAlarm(alarms)


def text_of(alarms: Alarms) -> str:
    (payload,) = [payload for topic, payload in alarms.messages() if topic == "alarm/link"]
    told = json.loads(payload)
    return told["text"] if told["raised"] else ""


@pytest.mark.parametrize(
    ("reason", "counts"), [(0x00, True), (0x10, False), (0x7F, True), (0x80, False), (0x97, False)]
)
def test_only_what_reached_somebody_counts(reason, counts):
    assert taken(reason) is counts


@pytest.mark.parametrize(
    ("topic", "reason", "said"),
    [
        (wire.RESULT, 0x10, "nobody receives evt/result: is the PLC connected"),
        (wire.RESULT, 0x87, "the broker refuses evt/result (reason 0x87)"),
        (wire.HISTORY, 0x97, "the broker refuses hist/result (reason 0x97)"),
        (wire.STATE, 0x87, "the broker refuses state (reason 0x87)"),
        (wire.AUTO, 0x10, ""),
        (wire.HISTORY, 0x10, ""),
        (wire.STATE, 0x10, ""),
        (wire.RESULT, 0x00, ""),
    ],
)
def test_what_is_an_alarm_and_what_it_says(alarm, alarms, topic, reason, said):
    alarm.answered(topic, reason)
    assert text_of(alarms).startswith(said)
    assert bool(text_of(alarms)) is bool(said)


def test_what_the_broker_refuses_is_logged_once_a_connection_for_it_may_refuse_the_alarm_too(alarm, caplog):
    for _ in range(3):
        alarm.answered(wire.STATE, 0x87)
    assert [record.message.partition(":")[0] for record in caplog.records] == ["the broker refuses state (reason 0x87)"]
    alarm.connected()
    alarm.answered(wire.STATE, 0x87)
    assert len(caplog.records) == 2


def test_a_history_that_gets_through_does_not_hide_that_results_do_not(alarm, alarms):
    alarm.answered(wire.RESULT, 0x87)
    alarm.answered(wire.HISTORY, 0x00)
    assert alarms.raised(Alarm.LINK)
    alarm.answered(wire.RESULT, 0x00)
    assert not alarms.raised(Alarm.LINK)


def test_results_come_first_in_what_is_said(alarm, alarms):
    alarm.answered(wire.STATE, 0x87)
    alarm.answered(wire.RESULT, 0x87)
    assert "evt/result" in text_of(alarms)


def test_a_lost_connection_is_told_with_its_reason_until_it_is_back(alarm, alarms):
    alarm.answered(wire.RESULT, 0x87)
    alarm.connection("the broker says that the certificate line.cert has expired")
    assert "line.cert has expired" in text_of(alarms)
    alarm.connected()
    assert text_of(alarms) == ""
    alarm.connection(None)
    assert text_of(alarms) == ""
