"""What the demo writes, where, and what it leaves alone."""

import os
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from edge.cli.demo import _toml_string, demo, replay_source, write_configuration
from edge.config import load_config
from edge.ledger.lock import StoreLock

app = typer.Typer()
app.command()(demo)


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["linegate.toml", "ledger.db"])
def test_a_station_that_is_not_a_demo_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text('[station]\nsite = "plant1"\n')
    (tmp_path / "inspect.log").write_text("precious")
    before = contents(tmp_path)
    done = run("--directory", tmp_path, "--parts", "1")
    assert done.exit_code == 1
    assert f"{tmp_path / name}: is not a demo's" in done.stderr
    assert contents(tmp_path) == before


def test_a_demo_that_runs_is_left_alone(tmp_path):
    write_configuration(tmp_path, "mqtt://127.0.0.1:9", "virtual:")
    (tmp_path / "broker.log").write_text("precious")
    lock = StoreLock(tmp_path)
    try:
        before = contents(tmp_path)
        done = run("--directory", tmp_path, "--parts", "1", "--seed", "9")
        after = contents(tmp_path)
    finally:
        lock.release()
    assert done.exit_code == 1
    assert f"in use by an inspector (process {os.getpid()})" in done.stderr
    assert after == before


@pytest.mark.parametrize("name", ["\U0001f4f7 pictures", 'a"b\\c', "a?b#c", "ümlaut"])
def test_a_directory_of_any_printable_name_can_be_the_store(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    assert load_config(write_configuration(folder, "mqtt://127.0.0.1:9", "virtual:")).store.path == folder


def test_any_text_is_toml():
    text = "".join(map(chr, [*range(0x180), 0x2028, 0x1F4F7]))
    assert tomllib.loads(f"x = {_toml_string(text)}") == {"x": text}


def test_pictures_of_an_odd_name_are_found_again(tmp_path):
    folder = tmp_path / "\U0001f4f7 [1] \"é'"
    folder.mkdir()
    source = replay_source(folder)
    assert load_config(write_configuration(tmp_path, "mqtt://h", source)).camera[0].source == f"replay:{folder}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"a?b", "'?'"),
        (b"a\nb", "line break"),
        (b"\x7f", "cannot be shown"),
        (b"a ", "ends with a space"),
        (b"\xff", "UTF-8"),
    ],
)
def test_pictures_that_no_address_can_name_are_refused(tmp_path, name, reason):
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    done = run("--images", folder)
    assert done.exit_code == 2
    assert reason in done.stderr


@pytest.mark.parametrize(("name", "reason"), [(b"\xff", "UTF-8"), (b"a\nb", "line break")])
def test_a_directory_that_no_configuration_can_name_is_refused(tmp_path, name, reason):
    folder = tmp_path / os.fsdecode(name)
    done = run("--directory", folder)
    assert done.exit_code == 2
    assert reason in done.stderr
    assert not folder.exists()


def test_a_link_that_leads_to_itself_is_an_error_without_a_traceback(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    done = run("--directory", tmp_path / "loop")
    assert done.exit_code == 1
    assert "loop" in done.stderr
