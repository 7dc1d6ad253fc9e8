"""Models in service on a whole station: every step, every refusal, and everything that takes one back."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.slots.store import SlotStore, read_slots
from edge.core import wire
from edge.core.codes import Code
from edge.core.slots import AUTOMATIC, By, Stage, is_canary_part, shadow
from edge.core.trial import Tally
from edge.core.types import Decision
from edge.inspector import daemon as daemon_module
from edge.inspector.daemon import HangError
from edge.inspector.operating import State
from edge.inspector.selftest import SelfTest
from edge.inspector.service import golden as golden_module
from edge.inspector.service import service as service_module
from edge.inspector.trial.protocol import Ready
from edge.ledger import LedgerCorruptError
from tests.support.candidates import ACCEPTS, NOTHING, REJECTS, Candidates, StandInCandidate, bring, crash, dawdle
from tests.support.moves import MANY, done, events, on_trial, reason_of, refused, running, settings, stage_of
from tests.support.stations import SESSION, RunningStation, StandInJudge, pictures
from tests.support.waiting import wait_until


def test_a_whole_life(tmp_path: Path) -> None:
    bring(tmp_path)
    new = StandInJudge(score=0.05)
    with running(tmp_path, judges={"toy-3": new}) as station:
        before = station.inspect(1).model
        on_trial(station, "toy-3", share=0.5)
        done(station, "promote", "toy-3")
        after = station.inspect(2)
        assert after.model != before
        assert (after.score, stage_of(station, "toy-3")) == (50, "active")
        done(station, "rollback")
        assert station.inspect(3).model == before
        station.stop()
        assert station.verified().ok
    moves = [(event["bundle"], event["after"]) for event in events(station, "model_moved")]
    assert [after for bundle, after in moves if bundle == "toy-3"] == [
        "staged", "verified", "shadow", "canary", "active", "withdrawn",
    ]  # fmt: skip
    asked = [event["action"] for event in events(station, "operator") if str(event["action"]).startswith("model")]
    assert asked == ["model verify", "model shadow", "model canary", "model promote", "model rollback"]


def test_the_record_names_the_bundle_that_judged(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=0.5)
        done(station, "promote", "toy-3")
        station.inspect(1)
        station.stop()
    known = {slot.label: slot.sha256 for slot in read_slots(tmp_path).bundles}
    (decided,) = events(station, "decided")
    assert decided["views"][0]["bundle"] == known["toy-3"]  # type: ignore[index]


def test_a_shadow_judges_every_part_and_changes_none(tmp_path: Path) -> None:
    bring(tmp_path)
    candidate = StandInCandidate(opinion=REJECTS)
    with running(tmp_path, candidate) as station:
        on_trial(station, "toy-3")
        results = [station.inspect(trig) for trig in range(1, 6)]
        assert {result.dec for result in results} == {Decision.ACCEPT}
        wait_until(lambda: len(events(station, "compared")) == 5, what="five comparisons on record")
    compared = events(station, "compared")
    assert {(event["own"], event["decision"], event["stage"]) for event in compared} == {(1, 2, "shadow")}


def test_a_shadow_that_is_slow_skips_parts_and_delays_none(tmp_path: Path) -> None:
    bring(tmp_path)
    going_on = threading.Event()
    candidate = StandInCandidate(behave=lambda: going_on.wait(30))
    with running(tmp_path, candidate) as station:
        on_trial(station, "toy-3")
        results = [station.inspect(trig) for trig in range(1, 12)]
        assert {result.dec for result in results} == {Decision.ACCEPT}
        going_on.set()
        wait_until(lambda: len(events(station, "compared")) == 5, what="those that waited")
        assert "6 skipped" in done(station, "canary", "toy-3", share=0.5)


def test_a_canary_takes_accepts_away_from_its_share_alone(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path, StandInCandidate(opinion=REJECTS)) as station:
        on_trial(station, "toy-3", share=0.5)
        sha256 = read_slots(tmp_path).on_trial.sha256  # type: ignore[union-attr]
        alone = station.inspect(1000).model
        for trig in range(1, 21):
            result = station.inspect(1000 + trig)
            chosen = is_canary_part(sha256, SESSION, 1000 + trig, 0.5)
            expected = (Decision.CANNOT_JUDGE, Code.CANARY_DISAGREES) if chosen else (Decision.ACCEPT, 0)
            assert (result.dec, result.code) == expected
            assert (result.model == alone) is not chosen or is_canary_part(sha256, SESSION, 1000, 0.5)


def test_a_canary_never_turns_a_reject_into_anything_else(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path, StandInCandidate(opinion=ACCEPTS), judge=StandInJudge(score=0.95)) as station:
        on_trial(station, "toy-3", share=1.0)
        assert station.inspect(1).dec is Decision.REJECT


def test_a_canary_that_answers_after_a_reject_has_answered(tmp_path: Path) -> None:
    bring(tmp_path)
    slow = StandInCandidate(opinion=REJECTS, behave=dawdle(0.05))
    with running(tmp_path, slow, judge=StandInJudge(score=0.95)) as station:
        on_trial(station, "toy-3", share=1.0)
        station.inspect(1)
        wait_until(lambda: events(station, "compared"), what="the comparison on record")
        assert events(station, "compared")[0]["decision"] == Decision.REJECT


def test_both_accept_and_the_part_is_accepted(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
        assert station.inspect(1).dec is Decision.ACCEPT


def test_a_canary_that_does_not_answer_costs_the_accept_and_not_the_deadline(tmp_path: Path) -> None:
    bring(tmp_path)
    going_on = threading.Event()
    with running(tmp_path, StandInCandidate(behave=lambda: going_on.wait(30)), deadline_ms=600) as station:
        on_trial(station, "toy-3", share=1.0)
        result = station.inspect(1)
        assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.CANARY_SILENT)
        going_on.set()


@pytest.mark.parametrize("share", [None, 1.0])
@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (StandInCandidate(behave=crash), "crashed"),
        (StandInCandidate(opinion=NOTHING), "could be used"),
        (StandInCandidate(behave=dawdle(0.12)), "it takes"),
    ],
)
def test_a_candidate_that_fails_is_taken_back_by_itself(
    tmp_path: Path, candidate: StandInCandidate, words: str, share: float | None
) -> None:
    bring(tmp_path)
    with running(tmp_path, candidate, deadline_ms=700, capture_ms=600) as station:
        on_trial(station, "toy-3", share=share)
        trigs = iter(range(1, MANY))

        def gone() -> bool:
            station.inspect(next(trigs))
            return stage_of(station, "toy-3") == "withdrawn"

        wait_until(gone, 60.0, what="the candidate to be taken back")
        assert words in reason_of(station, "toy-3")
        wait_until(lambda: words in station.alarm("rolled"), what="the alarm")
        assert station.inspect(next(trigs)).dec is Decision.ACCEPT
        wait_until(lambda: events(station, "model_moved")[-1]["after"] == "withdrawn", what="the move on record")
        assert events(station, "model_moved")[-1]["who"] == AUTOMATIC


def test_paired_evidence_takes_a_candidate_back(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path, StandInCandidate(opinion=ACCEPTS), judge=StandInJudge(score=0.95)) as station:
        on_trial(station, "toy-3")
        for trig in range(1, 31):
            station.inspect(trig)
        wait_until(lambda: len(events(station, "compared")) == 30, what="the comparisons")
        for trig in range(1, 31):
            report = wire.TruthReport(part=f"P{trig}", truth="reject", source="final inspection")
            station.send(wire.TRUTH, wire.encode_truth(report))
        wait_until(lambda: stage_of(station, "toy-3") == "withdrawn", what="the candidate to be taken back")
        assert "worse in escape" in reason_of(station, "toy-3")


def test_a_truth_of_a_part_that_came_again_is_not_held_against_what_was_said_before(tmp_path: Path) -> None:
    """Rework: what is found of the part as it is now says nothing of how it was judged before."""
    bring(tmp_path)
    going_on = threading.Event()
    going_on.set()
    candidate = StandInCandidate(opinion=ACCEPTS, behave=lambda: going_on.wait(30))
    with running(tmp_path, candidate, judge=StandInJudge(score=0.95)) as station:
        on_trial(station, "toy-3")
        station.inspect(1, part="again")
        wait_until(lambda: len(events(station, "compared")) == 1, what="the first comparison")
        going_on.clear()
        for trig in range(2, 8):
            station.inspect(trig, part="again")  # more than wait for the candidate
        station.send(wire.TRUTH, wire.encode_truth(wire.TruthReport(part="again", truth="reject", source="rework")))
        wait_until(lambda: events(station, "truth"), what="the truth on record")
        assert "0 with a known truth" in done(station, "canary", "toy-3", share=0.5)
        going_on.set()


def test_what_is_found_before_the_candidate_has_answered_weighs_too(tmp_path: Path) -> None:
    bring(tmp_path)
    going_on = threading.Event()
    slow = StandInCandidate(opinion=ACCEPTS, behave=lambda: going_on.wait(30))
    with running(tmp_path, slow, judge=StandInJudge(score=0.95)) as station:
        on_trial(station, "toy-3")
        station.inspect(1)
        wait_until(lambda: slow.judged, what="the part before the candidate")
        station.send(wire.TRUTH, wire.encode_truth(wire.TruthReport(part="P1", truth="reject", source="gauge")))
        wait_until(lambda: events(station, "truth"), what="the truth on record")
        going_on.set()
        wait_until(lambda: events(station, "compared"), what="the comparison on record")
        assert "1 with a known truth" in done(station, "canary", "toy-3", share=0.5)


def test_what_is_found_while_a_trial_comes_up_again_weighs_too(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path, judge=StandInJudge(score=0.95)) as station:
        on_trial(station, "toy-3")
        for trig in range(1, 31):
            station.inspect(trig)
        wait_until(lambda: len(events(station, "compared")) == 30, what="the comparisons")
    going_on, opening = threading.Event(), threading.Event()

    def opens() -> None:
        opening.set()
        going_on.wait(30)

    with running(tmp_path, StandInCandidate(opens=opens), judge=StandInJudge(score=0.95)) as station:
        assert opening.wait(30)  # what was on record has been read
        for trig in range(1, 31):
            report = wire.TruthReport(part=f"P{trig}", truth="reject", source="final inspection")
            station.send(wire.TRUTH, wire.encode_truth(report))
        wait_until(lambda: len(events(station, "truth")) == 30, what="the truths on record")
        going_on.set()
        wait_until(lambda: stage_of(station, "toy-3") == "withdrawn", what="the candidate to be taken back")
        assert "worse in escape" in reason_of(station, "toy-3")


def test_a_trial_whose_record_cannot_be_read_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its share of the parts would not be accepted for ever."""
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)

    def unreadable(*_: object) -> Tally:
        raise LedgerCorruptError("ledger.db: damaged")

    monkeypatch.setattr(service_module, "past_trial", unreadable)
    with running(tmp_path) as station:
        wait_until(lambda: stage_of(station, "toy-3") == "withdrawn", what="the candidate to be taken back")
        assert "what it said so far cannot be read: ledger.db: damaged" in reason_of(station, "toy-3")
        assert station.inspect(1).dec is Decision.ACCEPT


