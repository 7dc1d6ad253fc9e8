"""What ``linegate model install`` makes of the station's answer: exit code 3 where it refused, 1 where it failed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from deploy.updates.values import Fetched
from edge.cli import model_install
from edge.core.slots import Slot, Slots, Stage
from edge.inspector.operating import ModelRequest, OperatingError, Reply, State

FETCHED = Fetched(path=Path("toy-4.lgb"), sha256="4" * 64, name="toy", version=4, product="phone", source="stick")


def slots(stage: Stage | None) -> Slots:
    if stage is None:
        return Slots()
    return Slots(
        bundles=(Slot(name="toy", version=4, sha256="4" * 64, product="phone", stage=stage, since=1, origin="stick"),)
    )


def staged(monkeypatch: pytest.MonkeyPatch, replies: list[Reply], stage: Stage | None) -> str:
    def ask(_store: Path, request: ModelRequest) -> Iterator[Reply]:
        assert request.action == "install"
        yield from replies

    monkeypatch.setattr(model_install, "ask", ask)
    monkeypatch.setattr(model_install, "read_slots", lambda _store: slots(stage))
    return model_install._stage(Path("store"), FETCHED)


def reply(state: State, text: str) -> Reply:
    return Reply(state=state, text=text)


def test_what_is_said_of_this_very_bundle_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = [reply(State.WORKING, "toy-4 is staged"), reply(State.DONE, "toy-5 is staged")]
    assert staged(monkeypatch, replies, Stage.STAGED) == "toy-4 is staged"


def test_the_station_may_have_taken_it_in_before_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is staged" in staged(monkeypatch, [reply(State.DONE, "nothing was waiting")], Stage.STAGED)


@pytest.mark.parametrize(
    ("answer", "stage", "told"),
    [
        (reply(State.FAILED, "the disk is full"), None, (1, "the disk is full")),
        (reply(State.FAILED, "the disk is full"), Stage.REFUSED, (1, "the disk is full")),
        (reply(State.REFUSED, "another move is under way"), None, (3, "under way")),
        (reply(State.DONE, "toy-4.lgb is not taken in: no bundle"), None, (3, "no bundle")),
        (reply(State.DONE, "nothing was waiting"), None, (3, "alarm/bundles")),
    ],
)
def test_what_was_not_taken_in_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: Reply,
    stage: Stage | None,
    told: tuple[int, str],
) -> None:
    with pytest.raises(typer.Exit) as ended:
        staged(monkeypatch, [answer], stage)
    code, words = told
    assert ended.value.exit_code == code
    assert words in capsys.readouterr().err


def test_a_station_that_is_away_takes_it_in_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_store: Path, _request: ModelRequest) -> Iterator[Reply]:
        raise OperatingError("no inspector runs on this store")
        yield

    monkeypatch.setattr(model_install, "ask", ask)
    assert "at its next start" in model_install._stage(Path("store"), FETCHED)
