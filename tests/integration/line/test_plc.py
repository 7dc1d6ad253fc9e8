"""The PLC simulator against a small scripted station: in memory, and once over a real broker."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.core import wire
from edge.core.types import Act, Decision, Trigger
from edge.line.link import Link, LinkEvents
from edge.line.memory import MemoryBroker, MemoryLink
from edge.line.mqtt import MqttLink
from edge.line.plc import PlcSettings, PlcSimulator, plc_link_settings
from edge.line.plc_misbehave import Misbehaviour
from edge.line.plc_report import Actuation
from edge.line.plc_rules import Reason
from edge.line.settings import LinkSettings, station_client_id
from tests.support.brokers import mosquitto_broker
from tests.support.links import STATION_SUBSCRIPTIONS, ScriptedStation, result_for
from tests.support.waiting import wait_until

PLC_LINK = plc_link_settings("plant1", "line3", "st07", "mqtt://memory")
STATION_LINK = LinkSettings(
    broker="mqtt://memory",
    base_topic=PLC_LINK.base_topic,
    client_id=station_client_id("plant1", "line3", "st07"),
    subscriptions=STATION_SUBSCRIPTIONS,
)


def accept(trigger: Trigger, epoch: int, seq: int) -> wire.Result:
    return result_for(trigger, epoch=epoch, seq=seq)


def only_first_time(answer: Callable[[Trigger, int, int], wire.Result | None]):
    """A station that keeps to the contract: foreign epochs are refused, repeated triggers are not answered again."""
    seen: set[tuple[int, int]] = set()

    def answered(trigger: Trigger, epoch: int, seq: int) -> wire.Result | None:
        key = (trigger.session, trigger.trig)
        if trigger.epoch != epoch or key in seen:
            return None
        seen.add(key)
        return answer(trigger, epoch, seq)

    return answered


class Line:
    """A station and a PLC on one memory broker."""

    def __init__(self, answer=accept) -> None:
        self.broker = MemoryBroker()
        self.station = ScriptedStation(lambda events: MemoryLink(self.broker, STATION_LINK, events), answer)
        self.actuations: list[Actuation] = []

    def plc(self, settings: PlcSettings, on_actuation: Callable[[Actuation], None] | None = None) -> PlcSimulator:
        def make(events: LinkEvents) -> Link:
            return MemoryLink(self.broker, PLC_LINK, events)

        def note(done: Actuation) -> None:
            self.actuations.append(done)
            if on_actuation is not None:
                on_actuation(done)

        return PlcSimulator(settings, make, note)


def test_every_part_is_triggered_judged_and_acknowledged():
    decisions = [Decision.ACCEPT, Decision.REJECT, Decision.CANNOT_JUDGE]
    line = Line(lambda trigger, epoch, seq: result_for(trigger, epoch=epoch, seq=seq, dec=decisions[seq % 3]))
    with line.station as station:
        summary = line.plc(PlcSettings(parts=12)).run(threading.Event())
        wait_until(lambda: len(station.acks) == 12)
    assert (summary.parts, summary.verdicts, summary.late, summary.refused) == (12, 12, 0, 0)
    assert (summary.accept, summary.reject, summary.cannot_judge) == (4, 4, 4)
    assert [trigger.trig for trigger in station.triggers] == list(range(1, 13))
    assert {trigger.epoch for trigger in station.triggers} == {7}
    assert len({trigger.session for trigger in station.triggers}) == 1
    assert all(trigger.session and trigger.tick for trigger in station.triggers)
    assert [ack.act for ack in station.acks] == [done.act for done in line.actuations]
    assert all(ack.epoch == 7 and ack.seq == ack.trig for ack in station.acks)
    assert line.actuations[0].sentence.startswith("part P000001 (trig 1): reject after ")
    assert "defect of class 1" in line.actuations[0].sentence


def test_it_waits_for_a_ready_station():
    line = Line()
    line.station.ready = False
    stop = threading.Event()
    plc = line.plc(PlcSettings(parts=1))
    runner = threading.Thread(target=plc.run, args=(stop,))
    with line.station as station:
        runner.start()
        wait_until(lambda: plc._state.beat is not None)
        assert not station.triggers
        station.ready = True
        runner.join(10)
        assert plc.summary.accept == 1


def test_a_silent_station_is_timed_out_and_told_so():
    line = Line(lambda _trigger, _epoch, _seq: None)
    with line.station as station:
        summary = line.plc(PlcSettings(parts=2, timer_ms=50)).run(threading.Event())
        wait_until(lambda: len(station.acks) == 2)
    assert (summary.parts, summary.verdicts, summary.late) == (2, 0, 2)
    assert {(ack.act, ack.epoch, ack.seq) for ack in station.acks} == {(Act.TIMED_OUT, 0, 0)}


def test_simulated_results_need_a_test_line():
    line = Line(lambda trigger, epoch, seq: result_for(trigger, epoch=epoch, seq=seq, sim=1))
    with line.station:
        live = line.plc(PlcSettings(parts=1)).run(threading.Event())
        test = line.plc(PlcSettings(parts=1, test_line=True)).run(threading.Event())
    assert (live.accept, live.refused) == (0, 1)
    assert (test.accept, test.refused) == (1, 0)


def test_a_restarted_station_voids_the_part_in_front_of_it():
    line = Line(lambda _trigger, _epoch, _seq: None)
    stop = threading.Event()
    plc = line.plc(PlcSettings(parts=1, timer_ms=60_000))
    runner = threading.Thread(target=plc.run, args=(stop,))
    with line.station as station:
        runner.start()
        wait_until(lambda: station.triggers)
        station.epoch = 8
        runner.join(10)
    assert not runner.is_alive()
    assert line.actuations[0].reason == Reason.EPOCH_CHANGED


def test_missing_heartbeats_are_a_fault_that_passes():
    line = Line()
    stop = threading.Event()
    plc = line.plc(PlcSettings(parts=1, rate=0.0))
    with line.station as station:
        station.ready = False
        runner = threading.Thread(target=plc.run, args=(stop,))
        runner.start()
        wait_until(lambda: plc._state.beat is not None)
        station.beating = False
        wait_until(lambda: plc.summary.faults == 1)
        station.ready = station.beating = True
        runner.join(10)
    assert plc.summary.accept == 1


def test_the_rate_is_kept_and_parts_overlap_only_if_told():
    held: list[Trigger] = []
    line = Line(lambda trigger, _epoch, _seq: held.append(trigger))
    stop = threading.Event()
    plc = line.plc(PlcSettings(parts=None, rate=200, outstanding=3, timer_ms=60_000))
    runner = threading.Thread(target=plc.run, args=(stop,))
    with line.station as station:
        runner.start()
        wait_until(lambda: len(station.triggers) == 3)
        first = station.triggers[0]
        station.link.publish(wire.RESULT, wire.encode_result(accept(first, 7, 1)), qos=1)
        wait_until(lambda: len(station.triggers) == 4)
        stop.set()
        runner.join(10)
    assert plc.summary.accept == 1


def test_acknowledgements_survive_a_broken_link():
    line = Line()
    stop = threading.Event()

    def cut(_done: Actuation) -> None:
        if len(line.actuations) == 1:
            line.broker.cut(PLC_LINK.client_id)

    plc = line.plc(PlcSettings(parts=3, timer_ms=300), cut)
    with line.station as station:
        plc.run(stop)
        wait_until(lambda: len(station.acks) == 3)
    assert [ack.trig for ack in station.acks] == [1, 2, 3]


MISBEHAVIOURS_WITHOUT_LATE_PARTS = [
    Misbehaviour.DUPLICATE,
    Misbehaviour.RETAINED,
    Misbehaviour.GARBAGE,
    Misbehaviour.OVERSIZED,
    Misbehaviour.OUT_OF_RANGE,
    Misbehaviour.WRONG_RECIPE,
    Misbehaviour.SKIP_TRIG,
    Misbehaviour.BURST,
    Misbehaviour.STALE_TICK,
]


@pytest.mark.parametrize("kind", MISBEHAVIOURS_WITHOUT_LATE_PARTS)
def test_a_station_that_keeps_to_the_contract_survives(kind):
    line = Line(only_first_time(accept))
    with line.station as station:
        summary = line.plc(PlcSettings(parts=10, misbehave=frozenset({kind}))).run(threading.Event())
        wait_until(lambda: len(station.acks) == 10)
    assert (summary.parts, summary.accept, summary.late) == (10, 10, 0)
    assert line.broker.retained(f"{PLC_LINK.base_topic}/{wire.TRIGGER}") is None


@pytest.mark.parametrize("kind", [Misbehaviour.FOREIGN_EPOCH, Misbehaviour.REUSE_TRIG])
def test_a_trigger_that_the_station_must_not_answer_times_out(kind):
    line = Line(only_first_time(accept))
    with line.station:
        summary = line.plc(PlcSettings(parts=10, timer_ms=100, misbehave=frozenset({kind}))).run(threading.Event())
    assert (summary.parts, summary.accept, summary.late) == (10, 8, 2)


def test_a_rebooted_plc_has_a_new_session_and_forgets_its_part():
    line = Line()
    with line.station as station:
        kinds = frozenset({Misbehaviour.REBOOT})
        summary = line.plc(PlcSettings(parts=12, misbehave=kinds)).run(threading.Event())
        wait_until(lambda: len(station.acks) == 11)
    assert (summary.accept, summary.late) == (11, 1)
    assert len({trigger.session for trigger in station.triggers}) == 2
    assert [trigger.trig for trigger in station.triggers] == [*range(1, 11), 1, 2]
    assert line.actuations[9].reason == Reason.REBOOTED


def test_no_ack_means_none():
    line = Line()
    with line.station as station:
        kinds = frozenset({Misbehaviour.NO_ACK})
        line.plc(PlcSettings(parts=3, misbehave=kinds)).run(threading.Event())
        line.plc(PlcSettings(parts=1)).run(threading.Event())
        wait_until(lambda: station.acks)
    assert len(station.acks) == 1


def test_accept_anything_accepts_what_the_rule_forbids():
    line = Line(lambda trigger, epoch, seq: replace(result_for(trigger, epoch=epoch, seq=seq, sim=1), part="other"))
    with line.station:
        kinds = frozenset({Misbehaviour.ACCEPT_ANYTHING})
        assert line.plc(PlcSettings(parts=2, misbehave=kinds)).run(threading.Event()).accept == 2


def test_over_a_real_broker(tmp_path):
    with mosquitto_broker(tmp_path) as broker:
        settings = replace(STATION_LINK, broker=broker.address)
        with ScriptedStation(lambda events: MqttLink(settings, events), accept) as station:
            plc = PlcSimulator(PlcSettings(parts=20), replace(PLC_LINK, broker=broker.address))
            summary = plc.run(threading.Event())
            wait_until(lambda: len(station.acks) == 20)
    assert (summary.parts, summary.accept, summary.late) == (20, 20, 0)
