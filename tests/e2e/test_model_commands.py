"""``linegate model`` as an operator types it, on a station that runs and on one that does not."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.active import shipped_bundle
from deploy.slots.provenance import read_provenance
from deploy.slots.store import SlotStore
from edge.cli.demo import write_configuration
from edge.cli.main import app
from edge.core.slots import By, refuse
from tests.support.candidates import bring
from tests.support.stations import RunningStation

BY = By(who="anna", at=1_767_225_600_000, reason="a speck on its lens")


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A store with one staged bundle and one that was refused; no station runs."""
    with SlotStore.open(tmp_path) as store:
        for version in (3, 4):
            path = store.incoming / f"{bring(tmp_path, version)}.lgb"
            told = read_provenance(path)
            assert told is not None
            slot = store.stage(path, told, By(who="sync", at=1_767_225_500_000))
        store.move(lambda slots: refuse(slots, slot.sha256, BY))
    return tmp_path


def test_list_and_history_work_while_the_station_is_stopped(stopped: Path) -> None:
    listed = json.loads(run("model", "list", "--store", stopped, "--json").stdout)
    stages = {row["bundle"]: row["stage"] for row in listed["bundles"]}
    assert stages == {shipped_bundle().stem: "active", "toy-3": "staged", "toy-4": "refused"}
    plain = run("model", "list", "--store", stopped)
    assert plain.exit_code == 0
    assert "a speck on its lens" in plain.stdout
    moves = json.loads(run("model", "history", "--store", stopped, "--json").stdout)["moves"]
    assert [(move["bundle"], move["after"], move["who"]) for move in moves] == [
        ("toy-3", "staged", "sync"),
        ("toy-4", "staged", "sync"),
        ("toy-4", "refused", "anna"),
    ]
    assert "staged -> refused  by anna" in run("model", "history", "--store", stopped).stdout


def test_an_empty_store_runs_the_shipped_bundle(tmp_path: Path) -> None:
    (row,) = json.loads(run("model", "list", "--store", tmp_path, "--json").stdout)["bundles"]
    assert (row["stage"], row["shipped"]) == ("active", True)


def test_diff_tells_limits_classes_and_what_else_differs(stopped: Path) -> None:
    done = run("model", "diff", "shipped", "toy-3", "--store", stopped, "--json")
    found = json.loads(done.stdout)
    assert found["classes"]["only_second"] == ["scratch"] or "scratch" not in found["classes"]["only_first"]
    assert found["limits"]["accept_below"][1] == 0.2
    assert "name" in found["manifest"]
    told = run("model", "diff", shipped_bundle(), "toy-3", "--store", stopped)
    assert told.exit_code == 0
    assert "accept_below:" in told.stdout


def test_diff_knows_the_shipped_bundle_by_the_name_that_the_list_gives_it(stopped: Path) -> None:
    listed = json.loads(run("model", "list", "--store", stopped, "--json").stdout)["bundles"]
    [shipped] = [row["bundle"] for row in listed if row["bundle"].startswith("phones-")]
    done = run("model", "diff", shipped, "toy-3", "--store", stopped, "--json")
    assert json.loads(done.stdout)["bundles"][0]["bundle"] == shipped


def test_diff_of_a_bundle_that_is_not_there_is_refused(stopped: Path) -> None:
    done = run("model", "diff", "shipped", "toy-9", "--store", stopped)
    assert done.exit_code == 3
    assert "linegate model list" in done.stderr


@pytest.mark.parametrize("verb", ["verify", "shadow", "canary", "promote"])
def test_a_move_needs_the_running_station(stopped: Path, verb: str) -> None:
    done = run("model", verb, "toy-3", "--store", stopped)
    assert done.exit_code == 1
    assert "start linegate inspect" in done.stderr


def test_a_refusal_exits_3_and_says_what_to_do(tmp_path: Path) -> None:
    bring(tmp_path)
    with RunningStation(tmp_path):
        done = run("model", "promote", "toy-3", "--store", tmp_path)
        assert done.exit_code == 3
        assert "linegate model" in done.stderr
        told = run("model", "rollback", "--store", tmp_path, "--json")
        assert told.exit_code == 3
        assert json.loads(told.stdout)["state"] == "refused"
        assert run("model", "selftest", "--store", tmp_path).exit_code == 0


def test_a_share_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    assert run("model", "canary", "toy-3", "--share", "0", "--store", tmp_path).exit_code == 2


def test_a_record_that_is_lost_is_a_clear_error(stopped: Path) -> None:
    for name in ("slots.json", "slots.copy.json"):
        (stopped / "models" / name).write_bytes(b"{")
    for verb in ("list", "history"):
        done = run("model", verb, "--store", stopped)
        assert done.exit_code == 1
        assert "move these files away" in done.stderr
    configuration = write_configuration(stopped, "mqtt://127.0.0.1:9", "virtual:?seed=1")
    assert run("config", "check", "--config", configuration).exit_code == 1
