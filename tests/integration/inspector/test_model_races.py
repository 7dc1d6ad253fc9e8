"""Moves of models that meet parts in hand, each other, or the end of the station."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from camera.scripted import ScriptedSource
from deploy.active import shipped_bundle
from deploy.slots.store import read_slots
from edge.core import wire
from edge.core.codes import Code
from edge.core.slots import AUTOMATIC
from edge.core.types import Decision
from edge.inspector import daemon as daemon_module
from edge.inspector.daemon import HangError
from edge.inspector.operating import ModelRequest, State
from edge.inspector.operator_client import ask
from edge.inspector.recipes import LoadedRecipe
from edge.inspector.selftest import SelfTest
from edge.inspector.service import service as service_module
from edge.inspector.service import watch as watch_module
from edge.inspector.service.errors import ModelMoveError
from edge.inspector.service.golden import GoldenTest
from edge.inspector.service.service import ModelService
from edge.inspector.service.starting import boot_id
from edge.inspector.service.watch import ModelWatch
from edge.inspector.service.workshop import Workshop
from edge.inspector.views import RecipeError
from edge.ledger import Ledger, LedgerError
from models.bundle import read_bundle
from tests.support.candidates import REJECTS, Candidates, StandInCandidate, bring, crash
from tests.support.moves import MANY, done, on_trial, reason_of, refused, running, settings, stage_of
from tests.support.stations import RunningStation, StandInJudge, pictures
from tests.support.waiting import wait_until


def fail() -> None:
    raise RuntimeError("delegate lost")


def test_a_part_of_the_canarys_share_that_waited_during_the_promotion_still_needs_both(tmp_path: Path) -> None:
    bring(tmp_path)
    begun, going_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        going_on.wait(30)

    incumbent = StandInJudge()
    patient = {"deadline_ms": 60_000, "capture_ms": 50_000}
    with running(tmp_path, StandInCandidate(opinion=REJECTS), judge=incumbent, **patient) as station:
        on_trial(station, "toy-3", share=1.0)
        incumbent.behave = hold
        station.send_trigger(1)
        assert begun.wait(30)
        station.send_trigger(2)
        done(station, "promote", "toy-3")
        going_on.set()
        result = station.result(2)
        assert result.dec is Decision.CANNOT_JUDGE
        assert result.code in {Code.CANARY_DISAGREES, Code.CANARY_SILENT}


@pytest.mark.parametrize("action", ["canary", "promote"])
def test_a_candidate_that_has_fallen_goes_no_step_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(ModelWatch, "_withdraw", lambda *_arguments: None)  # the station has not come to it yet
    bring(tmp_path)
    with running(tmp_path, StandInCandidate(behave=crash)) as station:
        on_trial(station, "toy-3", share=1.0)
        assert station.inspect(1).code == Code.CANARY_SILENT
        wait_until(lambda: "SIGSEGV" in station.model(action, "toy-3").text, what="the fall")
        assert "must not go on" in refused(station, action, "toy-3")
        assert stage_of(station, "toy-3") == "canary"


def test_a_rollback_that_names_nothing_does_not_meet_the_active_bundle_by_mistake(tmp_path: Path) -> None:
    bring(tmp_path)
    bring(tmp_path, 4)
    known = {"toy-4": StandInCandidate(behave=crash)}
    with RunningStation(tmp_path, steps=pictures(MANY), candidate=Candidates(known), settings=settings()) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        on_trial(station, "toy-4")
        station.inspect(1)
        wait_until(lambda: "toy-4" in station.alarm("rolled"), what="the station to take the candidate back")
        assert "linegate model rollback toy-3" in refused(station, "rollback")
        assert stage_of(station, "toy-3") == "active"
        done(station, "rollback", "toy-3")
        assert stage_of(station, "toy-3") == "withdrawn"


def test_a_rollback_does_not_wait_for_another_operators_long_move(tmp_path: Path) -> None:
    bring(tmp_path)
    bring(tmp_path, 4)
    begun, going_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        going_on.wait(30)

    known = {"toy-4": StandInCandidate(opens=wait)}
    with RunningStation(tmp_path, steps=pictures(MANY), candidate=Candidates(known), settings=settings()) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        thread = threading.Thread(target=lambda: done(station, "verify", "toy-4"))
        thread.start()
        assert begun.wait(30)
        done(station, "rollback")
        assert stage_of(station, "toy-3") == "withdrawn"
        going_on.set()
        thread.join(30)
        assert stage_of(station, "toy-4") == "verified"


def test_what_an_operator_is_told_comes_while_it_is_done(tmp_path: Path) -> None:
    bring(tmp_path)
    going_on = threading.Event()
    with running(tmp_path, StandInCandidate(opens=lambda: None if going_on.wait(10) else crash())) as station:
        done(station, "install")
        replies = ask(station.store, ModelRequest(action="verify", bundle="toy-3"))
        first = next(replies)
        going_on.set()
        assert (first.state, "are looked at" in first.text) == (State.WORKING, True)
        assert [reply.state for reply in replies] == [State.DONE]


def test_a_station_that_fails_its_golden_test_is_never_ready_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[bool] = []
    note = GoldenTest._note

    def watched(self: GoldenTest, tested: SelfTest) -> None:
        noted.append(self._parts.station.ready())
        note(self, tested)

    outcome = [SelfTest(pictures=1, faults=(), milliseconds=1)]
    with running(tmp_path, self_test=lambda _recipes, _pause: outcome[0]) as station:
        monkeypatch.setattr(GoldenTest, "_note", watched)
        outcome[0] = SelfTest(pictures=1, faults=("score 0.9 instead of 0.1",), milliseconds=1)
        assert station.model("selftest").state is State.FAILED
        assert noted == [False]


def test_a_golden_test_of_a_bundle_that_gave_way_meanwhile_says_nothing_of_the_new_one(tmp_path: Path) -> None:
    bring(tmp_path)
    broken, asked = StandInJudge(), threading.Event()

    def test(recipes: dict[int, LoadedRecipe], _pause: object) -> SelfTest:
        used = recipes[0].views[0].bundle
        if used.manifest.name != "toy" or not asked.is_set():
            return SelfTest(pictures=1, faults=(), milliseconds=1)
        wait_until(lambda: "toy-3" in station.alarm("rolled"), 30.0, what="the bundle to give way")
        return SelfTest(pictures=1, faults=("score 0.9",), milliseconds=1, failed=frozenset({used.sha256}))

    with running(tmp_path, judges={"toy-3": broken}, self_test=test) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        broken.behave = fail
        station.inspect(1)
        asked.set()
        assert station.model("selftest").state is State.FAILED
        wait_until(station.ready, what="a ready station")
        assert station.inspect(2).dec is Decision.ACCEPT


def test_a_trigger_during_a_golden_test_is_answered_cannot_judge(tmp_path: Path) -> None:
    going_on = threading.Event()
    going_on.set()

    def slow(_recipes: object, _pause: object) -> SelfTest:
        going_on.wait(30)
        return SelfTest(pictures=1, faults=(), milliseconds=1)

    with running(tmp_path, self_test=slow) as station:
        going_on.clear()
        station.send(wire.TEST, b"")
        wait_until(lambda: not station.ready(), what="a station that is not ready")
        result = station.inspect(1)
        assert (result.dec, result.code, result.seq) == (Decision.CANNOT_JUDGE, Code.NOT_READY, 1)
        going_on.set()
        wait_until(lambda: station.on(wire.TEST_RESULT), what="the answer on evt/test")
        wait_until(station.ready, what="a ready station")
        assert station.inspect(2).dec is Decision.ACCEPT


def test_an_mes_that_asks_for_tests_all_the_time_keeps_no_bundle_in_office(tmp_path: Path) -> None:
    bring(tmp_path)
    broken = StandInJudge()
    with running(tmp_path, judges={"toy-3": broken}) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        done(station, "selftest")  # those of the MES are refused for ten seconds now
        wait_until(station.ready, what="a ready station")
        broken.behave = fail
        station.inspect(1)

        def gone() -> bool:
            station.send(wire.TEST, b"")
            return stage_of(station, "toy-3") == "withdrawn"

        wait_until(gone, 30.0, what="the bundle to give way")


def test_a_candidate_that_ends_as_the_station_stops_goes_on_with_the_next_start(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        begun = threading.Event()

        def killed_beside() -> None:
            begun.set()
            wait_until(lambda: not json.loads(station.on(wire.STATE)[-1].payload)["online"], 30.0, what="the farewell")
            crash()

        candidate = StandInCandidate(behave=killed_beside)
        station.candidate.known["toy-3"] = candidate  # type: ignore[attr-defined, index]
        on_trial(station, "toy-3")
        station.inspect(1)
        assert begun.wait(30)
        station.stop()
        assert stage_of(station, "toy-3") == "shadow"


numbers = iter(range(1, MANY))


TWO = f"""
[[camera]]
name = "side"
source = "virtual:"
[[recipe]]
id = 0
name = "two"
views = [{{ camera = "top", bundle = "active" }}, {{ camera = "side", bundle = "{shipped_bundle()}" }}]
"""


def two_cameras() -> dict[str, ScriptedSource]:
    return {name: ScriptedSource(name, pictures(MANY)) for name in ("top", "side")}


class WithAnother(RunningStation):
    """A second view is judged by a bundle of its own, which always fails."""

    def _recipes(self, _config: object, active: Path, **_options: object) -> dict[int, LoadedRecipe]:
        recipe = dict(super()._recipes(_config, active))[0]
        first, second = recipe.views
        failing = replace(second, bundle=read_bundle(shipped_bundle()), detector=StandInJudge(behave=fail))
        return {0: replace(recipe, views=(first, failing))}


def test_the_active_bundle_does_not_pay_for_another_one_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module.Health, "failing", lambda _self: None)
    judged: list[int] = []
    monkeypatch.setattr(service_module.Health, "judged", lambda _self, _recipe, found, _ns: judged.append(len(found)))
    bring(tmp_path)
    with WithAnother(tmp_path, sources=two_cameras(), candidate=Candidates(), settings=settings() + TWO) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        judged.clear()
        assert station.inspect(1).code == Code.MODEL_FAILED
        wait_until(lambda: judged, what="what is told of the active bundle")
        assert judged == [1]


def test_a_promotion_exchanges_no_bundle_that_a_recipe_names_by_its_path(tmp_path: Path) -> None:
    bring(tmp_path)
    # The stand-in loads every view from the active bundle's file: the other view's would change with it.
    with RunningStation(tmp_path, sources=two_cameras(), candidate=Candidates(), settings=settings() + TWO) as station:
        on_trial(station, "toy-3", share=1.0)
        assert "is another file than at the start" in refused(station, "promote", "toy-3")
        assert stage_of(station, "toy-3") == "canary"


def test_a_bundle_that_cannot_be_replaced_is_not_tried_to_be_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    looks: list[int] = []

    def in_vain(_self: ModelService, _active: object, reason: str) -> bool:
        tries.append(reason)
        return False

    look = ModelWatch.look

    def counted(self: ModelWatch) -> None:
        look(self)
        looks.append(len(tries))

    monkeypatch.setattr(ModelService, "give_way", in_vain)
    monkeypatch.setattr(ModelWatch, "look", counted)
    monkeypatch.setattr(watch_module, "TICK_S", 0.05)
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        monkeypatch.setattr(service_module.Health, "failing", lambda _self: "it fails")
        wait_until(lambda: tries, what="the first attempt")
        seen = len(looks)
        wait_until(lambda: len(looks) > seen + 5, what="more looks")
        assert tries == ["it fails"]


def test_a_disk_that_takes_no_bundle_is_left_in_peace_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    looks: list[int] = []

    def full(_self: Workshop, who: str) -> list[str]:
        tries.append(who)
        raise ModelMoveError("the disk is full")

    look = ModelWatch.look

    def counted(self: ModelWatch) -> None:
        look(self)
        looks.append(len(tries))

    monkeypatch.setattr(Workshop, "take_in", full)
    monkeypatch.setattr(ModelWatch, "look", counted)
    monkeypatch.setattr(watch_module, "TICK_S", 0.05)
    bring(tmp_path)
    with running(tmp_path):
        wait_until(lambda: tries, what="the first attempt")
        seen = len(looks)
        wait_until(lambda: len(looks) > seen + 5, what="more looks")
        assert tries == [AUTOMATIC]


class Marked(RunningStation):
    """Tells what stands on disk about the bundle while it is loaded."""

    def __post_init__(self) -> None:
        self.marks: list[str | None] = []
        super().__post_init__()

    def _recipes(self, _config: object, active: Path, **_options: object) -> dict[int, LoadedRecipe]:
        path = self.store / "models" / "in-service.json"
        self.marks.append(json.loads(path.read_bytes())["active"] if path.exists() else "no mark")
        return dict(super()._recipes(_config, active))


def test_a_bundle_that_kills_the_station_as_it_is_loaded_is_known_to_have_done_so(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
    active = read_slots(tmp_path).active
    assert active is not None
    with Marked(tmp_path, candidate=Candidates(), settings=settings()) as station:
        assert station.marks[0] == active.sha256


class Provisional(RunningStation):
    """One of the bundles does not fit the recipes: a live line refuses it, say."""

    def _recipes(self, _config: object, active: Path, **_options: object) -> dict[int, LoadedRecipe]:
        if active.stem == "toy-3":
            raise RecipeError("recipe 0 (phone), view top: bundle toy-3.lgb is provisional")
        return dict(super()._recipes(_config, active))


def test_a_previous_bundle_that_does_not_fit_the_recipes_gives_way_too(tmp_path: Path) -> None:
    for version in (3, 4):
        bring(tmp_path, version)
    with running(tmp_path) as station:
        for label in ("toy-3", "toy-4"):
            on_trial(station, label, share=1.0)
            done(station, "promote", label)
    mark = {"boot": boot_id(), "active": read_slots(tmp_path).active.sha256}  # type: ignore[union-attr]
    for _ in range(2):
        (tmp_path / "models" / "in-service.json").write_text(json.dumps(mark))  # as a killed process leaves it
        with Provisional(tmp_path, candidate=Candidates(), settings=settings()) as station:
            assert station.inspect(next(numbers)).dec is Decision.ACCEPT
    assert (stage_of(station, "toy-4"), stage_of(station, "toy-3")) == ("withdrawn", "refused")
    assert "provisional" in reason_of(station, "toy-3")


def test_a_bundle_that_a_person_set_up_wrongly_is_not_exchanged_by_itself(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
    station = Provisional(tmp_path, candidate=Candidates(), settings=settings(), waits=False)
    station._thread.start()
    station._thread.join(30)
    assert isinstance(station.failure, RecipeError)
    assert stage_of(station, "toy-3") == "active"


def test_a_start_that_fails_for_another_reason_is_not_held_against_the_bundle(tmp_path: Path) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
    station = RunningStation(
        tmp_path, candidate=Candidates(), settings=settings(), judges={"toy-3": StandInJudge()}, waits=False
    )

    def wrong(_config: object, _active: Path, **_options: object) -> dict[int, LoadedRecipe]:
        raise LedgerError("the configuration is wrong")

    station._recipes = wrong  # type: ignore[method-assign, assignment]
    station._thread.start()
    station._thread.join(30)
    assert isinstance(station.failure, LedgerError)
    assert not (tmp_path / "models" / "in-service.json").exists()


def test_a_disk_that_hangs_is_not_held_against_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(tmp_path)
    with running(tmp_path) as station:
        on_trial(station, "toy-3", share=1.0)
        done(station, "promote", "toy-3")
        monkeypatch.setattr(Ledger, "commit_age_ns", property(lambda _self: 2 * daemon_module.HANG_NS))
        wait_until(lambda: station.failure is not None, 30.0, what="the end of a station that hangs")
        monkeypatch.undo()
    assert isinstance(station.failure, HangError)
    assert not (tmp_path / "models" / "in-service.json").exists()
