"""The states of a result and what others say to the station: what counts, what is told, what is never believed."""

import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from edge.core import wire
from edge.core.codes import Code
from edge.core.types import Ack, Act, Box, Decision, Fault
from edge.inspector import reception
from edge.inspector.broker_word import LinkAlarm
from edge.ledger import LedgerError
from edge.ledger.store import Store
from edge.line.memory import MemoryBroker
from tests.support.stations import SESSION, RunningStation, StandInJudge, pictures
from tests.support.waiting import wait_until

BASE = wire.base_topic("s", "l", "st")
SCRATCH = Box(x=1, y=2, width=30, height=4, category="scratch", category_id=2, score=0.9)


@pytest.fixture
def station(tmp_path):
    with RunningStation(tmp_path) as running:
        yield running


def alarm(station: RunningStation, name: str) -> dict[str, object]:
    """Return what stands retained of an alarm."""
    payload = station.broker.retained(f"{BASE}/{wire.alarm_topic(name)}")
    assert payload is not None
    return json.loads(payload)


def told(station: RunningStation, name: str) -> str:
    """Wait for an alarm and return its text."""
    wait_until(lambda: alarm(station, name)["raised"], what=f"alarm {name}")
    return str(alarm(station, name)["text"])


def events(station: RunningStation, kind: str) -> list[dict[str, object]]:
    """Return the events of a kind, oldest first: numbers and body."""
    query = "SELECT session, trig, epoch, seq, body FROM events WHERE kind = ? ORDER BY id"
    with closing(sqlite3.connect(f"file:{station.store / 'ledger.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute(query, (kind,)).fetchall()
    return [dict(zip(("sess", "trig", "epoch", "seq"), row[:4], strict=True)) | json.loads(row[4]) for row in rows]


# What becomes of a result.


def test_each_state_of_a_result_is_an_event_of_its_own(station):
    result = station.inspect(1)
    wait_until(lambda: events(station, "broker_acked"))
    station.send_ack(result, Act.ACCEPTED)
    wait_until(lambda: events(station, "plc_acked"))
    (sent,), (acked,) = events(station, "sent"), events(station, "broker_acked")
    numbers = {"sess": SESSION, "trig": 1, "epoch": result.epoch, "seq": result.seq}
    assert numbers.items() <= sent.items()
    assert (sent["topic"], sent["decision"], sent["code"], sent["age_ms"]) == (wire.RESULT, 1, 0, result.age_ms)
    assert (acked["topic"], acked["reason"]) == (wire.RESULT, 0)
    assert not alarm(station, "plc")["raised"]
    assert station.verified().problems == ()


@pytest.mark.parametrize("reason", [0x10, 0x87], ids=hex)
def test_a_result_that_reaches_nobody_is_an_alarm_a_fault_and_history(station, reason):
    station.broker.forbid[f"{BASE}/{wire.RESULT}"] = reason
    station.send_trigger(1)
    assert wire.RESULT in told(station, "link")
    wait_until(lambda: station.told_history() == [1], what="the result in the history")
    wait_until(lambda: station.heartbeats()[-1].fault & Fault.LINK, what="the fault in the heartbeat")
    assert station.heartbeats()[-1].ready, "only the next result can show that they get through again"
    first, *_ = events(station, "broker_acked")
    assert (first["topic"], first["reason"]) == (wire.RESULT, reason)
    del station.broker.forbid[f"{BASE}/{wire.RESULT}"]
    station.inspect(2)
    wait_until(lambda: not alarm(station, "link")["raised"], what="the end of the alarm")
    wait_until(lambda: not station.heartbeats()[-1].fault, what="a heartbeat without fault")


def test_a_report_that_the_broker_forbids_is_an_alarm(station):
    station.broker.forbid[f"{BASE}/{wire.alarm_topic('trigger')}"] = 0x87
    station.send(wire.TRIGGER, b"nonsense")
    assert "alarm/trigger" in told(station, "link")


def test_a_lost_connection_is_an_alarm_while_it_lasts(station, monkeypatch):
    told_of = []
    real = LinkAlarm.connection

    def connection(self, trouble):
        told_of.append(trouble)
        real(self, trouble)

    monkeypatch.setattr(LinkAlarm, "connection", connection)
    before = alarm(station, "link")["since"]
    station.broker.stop()
    wait_until(lambda: any(told_of), what="the alarm")
    station.broker.start()
    wait_until(lambda: alarm(station, "link")["since"] > before, what="the end of the alarm")
    assert not alarm(station, "link")["raised"]
    assert alarm(station, "link")["text"] == "no connection to the broker: the broker went away"


# What the PLC says that it did.


def unearned(station: RunningStation) -> list[str]:
    return [str(one["reason"]) for one in events(station, "unearned_accept")]


def test_an_accept_by_the_plc_of_a_rejected_part_is_the_worst_and_told_so(tmp_path):
    with RunningStation(tmp_path, judge=StandInJudge(score=0.95, boxes=(SCRATCH,))) as station:
        result = station.inspect(1)
        assert result.dec is Decision.REJECT
        station.send_ack(result, Act.ACCEPTED)
        text = told(station, "plc")
        assert f"sess {SESSION} trig 1" in text
        assert "its verdict is reject (code 1002)" in text
        assert unearned(station) == ["its verdict is reject (code 1002)"]
    record = station.records()[1]
    assert (record["verdict"], record["ack_act"]) == ("reject", 1), "what the PLC says that it did stays on record"
    assert station.verified().problems == ()
    with RunningStation(tmp_path) as again:
        assert f"sess {SESSION} trig 1" in told(again, "plc"), "told on after a restart"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"trig": 99}, "no verdict of it is on record"),
        ({"session": 5}, "no verdict of it is on record"),
        ({"seq": 77}, "it names a result of epoch 1, seq 77"),
        ({"epoch": 0, "seq": 0}, "it names a result of epoch 0, seq 0"),
    ],
    ids=str,
)
def test_an_accept_by_the_plc_of_what_was_never_accepted_is_told(station, change, why):
    result = station.inspect(1)
    ack = Ack(session=SESSION, epoch=result.epoch, seq=result.seq, trig=1, act=Act.ACCEPTED)
    station.send(wire.ACK, wire.encode_ack(replace(ack, **change)))
    assert why in told(station, "plc")


