"""The command as a process: its output cannot be written, Ctrl-C comes early, its terminal closes."""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from deploy.active import shipped_bundle
from edge.cli.demo import write_configuration
from edge.ledger.reader import counts
from tests.support.ledgers import key, stored, whole_part, write
from tests.support.spooling import open_spool, request
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
LINEGATE = [sys.executable, "-m", "edge.cli"]
NO_ROOM = "writing failed (No space left on device)"


@pytest.fixture
def station(tmp_path):
    """Return the configuration of a station with a ledger and something in its spool."""
    write(tmp_path, [*whole_part(key(1)), stored(key(1), "gone.jpg"), *whole_part(key(2))])
    spool = open_spool(tmp_path / "spool")
    for number in (1, 2, 3):
        spool.store(request(number))
    return write_configuration(tmp_path, "mqtt://127.0.0.1:9", "virtual:?seed=1")


VERBS = [
    ["version"],
    ["version", "--json"],
    ["--help"],
    ["status"],
    ["status", "--json"],
    ["config", "check"],
    ["buffer", "list"],
    ["ledger", "export", "--json"],
    ["ledger", "verify"],
]


def arguments(verb: list[str], configuration: Path) -> list[str]:
    return [*LINEGATE, *verb, *(["--config", str(configuration)] if verb[0] not in {"version", "--help"} else [])]


def own_words(errors: str) -> list[str]:
    """Return the lines without those of the interpreter of networks."""
    return [line for line in errors.splitlines() if "TensorFlow Lite" not in line]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_full_disk_behind_the_output_is_one_line_and_exit_1(station, verb):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            arguments(verb, station), stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert own_words(done.stderr) == [f"error: {NO_ROOM}: see where the output goes"]
    assert done.returncode == 1


def test_evaluate_too_ends_with_one_line(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").touch()
    images = [{"id": 1, "file_name": "a.png", "verdict": "accept"}]
    (tmp_path / "annotations.json").write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    command = [*LINEGATE, "evaluate", "--bundle", str(shipped_bundle()), "--data", str(tmp_path), "--json"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert own_words(done.stderr) == [f"error: {NO_ROOM}: see where the output goes"]
    assert done.returncode == 1


@pytest.mark.parametrize("verb", [["version"], ["buffer", "list"], ["ledger", "export"]], ids=" ".join)
def test_a_reader_that_has_left_ends_it_silently(station, verb):
    receiver, sender = os.pipe()
    os.close(receiver)
    with os.fdopen(sender, "wb") as pipe:
        done = subprocess.run(arguments(verb, station), stdout=pipe, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.stderr == b""
    assert done.returncode == 141


INTERRUPTED = """
import os, signal, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), number)
module, number = sys.argv.pop(1), int(sys.argv.pop(1))
sys.meta_path.insert(0, Finder)
from edge.cli.entry import run
run()
"""


@pytest.mark.parametrize("module", ["edge.cli.main", "typer", "cv2", "numpy", "sync.service"])
def test_ctrl_c_while_the_command_loads_ends_it_silently(module):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, str(int(signal.SIGINT)), "version"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    assert done.returncode in {130, -signal.SIGINT}  # what a shell calls 130, both


@pytest.mark.parametrize("module", ["typer", "cv2", "numpy"])
@pytest.mark.parametrize("daemon", ["inspect", "sync"])
def test_a_daemon_that_is_told_to_stop_while_it_loads_ends_with_0(daemon, module):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, str(int(signal.SIGTERM)), daemon],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def demo(folder: Path, stack: ExitStack) -> subprocess.Popen[bytes]:
    """Return a demo that judges parts; its output is a file, so that nobody has to read it."""
    log = stack.enter_context((folder / "demo.out").open("wb"))
    # Whoever runs the tests may ignore SIGHUP, which is inherited.
    command = ["env", "--default-signal=HUP", *LINEGATE, "demo", "--directory", str(folder / "state"), "--rate", "5"]
    process = stack.enter_context(
        subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    )
    stack.callback(process.kill)
    wait_until(lambda: b"accept" in (folder / "demo.out").read_bytes(), timeout=60, what="a judged part")
    return process


def test_inspector_and_broker_end_in_order_when_the_demo_is_killed(tmp_path):
    with ExitStack() as stack:
        process = demo(tmp_path, stack)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 2
        process.kill()
        psutil.wait_procs(children, timeout=20)
        assert [child for child in children if child.is_running()] == []
    assert counts(tmp_path / "state", 0)["epoch"]["reason"] == "stopped"


def test_a_closed_terminal_ends_the_demo_in_order_and_its_directory_goes_on(tmp_path):
    for epoch in (1, 2):
        with ExitStack() as stack:
            process = demo(tmp_path, stack)
            process.send_signal(signal.SIGHUP)
            assert process.wait(30) == 0
        assert (tmp_path / "demo.out").read_text().splitlines()[-1].endswith("ledger=ok")
        told = counts(tmp_path / "state", 0)["epoch"]
        assert (told["epoch"], told["reason"]) == (epoch, "stopped")