def test_evidence_on_record_stops_a_candidate_at_the_next_start(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path, judge=StandInJudge(score=0.95)) as station:
        on_trial(station, "toy-3")
        for trig in range(1, 11):
            station.inspect(trig)
        wait_until(lambda: len(events(station, "compared")) == 10, what="the comparisons")
        for trig in range(1, 11):
            report = wire.TruthReport(part=f"P{trig}", truth="reject", source="final inspection")
            station.send(wire.TRUTH, wire.encode_truth(report))
        wait_until(lambda: len(events(station, "truth")) == 10, what="the truths on record")
        assert stage_of(station, "toy-3") == "shadow"
    with RunningStation(
        tmp_path, steps=pictures(MANY), candidate=Candidates(), settings=settings("alpha = 0.1"),
        judge=StandInJudge(score=0.95),
    ) as station:  # fmt: skip
        wait_until(lambda: stage_of(station, "toy-3") == "withdrawn", what="the candidate to be taken back")
        assert "worse in escape" in reason_of(station, "toy-3")


def test_an_active_bundle_that_fails_gives_way_to_the_one_before(tmp_path: Path) -> None:
    bring(tmp_path)

    def fail() -> None:
        raise RuntimeError("delegate lost")

    broken = StandInJudge()
    with running(tmp_path, judges={"toy-3": broken}) as station:
        on_trial(station, "toy-3", share=0.5)
        done(station, "promote", "toy-3")
        assert station.inspect(1).dec is Decision.ACCEPT
        broken.behave = fail
        assert station.inspect(2).dec is Decision.CANNOT_JUDGE
        wait_until(lambda: stage_of(station, "toy-3") == "withdrawn", 30.0, what="the bundle to give way")
        wait_until(station.ready, what="a ready station")
        assert station.inspect(3).dec is Decision.ACCEPT
        assert "toy-3" in station.alarm("rolled")


