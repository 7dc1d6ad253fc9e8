"""Stages that hang, fail or are too slow: the station answers in time, never with an accept, and the books agree."""

import json
import threading
import time

import pytest

from camera.scripted import Block, ScriptedSource
from edge.core import wire
from edge.core.codes import Code
from edge.core.types import Decision
from edge.inspector import daemon, reception
from edge.inspector.daemon import HangError
from edge.ledger import Ledger, LedgerError, StoreLockedError, checkpoint
from edge.ledger.store import Store
from tests.support.disks import fill, mount, small_disk
from tests.support.scenarios.stages import long_transaction
from tests.support.stations import RunningStation, StandInJudge, pause_until, picture, pictures
from tests.support.waiting import wait_until


def test_a_camera_that_hangs_is_answered_for_in_time(tmp_path):
    with RunningStation(tmp_path, steps=[picture(), Block(), picture(2)], deadline_ms=300) as station:
        station.inspect(1)
        result = station.inspect(2)
        assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.DEADLINE)
        assert result.age_ms < 300
        station.cameras["top"].release()
        assert station.inspect(3).dec is Decision.ACCEPT
    assert station.verified().problems == ()
    assert station.records()[2]["verdict"] == "cannot_judge"


def test_a_model_that_hangs_is_answered_for_in_time(tmp_path):
    gate = threading.Event()
    with RunningStation(tmp_path, judge=StandInJudge(behave=gate.wait), deadline_ms=300) as station:
        result = station.inspect(1)
        assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.DEADLINE)
        gate.set()
        assert station.inspect(2).dec is Decision.ACCEPT
    assert station.verified().problems == ()


def test_a_model_that_fails_makes_the_station_not_ready_and_never_accepts(tmp_path):
    def explode() -> None:
        raise RuntimeError("delegate lost")

    with RunningStation(tmp_path, judge=StandInJudge(behave=explode)) as station:
        result = station.inspect(1)
        assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.MODEL_FAILED)
        wait_until(lambda: not station.ready(), what="a heartbeat that says not ready")


def test_a_model_that_works_again_makes_the_station_ready_again(tmp_path):
    broken = threading.Event()
    broken.set()

    def explode() -> None:
        if broken.is_set():
            raise RuntimeError("delegate lost")

    with RunningStation(tmp_path, judge=StandInJudge(behave=explode)) as station:
        station.inspect(1)
        wait_until(lambda: not station.ready(), what="a heartbeat that says not ready")
        broken.clear()
        wait_until(station.ready, what="a ready heartbeat again")
        assert station.inspect(2).dec is Decision.ACCEPT


def test_parts_that_come_faster_than_they_can_be_judged_are_all_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(reception, "QUEUE_PARTS", 3)
    gate = threading.Event()
    with RunningStation(tmp_path, judge=StandInJudge(behave=gate.wait), deadline_ms=600) as station:
        for trig in range(1, 9):
            station.send_trigger(trig)
        wait_until(lambda: len(station.results()) == 8, what="eight answers")
        gate.set()
        assert {result.dec for result in station.results()} == {Decision.CANNOT_JUDGE}
        assert {result.code for result in station.results()} == {Code.BUSY, Code.DEADLINE}
    assert sorted(station.records()) == list(range(1, 9))
    assert station.verified().problems == ()


def test_a_commit_that_takes_too_long_overrules_the_accept(tmp_path, monkeypatch):
    slow = threading.Event()
    real = Store.commit

    def commit(self, events):
        if slow.is_set():
            time.sleep(0.8)
        return real(self, events)

    monkeypatch.setattr(Store, "commit", commit)
    with RunningStation(tmp_path, deadline_ms=400) as station:
        station.inspect(1)
        slow.set()
        result = station.inspect(2)
        assert (result.dec, result.code, result.score) == (Decision.CANNOT_JUDGE, Code.STORE_LATE, wire.SCORE_NONE)
        slow.clear()
        assert station.inspect(3, deadline_ms=5_000).dec is Decision.ACCEPT
    record = station.records()[2]
    assert (record["verdict"], record["code"]) == ("cannot_judge", Code.STORE_LATE)
    assert station.verified().problems == ()


def test_a_result_without_a_broker_goes_to_history_when_it_is_back(tmp_path):
    gate = threading.Event()
    with RunningStation(tmp_path, judge=StandInJudge(behave=gate.wait), deadline_ms=300) as station:
        station.send_trigger(1)
        wait_until(lambda: station.cameras["top"].taken == 1, what="the part in hand")
        station.broker.stop()
        wait_until(lambda: 1 in station.records() and station.records()[1]["verdict"], what="the guard's verdict")
        pause_until(time.monotonic_ns() + 300_000_000)  # the deadline passes while there is no broker
        gate.set()
        station.broker.start()
        wait_until(lambda: station.told_history() == [1], what="the result in the history")
        assert station.results() == []
    assert station.records()[1]["sent_at"] is None
    assert station.verified().problems == ()


def test_a_stage_that_never_returns_ends_the_daemon(tmp_path, monkeypatch):
    monkeypatch.setattr(daemon, "HANG_NS", 1_500_000_000)
    monkeypatch.setattr(daemon, "FINISH_S", 0.2)
    gate = threading.Event()
    station = RunningStation(tmp_path, judge=StandInJudge(behave=gate.wait), deadline_ms=300)
    with station:
        assert station.inspect(1).dec is Decision.CANNOT_JUDGE
        wait_until(lambda: station.failure is not None, what="the end of the daemon")
    gate.set()
    assert isinstance(station.failure, HangError)