def test_an_accept_by_the_plc_of_an_overruled_verdict_is_told(tmp_path, monkeypatch):
    slow, real = threading.Event(), Store.commit

    def commit(self, batch):
        if slow.is_set():
            time.sleep(0.8)
        return real(self, batch)

    monkeypatch.setattr(Store, "commit", commit)
    with RunningStation(tmp_path, deadline_ms=400) as station:
        station.inspect(1)
        slow.set()
        result = station.inspect(2)
        slow.clear()
        assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.STORE_LATE)
        station.send_ack(result, Act.ACCEPTED)
        assert f"its verdict was overruled: cannot_judge (code {Code.STORE_LATE})" in told(station, "plc")
    assert station.verified().problems == ()


def test_an_accept_that_was_told_to_the_history_alone_may_not_be_acted_upon(station):
    station.broker.stop()
    wait_until(lambda: not station.witness.connected)
    station.broker.start()
    wait_until(lambda: station.witness.connected and station.heartbeats())
    station.broker.forbid[f"{BASE}/{wire.RESULT}"] = 0x87
    station.send_trigger(1)
    wait_until(lambda: station.results(wire.HISTORY), what="the result in the history")
    (late,) = station.results(wire.HISTORY)
    assert late.dec is Decision.ACCEPT
    station.send_ack(replace(late, seq=late.seq + 1), Act.ACCEPTED)
    assert "it names a result of" in told(station, "plc")


@pytest.mark.parametrize("act", [Act.REJECTED, Act.TIMED_OUT, Act.RESULT_REFUSED])
def test_whatever_else_the_plc_did_is_no_alarm(station, act):
    station.send_ack(station.inspect(1), act)
    wait_until(lambda: events(station, "plc_acked"))
    station.inspect(2)
    assert not alarm(station, "plc")["raised"]
    assert unearned(station) == []


def test_acks_that_come_after_a_restart_are_held_against_the_record_too(tmp_path):
    with RunningStation(tmp_path) as first:
        earned = first.inspect(1)
    with RunningStation(tmp_path) as second:
        second.send_ack(earned, Act.ACCEPTED)
        wait_until(lambda: second.records()[1]["ack_act"] == 1)
        second.send_ack(replace(earned, trig=2), Act.ACCEPTED)
        assert "no verdict of it is on record" in told(second, "plc")
        assert len(unearned(second)) == 1


# Who else speaks.