def test_an_active_bundle_that_fails_does_not_wait_for_an_operator(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("delegate lost")

    bring(tmp_path)
    bring(tmp_path, 4)
    broken, going_on = StandInJudge(), threading.Event()
    known = {"toy-4": StandInCandidate(opens=lambda: going_on.wait(60) or None)}
    with RunningStation(
        tmp_path, steps=pictures(MANY), candidate=Candidates(known), settings=settings(), judges={"toy-3": broken}
    ) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        thread = threading.Thread(target=lambda: station.model("verify", "toy-4"))
        thread.start()
        broken.behave = fail
        station.inspect(1)
        wait_until(lambda: stage_of(station, "toy-3") == "withdrawn", 30.0, what="the bundle to give way")
        going_on.set()
        thread.join(30)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("shadow", "linegate model verify toy-3"),
        ("canary", "linegate model verify toy-3"),
        ("promote", "linegate model verify toy-3"),
        ("rollback", "nothing to take back"),
    ],
)
def test_a_step_out_of_order_is_refused(tmp_path: Path, action: str, words: str) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        done(station, "install")
        assert words in refused(station, action, "toy-3")
        assert stage_of(station, "toy-3") == "staged"


def test_a_bundle_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with running(tmp_path) as station:
        assert "linegate model list" in refused(station, "verify", "toy-9")


