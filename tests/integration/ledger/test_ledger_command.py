"""``linegate ledger``, as a program runs it."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from edge.cli.ledger import app
from tests.support.ledgers import archive, key, pruned, received, stored, tampering, whole_part, write
from tests.support.stations import RunningStation, StandInJudge
from tests.support.waiting import wait_until

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
    assert (fields["problems"], fields["images"], fields["running"], fields["archives"]) == ([], 1, False, 0)


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_verify_lists_what_is_wrong_and_exits_1(store: Path, damage: str) -> None:
    if damage == "missing":
        (store / "spool" / NAME).unlink()
    else:
        (store / "spool" / NAME).write_bytes(b"another")
    result = run("verify", "--store", store)
    assert result.exit_code == 1
    problem, summary, _ = result.stdout.splitlines()
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


def head_of(store: Path) -> tuple[int, str]:
    fields = json.loads(run("verify", "--json", "--store", store).stdout)
    return fields["head_event"], fields["head"]


def test_without_anchors_verify_says_what_it_cannot_tell(store: Path) -> None:
    assert "anchors: none given" in run("verify", "--store", store).stdout
    fields = json.loads(run("verify", "--json", "--store", store).stdout)["anchors"]
    assert (fields["given"], fields["reach"], fields["unanchored"]) == (0, None, 13)


@pytest.mark.parametrize("form", ["option", "lines", "state", "folder"])
def test_an_anchor_from_anywhere_bounds_the_claim(store: Path, tmp_path: Path, form: str) -> None:
    event, digest = head_of(store)
    anchor = {"id": event, "hash": digest}
    write(store, whole_part(key(9, epoch=2, seq=1)))
    arguments: list[object] = ["--anchors", tmp_path / "kept"]
    if form == "option":
        arguments = ["--anchor", f"{event}:{digest}"]
    elif form == "lines":
        (tmp_path / "kept").write_text(f"# shift 2\n\n{event}:{digest}\n" + json.dumps({"ledger": anchor}) + "\n")
    elif form == "state":
        (tmp_path / "kept").write_text(json.dumps({"online": 1, "ledger": anchor}, indent=1))
    else:
        (tmp_path / "kept" / "2025" / "10").mkdir(parents=True)
        (tmp_path / "kept" / "2025" / "10" / "1-1-top.json").write_text(json.dumps({"ledger": anchor}))
        (tmp_path / "kept" / "other.json").write_text(json.dumps({"ledger": None}))
    result = run("verify", "--store", store, *arguments)
    assert result.exit_code == 0, result.output
    assert f"the last is event {event}: nothing up to it was changed" in result.stdout
    assert "The 6 events after it could have been cut off" in result.stdout
    fields = json.loads(run("verify", "--json", "--store", store, *arguments).stdout)["anchors"]
    assert fields == {
        "given": 1,
        "agreed": 1,
        "reach": event,
        "unanchored": 6,
        "own_agreed": 0,
        "own_reach": None,
        "left_out": 0,
        "left_out_of_this_station": 0,
    }


def sidecar(store: str, name: str, anchor: dict[str, object]) -> str:
    return json.dumps({"store": store, "station": {"site": "plant1", "line": "line3", "name": name}, "ledger": anchor})


def test_side_cars_of_other_stores_are_left_out_and_told(store: Path, tmp_path: Path) -> None:
    event, digest = head_of(store)
    (store / "spool" / "store-id").write_text("0123abcd\n")
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    (bucket / "1-1-top.json").write_text(sidecar("0123abcd", "st07", {"id": event, "hash": digest}))
    (bucket / "1-2-top.json").write_text(sidecar("99999999", "st08", {"id": event - 1, "hash": digest}))
    (bucket / "1-3-top.json").write_text(sidecar("99999999", "st07", {"id": event + 9, "hash": digest}))
    result = run("verify", "--store", store, "--anchors", bucket)
    assert result.exit_code == 0, result.output
    assert "anchors: 2 side-cars of other stores or stations were left out" in result.stdout
    assert f"anchors: 1 of 1 agree, the last is event {event}" in result.stdout
    fields = json.loads(run("verify", "--json", "--store", store, "--anchors", bucket).stdout)["anchors"]
    assert (fields["given"], fields["agreed"], fields["left_out"]) == (1, 1, 2)
    assert fields["left_out_of_this_station"] == 1
    assert "anchors: 1 of those name this station and another store" in result.stdout


def test_a_changed_store_id_does_not_silence_the_side_cars_of_a_bucket(store: Path, tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "1-1-top.json").write_text(sidecar("0123abcd", "st07", {"id": 3, "hash": "ab" * 32}))
    (store / "spool" / "store-id").write_text("99999999\n")
    result = run("verify", "--store", store, "--anchors", tmp_path / "bucket")
    assert result.exit_code == 2
    assert "holds no anchor of this store (store-id 99999999)" in result.stderr


def test_an_anchor_that_does_not_agree_fails_and_says_what_it_means(store: Path) -> None:
    event, digest = head_of(store)
    for anchor, text in ((f"{event - 1}:{digest}", "is not what stood there"), (f"{event + 9}:{digest}", "cut off")):
        result = run("verify", "--store", store, "--anchor", anchor)
        assert result.exit_code == 1
        assert text in result.stdout
        assert not json.loads(run("verify", "--json", "--store", store, "--anchor", anchor).stdout)["ok"]


def test_an_anchor_behind_a_broken_chain_proves_nothing(store: Path) -> None:
    event, digest = head_of(store)
    with tampering(store) as connection:
        connection.execute("UPDATE events SET body = replace(body, 'A/1:2', 'B') WHERE id = 2")
    result = run("verify", "--store", store, "--anchor", f"{event}:{digest}")
    assert result.exit_code == 1
    assert "nothing up to it was changed" not in result.stdout
    assert "anchors: none of 1 agrees" in result.stdout
    fields = json.loads(run("verify", "--json", "--store", store, "--anchor", f"{event}:{digest}").stdout)["anchors"]
    assert (fields["given"], fields["agreed"], fields["reach"], fields["unanchored"]) == (1, 0, None, event)


@pytest.mark.parametrize("content", ["", "5:12", "no anchor", '{"ledger":5}', '{"ledger":', "[" * 5000])
def test_a_file_of_something_else_is_named(store: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "kept").write_text(content)
    result = run("verify", "--store", store, "--anchors", tmp_path / "kept")
    assert result.exit_code == 2
    assert str(tmp_path / "kept") in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_an_anchor_option_that_is_none_and_a_file_that_is_not_there_are_named(store: Path, tmp_path: Path) -> None:
    assert "write ID:HASH" in run("verify", "--store", store, "--anchor", "5").stderr
    assert "absent" in run("verify", "--store", store, "--anchors", tmp_path / "absent").stderr
    (tmp_path / "kept").write_bytes(b"\xff\xfe")
    assert "is not text" in run("verify", "--store", store, "--anchors", tmp_path / "kept").stderr


def test_side_cars_in_the_store_s_own_spool_are_told_apart(tmp_path: Path) -> None:
    with RunningStation(tmp_path, judge=StandInJudge(score=0.95)) as station:
        station.inspect(1)
        wait_until(lambda: station.records()[1]["views"][0]["image"], what="the stored picture")
    fields = json.loads(run("verify", "--json", "--store", tmp_path).stdout)["anchors"]
    assert (fields["given"], fields["own_agreed"]) == (0, 1)
    assert fields["own_reach"] >= 3
    assert "whoever can change the ledger" in run("verify", "--store", tmp_path).stdout


def test_archives_may_lie_in_another_folder(store: Path, tmp_path: Path) -> None:
    lines = run("export", "--json", "--store", store).stdout
    archive(store)
    (store / "archive").rename(tmp_path / "nas")
    assert run("verify", "--store", store).exit_code == 1
    assert run("verify", "--store", store, "--archives", tmp_path / "nas").exit_code == 0
    missing = run("export", "--json", "--store", store)
    assert (missing.exit_code, "put the file back" in missing.stderr) == (1, True)
    assert run("export", "--json", "--store", store, "--archives", tmp_path / "nas").stdout == lines


def test_operators_verbs_reach_a_running_inspector_and_no_other(tmp_path: Path) -> None:
    with RunningStation(tmp_path) as station:
        station.inspect(1)
        noted = run("note", "lamp changed", "--store", tmp_path)
        assert (noted.exit_code, noted.stdout) == (0, "the remark is on record\n")
        archived = run("archive", "--keep-days", 30, "--store", tmp_path)
        assert (archived.exit_code, archived.stdout) == (0, "nothing is old enough: no file made\n")
        assert run("note", "", "--store", tmp_path).exit_code == 2
        assert run("note", "a\x1bb", "--store", tmp_path).exit_code == 2
        assert run("archive", "--keep-days", -1, "--store", tmp_path).exit_code == 2
    for verb in (["note", "x"], ["archive"]):
        gone = run(*verb, "--store", tmp_path)
        assert gone.exit_code == 1
        assert "no inspector runs on this store" in gone.stderr