def test_of_two_sessions_that_interleave_the_newer_one_is_heard(station):
    """Two programs trigger one station: the parts of the older are refused and lost, never mixed up."""
    station.inspect(1, session=1)
    station.inspect(1, session=2, part="from-2")
    station.send_trigger(2, session=1, part="from-1")
    station.inspect(2, session=2, part="from-2")
    station.send_trigger(3, session=1, part="from-1")
    last = station.inspect(3, session=2, part="from-2")
    assert (last.sess, last.part) == (2, "from-2")
    assert [(one.sess, one.trig) for one in station.results()] == [(1, 1), (2, 1), (2, 2), (2, 3)]
    assert "session 1 was followed by a newer one" in told(station, "trigger")
    assert station.cameras["top"].taken == 4
    station.stop()
    lost = [(one["sess"], one["trig"], one["code"]) for one in events(station, "loss")]
    assert lost == [(1, 2, Code.SUPERSEDED_SESSION), (1, 3, Code.SUPERSEDED_SESSION)]
    assert station.verified().problems == ()


KEPT = {
    wire.TRIGGER: b'{"sess":77,"epoch":1,"trig":2,"tick":0,"part":"old","recipe":0,"dl_ms":0}',
    wire.ACK: b'{"sess":77,"epoch":1,"seq":1,"trig":9,"act":1}',
    wire.TRUTH: b'{"part":"P1","truth":"reject","source":"old"}',
}


@pytest.mark.parametrize("topic", KEPT)
def test_what_the_broker_kept_from_before_is_never_believed(tmp_path, topic):
    broker = MemoryBroker()
    broker.publish(f"{BASE}/{topic}", KEPT[topic], retain=True)
    with RunningStation(tmp_path, broker=broker) as station:
        assert "without retain" in told(station, "truth" if topic == wire.TRUTH else "trigger")
        station.inspect(3)
        assert station.cameras["top"].taken == 1
    assert [one["code"] for one in events(station, "refused")] == [Code.RETAINED]
    assert [events(station, kind) for kind in ("plc_acked", "unearned_accept", "truth")] == [[], [], []]
    assert station.verified().problems == ()


def test_another_writer_of_the_state_is_put_right_and_told(station):
    own = station.broker.retained(f"{BASE}/{wire.STATE}")
    station.send(wire.STATE, b'{"online":1,"ready":1,"epoch":1}', retain=True)
    assert "somebody else writes this station's state" in told(station, "state")
    wait_until(lambda: station.broker.retained(f"{BASE}/{wire.STATE}") == own, what="the station's own state again")


# What a later inspection found.


def test_a_truth_is_on_record_and_changes_no_verdict(station):
    result = station.inspect(1)
    report = wire.TruthReport(part="P1", truth="reject", source="final inspection")
    station.send(wire.TRUTH, wire.encode_truth(report))
    wait_until(lambda: events(station, "truth"))
    (truth,) = events(station, "truth")
    assert (truth["epoch"], truth["part"], truth["truth"], truth["source"]) == (
        result.epoch,
        "P1",
        "reject",
        "final inspection",
    )
    station.stop()
    assert station.records()[1]["verdict"] == "accept"
    assert station.verified().problems == ()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no json",
        b'{"part":"P1","truth":"maybe","source":"x"}',
        b'{"part":"","truth":"accept","source":"x"}',
        b'{"part":"P1","truth":"accept","source":"x"' + b" " * 2000 + b"}",
    ],
    ids=["empty", "nonsense", "maybe", "nameless", "too long"],
)
def test_a_truth_that_cannot_be_read_is_counted_told_and_harms_nothing(station, payload):
    station.send(wire.TRUTH, payload)
    assert told(station, "truth").startswith("refused: ")
    assert station.inspect(1).dec is Decision.ACCEPT
    station.stop()
    (refused,) = events(station, "refused")
    assert str(refused["detail"]).startswith("truth: ")
    (ended,) = events(station, "epoch_ended")
    assert ended["counts"]["truth_refused"] == 1
    assert events(station, "truth") == []
    assert station.verified().problems == ()


def test_a_flood_of_truths_does_not_take_the_ledgers_room_from_the_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(reception, "TRUTH_BACKLOG", 5)
    blocked, real = threading.Event(), Store.commit

    def commit(self, batch):
        if blocked.is_set():
            raise LedgerError("no disk")
        return real(self, batch)

    monkeypatch.setattr(Store, "commit", commit)
    with RunningStation(tmp_path, steps=pictures(10)) as station:
        station.inspect(1)
        blocked.set()
        for number in range(30):
            report = wire.TruthReport(part=f"P{number}", truth="accept", source="flood")
            station.send(wire.TRUTH, wire.encode_truth(report))
        assert "truths are not taken until they are written" in told(station, "truth")
        wait_until(lambda: not station.ready(), what="a heartbeat that tells of the disk")
        blocked.clear()
        wait_until(station.ready, what="a ready heartbeat again")
        assert station.inspect(2).dec is Decision.ACCEPT
    assert len(events(station, "truth")) <= 8
    assert station.verified().problems == ()