def test_a_bundle_for_another_product_is_refused(tmp_path: Path) -> None:
    bring(tmp_path, product="tile")
    with running(tmp_path) as station:
        assert "for the product 'tile'" in refused(station, "verify", "toy-3")
        assert stage_of(station, "toy-3") == "refused"


def test_a_bundle_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    bring(tmp_path)
    hungry = StandInCandidate(ready=Ready(pictures=1, latency_ms=1.0, memory_mb=5_000.0))
    with running(tmp_path, hungry) as station:
        assert "models.memory_limit" in refused(station, "verify", "toy-3")


def test_what_is_no_bundle_is_not_taken_in_and_is_on_record(tmp_path: Path) -> None:
    bring(tmp_path, data=b"PK\x05\x06 and no more")
    with running(tmp_path) as station:
        wait_until(lambda: "not taken in" in station.alarm("bundles"), what="the alarm")
        assert stage_of(station, "toy-3") == "absent"
        assert station.inspect(1).dec is Decision.ACCEPT
        station.stop()
        assert station.verified().ok
    [refusal] = events(station, "operator")
    assert (refusal["who"], refusal["action"]) == (AUTOMATIC, "model refused")
    assert str(refusal["detail"]).startswith("toy-3.lgb is not taken in: ")


def test_a_file_that_was_exchanged_where_it_waited_is_not_taken_in(tmp_path: Path) -> None:
    """It was proved when it was fetched; whoever writes there must not get anything in by that."""
    bring(tmp_path)
    path = tmp_path / "models" / "incoming" / "toy-3.lgb"
    path.write_bytes(path.read_bytes() + b"\0")
    with running(tmp_path) as station:
        wait_until(lambda: "not taken in" in station.alarm("bundles"), what="the alarm")
        assert stage_of(station, "toy-3") == "absent"
        assert not path.exists()
        assert station.inspect(1).dec is Decision.ACCEPT
    [refusal] = events(station, "operator")
    assert "is not the file that was announced" in str(refusal["detail"])