def test_a_second_daemon_on_the_same_store_is_refused(tmp_path):
    with RunningStation(tmp_path) as first:
        second = RunningStation(tmp_path, broker=first.broker)
        second._run()
        assert isinstance(second.failure, StoreLockedError)
        assert first.inspect(1).dec is Decision.ACCEPT


@pytest.mark.parametrize("deadline_ms", [1, 5, 20])
def test_a_deadline_that_nobody_can_meet_is_never_an_accept(tmp_path, deadline_ms):
    with RunningStation(tmp_path, steps=pictures(3)) as station:
        station.send_trigger(1, deadline_ms=deadline_ms)
        station.inspect(2)
        assert Decision.ACCEPT not in {result.dec for result in station.results() if result.trig == 1}
    assert station.records()[1]["verdict"] == "cannot_judge"


def test_a_burst_beyond_what_the_broker_takes_at_once_is_answered_live(tmp_path):
    with RunningStation(tmp_path) as station:
        for trig in range(1, 101):
            station.send_trigger(trig, recipe=9)
        wait_until(lambda: len(station.results()) == 100, what="a hundred answers")
    assert {record["verdict"] for record in station.records().values()} == {"cannot_judge"}
    assert station.verified().problems == ()


def test_a_station_that_is_not_ready_says_so_and_takes_no_picture(tmp_path):
    with RunningStation(tmp_path) as station:
        station.inspect(1)
        station.cameras["top"].disappear()
        result = station.inspect(2)
        assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.NOT_READY)
        station.cameras["top"].reappear()
        assert station.inspect(3).dec is Decision.ACCEPT


def test_triggers_while_it_stops_are_answered_or_never_taken_on(tmp_path):
    with RunningStation(tmp_path, steps=pictures(400)) as station:
        station.inspect(1)
        station.stopping.set()
        trig = 1
        while station._thread.is_alive():
            trig += 1
            station.send_trigger(trig)
            time.sleep(0.002)
    answered = {result.trig: result.dec for result in station.results()}
    assert station.verified().problems == ()
    for record in station.records().values():
        assert answered.get(record["trig"], record["dec"]) == record["dec"]


def test_a_ledger_that_takes_no_more_ends_in_losses_never_in_a_false_record(tmp_path, monkeypatch):
    blocked = threading.Event()
    real = Store.commit

    def commit(self, events):
        if blocked.is_set():
            raise LedgerError("no disk")
        return real(self, events)

    monkeypatch.setattr(Store, "commit", commit)
    monkeypatch.setattr(Ledger.open.__func__, "__kwdefaults__", {"backlog_limit": 40})
    with RunningStation(tmp_path, deadline_ms=300) as station:
        station.inspect(1)
        blocked.set()
        for trig in range(2, 40):
            station.send_trigger(trig)
        wait_until(lambda: not station.ready(), what="a heartbeat that says not ready")
        assert Decision.ACCEPT not in {result.dec for result in station.results() if result.trig > 1}
        blocked.clear()
        wait_until(station.ready, what="a ready heartbeat again")
        assert station.inspect(40).dec is Decision.ACCEPT
    records = station.records()
    assert sorted(records) == list(range(1, 41))
    answered = {result.trig for result in station.results()}
    for trig in range(2, 40):
        assert records[trig]["verdict"] == ("cannot_judge" if trig in answered else "loss")
    assert station.verified().problems == ()


def test_a_foreign_program_that_holds_a_transaction_is_told_and_stops_no_part(tmp_path, monkeypatch):
    monkeypatch.setattr(daemon, "HELD_LOG_BYTES", 100_000)
    monkeypatch.setattr(checkpoint, "WORTH_EVENTS", 5)

    def alarm(station):
        topic = wire.base_topic("s", "l", "st") + "/alarm/ledger"
        return json.loads(station.broker.retained(topic) or b'{"raised": 0, "text": ""}')

    with RunningStation(tmp_path, sources={"top": ScriptedSource("top", pictures(2), repeat=True)}) as station:
        station.inspect(1)
        with long_transaction(tmp_path):
            for trig in range(2, 12):
                assert station.inspect(trig).dec is Decision.ACCEPT
            wait_until(lambda: alarm(station)["raised"], what="the alarm")
            assert "holds a transaction" in alarm(station)["text"]
            assert station.ready()
        assert station.inspect(12).dec is Decision.ACCEPT
        wait_until(lambda: not alarm(station)["raised"], what="the end of the alarm")
    assert station.verified().problems == ()


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 8 << 20) as folder:
        yield folder


def test_a_full_disk_never_accepts_and_loses_nothing(disk):
    with RunningStation(disk, deadline_ms=400) as station:
        station.inspect(1)
        ballast = fill(disk / "ballast")
        trig, result = 1, None
        while result is None or result.dec is Decision.ACCEPT:
            trig += 1  # what room is left within SQLite's own file may still take a few
            result = station.inspect(trig)
            assert trig < 500
        assert result.code == Code.STORE_FAILED
        wait_until(lambda: not station.ready(), what="a heartbeat that says not ready")
        ballast.unlink()
        wait_until(station.ready, what="a ready heartbeat again")
        assert station.inspect(trig + 1).dec is Decision.ACCEPT
    assert station.records()[trig]["verdict"] == "cannot_judge"
    assert station.verified().problems == ()


def test_a_read_only_store_ends_the_start_with_a_clear_error(disk):
    mount("-o", "remount,ro", str(disk))
    station = RunningStation(disk)
    station._run()
    assert isinstance(station.failure, LedgerError)
    assert str(disk) in str(station.failure)
