"""``linegate ledger``, as a program runs it."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge.cli.ledger import app
from tests.support.ledgers import key, pruned, received, stored, whole_part, write

NAME = "2025/10/09/1-1-top.jpg"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    picture = tmp_path / "spool" / NAME
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    sha256 = hashlib.sha256(b"a picture").hexdigest()
    write(
        tmp_path,
        [
            *whole_part(key(1)),
            stored(key(1), NAME, sha256=sha256),
            *whole_part(key(2)),
            stored(key(2), "gone.jpg"),
            pruned("gone.jpg"),
        ],
    )
    return tmp_path


def test_export_prints_an_object_a_line(store: Path) -> None:
    result = run("export", "--json", "--store", store)
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["trig"] for line in lines] == [1, 2]
    assert [line["views"][0]["image"] for line in lines] == [NAME, None]


def test_export_reads_well(store: Path) -> None:
    result = run("export", "--store", store)
    assert result.stdout.splitlines()[0] == "2025-10-09T08:53:20.000+00:00  sess 7 trig 1  part A/1:2  accept"


def test_the_store_may_come_from_the_configuration(store: Path, tmp_path: Path) -> None:
    config = tmp_path / "linegate.toml"
    config.write_text(
        f"""
        [station]
        site = "plant1"
        line = "line3"
        name = "st07"
        [[camera]]
        name = "top"
        source = "virtual:?seed=1"
        [line]
        broker = "mqtt://127.0.0.1:1883"
        [store]
        path = "{store}"
        """
    )
    result = run("verify", "--config", config)
    assert result.exit_code == 0, result.output


def test_verify_says_ok_and_why(store: Path) -> None:
    result = run("verify", "--store", store)
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: 13 events, 2 parts (accept=2), 1 starts, 1 pictures, head ")
    fields = json.loads(run("verify", "--json", "--store", store).stdout)
    assert fields["ok"]
    assert (fields["problems"], fields["images"], fields["running"]) == ([], 1, False)


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_verify_lists_what_is_wrong_and_exits_1(store: Path, damage: str) -> None:
    if damage == "missing":
        (store / "spool" / NAME).unlink()
    else:
        (store / "spool" / NAME).write_bytes(b"another")
    result = run("verify", "--store", store)
    assert result.exit_code == 1
    problem, summary = result.stdout.splitlines()
    assert NAME in problem
    assert summary.startswith("1 problems: ")
    fields = json.loads(run("verify", "--json", "--store", store).stdout)
    assert not fields["ok"]
    assert fields["problem_count"] == 1


def test_an_open_part_is_listed(tmp_path: Path) -> None:
    write(tmp_path, [received(key(1))])
    assert run("verify", "--store", tmp_path).exit_code == 1
    assert "open" in run("export", "--store", tmp_path).stdout


@pytest.mark.parametrize("verb", ["export", "verify"])
def test_errors_say_what_and_where_without_a_traceback(tmp_path: Path, verb: str) -> None:
    (tmp_path / "file").touch()
    cases = ((tmp_path, "no ledger here", 1), (tmp_path / "file", "is not a folder", 2), (tmp_path / "absent", "is", 2))
    for store, text, code in cases:
        result = run(verb, "--store", store)
        assert result.exit_code == code
        assert isinstance(result.exception, SystemExit)
        assert text in result.stderr
        assert result.stdout == ""
    (tmp_path / "ledger.db").write_bytes(b"hello")
    result = run(verb, "--store", tmp_path)
    assert result.exit_code == 1
    assert "not a ledger" in result.stderr
    assert run(verb, "--config", tmp_path / "absent.toml").exit_code == 2
    assert run(verb, "--nonsense").exit_code == 2
