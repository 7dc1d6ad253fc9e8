"""The whole inspector on scripted cameras: one verdict of record a trigger, on the wire as in the book."""

import json

import pytest

from camera.errors import FrameUnreadableError
from camera.scripted import Again, Fail, ScriptedSource, Show
from edge.core import wire
from edge.core.anchors import anchors_in
from edge.core.codes import REJECT_BASE, Code
from edge.core.types import Act, Box, Decision
from edge.ledger.verify import verify
from tests.support.stations import SESSION, RunningStation, StandInJudge, picture, pictures
from tests.support.waiting import wait_until

SCRATCH = Box(x=1, y=2, width=30, height=4, category="scratch", category_id=2, score=0.9)


@pytest.fixture
def station(tmp_path):
    with RunningStation(tmp_path) as running:
        yield running


def test_a_clean_part_is_accepted_on_the_wire_and_in_the_book(station):
    result = station.inspect(1)
    assert (result.sess, result.trig, result.part) == (SESSION, 1, "P1")
    assert (result.dec, result.code, result.score, result.sim) == (Decision.ACCEPT, 0, 10, 1)
    station.send_ack(result, Act.ACCEPTED)
    station.stop()
    record = station.records()[1]
    assert (record["verdict"], record["seq"], record["epoch"]) == ("accept", result.seq, result.epoch)
    assert record["deadline_met"] is True
    assert record["ack_act"] == 1
    assert station.verified().problems == ()


def test_a_defect_is_rejected_with_its_class_and_its_picture_is_kept(tmp_path):
    with RunningStation(tmp_path, judge=StandInJudge(score=0.95, boxes=(SCRATCH,))) as station:
        result = station.inspect(1)
        assert (result.dec, result.code, result.n) == (Decision.REJECT, REJECT_BASE + 2, 1)
        wait_until(lambda: station.records()[1]["views"][0]["image"], what="the stored picture")
    record = station.records()[1]
    assert (tmp_path / "spool" / record["views"][0]["image"]).is_file()
    assert station.verified().problems == ()


def test_a_doubtful_part_cannot_be_judged(tmp_path):
    with RunningStation(tmp_path, judge=StandInJudge(score=0.5)) as station:
        result = station.inspect(1)
    assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.UNCERTAIN)


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([picture(), Again()], Code.FRAME_UNCHANGED),
        ([picture(), Again(new_counter=True)], Code.FRAME_IDENTICAL),
        ([picture(), Fail(FrameUnreadableError("broken.jpg: broken"))], Code.FRAME_UNREADABLE),
        ([picture(), Fail(RuntimeError("a bug in a driver"))], Code.CAMERA_UNAVAILABLE),
        ([picture(), Show(picture(1), captured_after_ms=-5_000)], Code.CAPTURE_OVERRUN),
        ([picture(), Show(picture(1), captured_after_ms=60_000)], Code.CAPTURE_OVERRUN),
        ([picture(), Show(picture(1), captured_known=False)], Code.TIMING_UNKNOWN),
        ([picture(), picture() * 0], Code.TOO_DARK),
        ([picture(), picture()[:, :, 0]], Code.FRAME_SHAPE),
        ([picture(), picture().astype(float)], Code.FRAME_SHAPE),
    ],
)
def test_a_picture_that_cannot_be_trusted_is_never_an_accept(tmp_path, steps, code):
    with RunningStation(tmp_path, steps=[*steps, picture(5)]) as station:
        assert station.inspect(1).dec is Decision.ACCEPT
        result = station.inspect(2)
        assert (result.dec, result.code, result.score) == (Decision.CANNOT_JUDGE, code, wire.SCORE_NONE)
        assert station.inspect(3).dec is Decision.ACCEPT
    assert station.verified().problems == ()


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.5, 1.5])
def test_a_score_that_is_no_probability_is_never_an_accept(tmp_path, score):
    with RunningStation(tmp_path, judge=StandInJudge(score=score)) as station:
        result = station.inspect(1)
    assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.SCORE_INVALID)


def test_a_repeated_trigger_is_answered_once(station):
    station.inspect(1)
    station.send_trigger(1)
    station.inspect(2)
    assert [result.trig for result in station.results()] == [1, 2]
    assert station.cameras["top"].taken == 2


@pytest.mark.parametrize(
    "payload",
    [b"", b"no json", b"[]", b'{"sess":1}', b"\xff\xfe", b'{"sess":1,' + b" " * 2000 + b"}", b"[" * 900],
)
def test_garbage_gets_no_result_and_no_picture(station, payload):
    station.send(wire.TRIGGER, payload)
    assert station.inspect(1).dec is Decision.ACCEPT
    assert len(station.results()) == 1
    station.stop()
    assert station.verified().problems == ()