def test_a_bundle_that_comes_again_is_no_alarm(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        done(station, "install")
        bring(tmp_path)
        assert "here already" in done(station, "install") or not list((tmp_path / "models" / "incoming").glob("*.lgb"))
        assert stage_of(station, "toy-3") == "staged"
        assert station.alarm("bundles") == ""


def test_of_two_operators_one_is_told_of_the_other(tmp_path: Path) -> None:
    bring(tmp_path)
    begun, going_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        going_on.wait(30)

    with running(tmp_path, StandInCandidate(opens=wait)) as station:
        first: list[str] = []
        thread = threading.Thread(target=lambda: first.append(done(station, "verify", "toy-3")))
        thread.start()
        assert begun.wait(30)
        assert "verify toy-3 by" in refused(station, "verify", "toy-3")
        going_on.set()
        thread.join(30)
        assert "is verified" in first[0]


def test_a_trial_goes_on_after_a_restart_and_so_does_its_evidence(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3")
        station.inspect(1)
        wait_until(lambda: len(events(station, "compared")) == 1, what="a comparison")
    with running(tmp_path) as station:
        station.inspect(2)
        wait_until(lambda: len(events(station, "compared")) >= 1, what="the comparison of before")

        def again() -> bool:
            return station.model("canary", "toy-3", share=0.5).state is State.DONE

        wait_until(again, 30.0, what="the trial to go on")
        wait_until(lambda: events(station, "model_moved")[-1]["after"] == "canary", what="the move on record")
        moved = events(station, "model_moved")[-1]
        assert str(moved["reason"]).startswith(("1 parts compared", "2 parts compared"))


def test_a_canary_whose_process_is_not_there_yet_lets_nothing_pass_in_its_share(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
    going_on = threading.Event()
    with running(tmp_path, StandInCandidate(opens=lambda: going_on.wait(30) or None)) as station:
        result = station.inspect(1)
        assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.CANARY_SILENT)
        going_on.set()
        wait_until(lambda: station.inspect(next(trigs)).dec is Decision.ACCEPT, what="both to judge")


trigs = iter(range(2, MANY))


def test_a_promoted_bundle_is_active_after_a_restart(tmp_path: Path) -> None:
    bring(tmp_path)
    judges = {"toy-3": StandInJudge(score=0.05)}
    with running(tmp_path, judges=judges) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
    with running(tmp_path, judges=judges) as station:
        assert station.inspect(1).score == 50


def test_a_golden_test_on_request_uses_no_number_and_says_not_ready(tmp_path: Path) -> None:
    with running(tmp_path) as station:
        station.inspect(1)
        station.send(wire.TEST, b'{"id":"MES-7"}')
        wait_until(lambda: station.on(wire.TEST_RESULT), what="the answer on evt/test")
        answer = json.loads(station.on(wire.TEST_RESULT)[0].payload)
        assert (answer["id"], answer["ok"], answer["n"]) == ("MES-7", 1, 1)
        assert any(not beat.ready and beat.fault == 64 for beat in station.heartbeats())
        wait_until(station.ready, what="a ready station")
        assert station.inspect(2).seq == 2
        assert len(station.results()) == 2
        assert "model selftest" in [event["action"] for event in events(station, "operator")]


@pytest.mark.parametrize("payload", [b"{", b'{"id":7}', b"[]"])
def test_a_request_for_a_test_that_nobody_understands_is_answered_and_runs_none(tmp_path: Path, payload: bytes) -> None:
    with running(tmp_path) as station:
        station.send(wire.TEST, payload)
        wait_until(lambda: station.on(wire.TEST_RESULT), what="the answer on evt/test")
        assert json.loads(station.on(wire.TEST_RESULT)[0].payload)["ok"] == 2


def test_a_station_that_fails_its_golden_test_is_not_ready_until_it_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_module, "AGAIN_S", 0.0)
    outcome = [SelfTest(pictures=1, faults=(), milliseconds=1)]
    with running(tmp_path, self_test=lambda _recipes, _pause: outcome[0]) as station:
        outcome[0] = SelfTest(pictures=1, faults=("score 0.9 instead of 0.1",), milliseconds=1)
        assert station.model("selftest").state is State.FAILED
        wait_until(lambda: not station.ready(), what="a station that is not ready")
        assert station.heartbeats()[-1].fault == 64
        assert station.inspect(1).code == Code.NOT_READY
        assert "score 0.9" in station.alarm("golden")
        outcome[0] = SelfTest(pictures=1, faults=(), milliseconds=1)
        done(station, "selftest")
        wait_until(station.ready, what="a ready station")


def test_an_active_bundle_that_fails_its_golden_pictures_gives_way(tmp_path: Path) -> None:
    bring(tmp_path)
    bad: list[str] = []

    def test(recipes: dict[int, object], _pause: Callable[[], None]) -> SelfTest:
        used = {view.bundle.sha256 for recipe in recipes.values() for view in recipe.views}  # type: ignore[attr-defined]
        failed = frozenset(used & set(bad))
        faults = ("the picture decodes differently here",) if failed else ()
        return SelfTest(pictures=1, faults=faults, milliseconds=1, failed=failed)

    with running(tmp_path, self_test=test) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        bad.append(read_slots(tmp_path).active.sha256)  # type: ignore[union-attr]
        assert station.model("selftest").state is State.FAILED
        wait_until(lambda: stage_of(station, "toy-3") == "withdrawn", what="the bundle to give way")
        wait_until(station.ready, what="a ready station")


def test_self_tests_are_not_done_in_a_row(tmp_path: Path) -> None:
    with running(tmp_path) as station:
        done(station, "selftest")
        assert "try again later" in refused(station, "selftest")


def test_rates_outside_their_band_alarm_and_stop_the_station_where_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_module, "AGAIN_S", 0.0)
    more = settings("reject_band = [0.0, 0.1]\nband_stops = true")
    judge = StandInJudge(score=0.95)
    with RunningStation(tmp_path, steps=pictures(MANY), judge=judge, settings=more) as station:
        numbers = iter(range(1, MANY))

        def stopped() -> bool:
            station.inspect(next(numbers))
            return "rejects" in station.alarm("rates")

        wait_until(stopped, 30.0, what="the alarm")
        wait_until(lambda: not station.ready(), what="a station that is not ready")
        assert stage_of(station, "toy-3") == "absent"
        station.send(wire.TEST, b"")
        wait_until(lambda: station.on(wire.TEST_RESULT), what="the answer on evt/test")
        beats = len(station.heartbeats())
        wait_until(lambda: len(station.heartbeats()) > beats + 1, what="heartbeats after the test")
        assert not station.ready()  # an MES that asks has not looked
        assert "rejects" in station.alarm("rates")
        done(station, "selftest")
        wait_until(station.ready, what="a ready station after somebody looked")