def test_a_trigger_of_a_foreign_epoch_is_a_recorded_loss(station):
    station.send_trigger(4, epoch=station.epoch + 1)
    station.inspect(5)
    station.stop()
    record = station.records()[4]
    assert (record["verdict"], record["dec"], record["code"]) == ("loss", None, Code.FOREIGN_EPOCH)
    assert [result.trig for result in station.results()] == [5]


def test_a_gap_in_the_triggers_is_a_loss_each(station):
    station.inspect(1)
    station.inspect(4)
    station.stop()
    records = station.records()
    assert [records[trig]["verdict"] for trig in (1, 2, 3, 4)] == ["accept", "loss", "loss", "accept"]


def test_an_unknown_recipe_cannot_be_judged_and_takes_no_picture(station):
    result = station.inspect(1, recipe=9)
    assert (result.dec, result.code, result.model) == (Decision.CANNOT_JUDGE, Code.RECIPE_UNKNOWN, wire.MODEL_NONE)
    assert station.cameras["top"].taken == 0


def test_a_late_trigger_cannot_be_judged(station):
    station.inspect(1, tick=10_000)
    result = station.inspect(2, tick=1_000)
    assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.LATE_TRIGGER)


def test_all_views_of_a_part_count(tmp_path):
    from_top, from_side = pictures(2), [Fail(FrameUnreadableError("broken"))]
    sources = {"top": ScriptedSource("top", from_top), "side": ScriptedSource("side", from_side)}
    with RunningStation(tmp_path, sources=sources) as station:
        result = station.inspect(1)
    assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.FRAME_UNREADABLE)


def test_a_restart_begins_a_new_epoch_and_goes_on_in_the_same_session(tmp_path):
    with RunningStation(tmp_path) as first:
        first.inspect(1)
    with RunningStation(tmp_path) as second:
        assert second.epoch == first.epoch + 1
        second.send_trigger(1, epoch=second.epoch)
        assert second.inspect(2).seq == 1
        assert len(second.results()) == 1


def test_the_retained_state_says_what_runs_and_that_it_has_gone(station):
    state = json.loads(station.on(wire.STATE)[-1].payload)
    assert (state["online"], state["ready"], state["epoch"], state["live"]) == (1, 1, station.epoch, 0)
    assert [len(sha256) for sha256 in state["models"].values()] == [64]
    station.stop()
    wait_until(lambda: json.loads(station.on(wire.STATE)[-1].payload)["online"] == 0, what="the farewell")


def test_somebody_else_cannot_change_the_retained_state(station):
    own = station.on(wire.STATE)[-1].payload
    station.send(wire.STATE, b'{"online":0}', retain=True)
    wait_until(lambda: station.on(wire.STATE)[-1].payload == own, what="the station's own state again")


def test_a_timer_triggers_parts_of_its_own_and_never_on_the_plc_topic(tmp_path):
    with RunningStation(tmp_path, trigger="timer:0.05", steps=pictures(500)) as station:
        wait_until(lambda: len(station.results(wire.AUTO)) >= 2, what="two parts")
    results = station.results(wire.AUTO)
    assert [(result.sess, result.trig) for result in results[:2]] == [(0, 1), (0, 2)]
    assert station.results() == []
    with RunningStation(tmp_path, trigger="timer:0.05", steps=pictures(500)) as station:
        wait_until(lambda: station.results(wire.AUTO), what="a part after the restart")
        assert station.results(wire.AUTO)[0].trig > results[-1].trig


def test_the_head_of_the_record_goes_out_with_state_and_side_cars(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.inspector.station.ANCHOR_NS", 0)
    with RunningStation(tmp_path, judge=StandInJudge(score=0.95, boxes=(SCRATCH,))) as station:
        station.inspect(1)
        wait_until(lambda: station.records()[1]["views"][0]["image"], what="the stored picture")
        image = tmp_path / "spool" / station.records()[1]["views"][0]["image"]
        kept = [json.loads(image.with_suffix(".json").read_text())]
        wait_until(
            lambda: json.loads(station.on(wire.STATE)[-1].payload)["ledger"]["id"] > kept[0]["ledger"]["id"],
            what="a state with a later head",
        )
        station.stop()
        wait_until(lambda: json.loads(station.on(wire.STATE)[-1].payload)["online"] == 0, what="the farewell")
        kept += [json.loads(message.payload) for message in station.on(wire.STATE)]
    anchors = set(anchors_in(kept))
    assert len(anchors) >= 3
    assert verify(tmp_path, anchors=anchors).agreed == anchors


def test_the_state_is_not_published_for_every_event(tmp_path):
    with RunningStation(tmp_path) as station:
        for trig in range(1, 20):
            station.inspect(trig)
        states = {message.payload for message in station.on(wire.STATE)}
        assert len({json.loads(state)["ledger"]["id"] for state in states}) == 1