def test_a_spoilt_active_bundle_gives_way_at_the_start(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
    file = tmp_path / "models" / "toy-3.lgb"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o640)
    file.write_bytes(bytes(data))
    with running(tmp_path) as station:
        assert station.inspect(1).dec is Decision.ACCEPT
        assert stage_of(station, "toy-3") == Stage.REFUSED
        wait_until(lambda: "toy-3" in station.alarm("rolled"), what="the alarm")


def test_a_bundle_with_which_the_station_ends_badly_twice_is_taken_back(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        mark = (tmp_path / "models" / "in-service.json").read_bytes()
    for stage in ("active", "withdrawn"):
        (tmp_path / "models" / "in-service.json").write_bytes(mark)  # as a killed process leaves it
        with running(tmp_path) as station:
            assert stage_of(station, "toy-3") == stage
            assert station.inspect(1 if stage == "active" else 2).dec is Decision.ACCEPT


def test_a_hang_counts_against_the_bundle_with_which_the_station_hung(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(tmp_path)
    going_on = threading.Event()
    hanging = StandInJudge()
    with running(tmp_path, judges={"toy-3": hanging}) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        hanging.behave = lambda: going_on.wait(60) or None
        monkeypatch.setattr(daemon_module, "HANG_NS", 1_500_000_000)
        monkeypatch.setattr(daemon_module, "FINISH_S", 0.1)
        station.send_trigger(1)
        wait_until(lambda: station.failure is not None, 30.0, what="the end of a station that hangs")
        monkeypatch.undo()
        going_on.set()
    assert isinstance(station.failure, HangError)
    with running(tmp_path, judges={"toy-3": StandInJudge()}) as station:
        assert station.inspect(2).dec is Decision.ACCEPT
    assert [slot.crashes for slot in read_slots(tmp_path).bundles] == [1]


def test_the_wrong_product_accepts_nothing_until_a_bundle_for_it_is_active(tmp_path: Path) -> None:
    bring(tmp_path, product="tile")
    with RunningStation(
        tmp_path, steps=pictures(MANY), candidate=Candidates(), settings='[models]\nproduct = "tile"\n', waits=False
    ) as station:
        wait_until(lambda: "'tile'" in station.alarm("golden"), what="the alarm")
        assert not station.ready()
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        wait_until(station.ready, what="a ready station")
        assert station.inspect(1).dec is Decision.ACCEPT


def test_a_power_cut_is_not_held_against_a_bundle(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        mark = json.loads((tmp_path / "models" / "in-service.json").read_bytes())
    for _ in range(3):
        (tmp_path / "models" / "in-service.json").write_text(json.dumps(mark | {"boot": "another"}))
        with running(tmp_path) as station:
            assert stage_of(station, "toy-3") == "active"


def test_a_move_that_a_crash_kept_off_the_record_is_recorded_at_the_next_start(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        done(station, "verify", "toy-3")
    before = len(events(station, "model_moved"))
    with SlotStore.open(tmp_path) as store:
        sha256 = store.slots.bundles[0].sha256
        store.move(lambda slots: shadow(slots, sha256, By(who="anna", at=time.time_ns() // 1_000_000)))
    with running(tmp_path) as station:
        wait_until(lambda: len(events(station, "model_moved")) == before + 1, what="the move on record")
        station.stop()
        assert station.verified().ok
