"""The embedded broker: it starts, says clearly why not, and never outlives its master."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from edge.line import broker as module
from edge.line.broker import EmbeddedBroker, amqtt_command, find_mosquitto
from edge.line.leash import leashed
from edge.line.link import LinkError
from tests.support.waiting import wait_until


def test_it_accepts_connections_and_ends(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        pid = broker.pid
        assert pid is not None
        assert broker.address == f"mqtt://127.0.0.1:{broker.port}"
        socket.create_connection(("127.0.0.1", broker.port), timeout=5).close()
    assert broker.pid is None
    assert not psutil.pid_exists(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", broker.port), timeout=5)


def test_it_listens_on_the_loopback_only_without_delay(tmp_path):
    assert find_mosquitto() is not None, "mosquitto is not installed: make test does it as root"
    with EmbeddedBroker(tmp_path, persistent=True) as broker:
        lines = (tmp_path / "mosquitto.conf").read_text().splitlines()
    assert f"listener {broker.port} 127.0.0.1" in lines
    assert {"set_tcp_nodelay true", "autosave_on_changes true", "autosave_interval 1"} <= set(lines)


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(LinkError, match=rf"cannot listen on 127\.0\.0\.1:{port} \(Address already in use\)"):
            EmbeddedBroker(tmp_path, port=port).start()


def test_without_any_broker_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_mosquitto", lambda: None)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(LinkError, match="apt install mosquitto"):
        EmbeddedBroker(tmp_path).start()


def test_amqtt_stands_in_where_no_mosquitto_is(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_mosquitto", lambda: None)
    broker = EmbeddedBroker(tmp_path)
    assert broker._choose() == amqtt_command(broker.port)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            [sys.executable, "-c", "import sys; sys.exit('no such luck')"],
            r"ended at once \(exit code 1\): no such luck",
        ),
        (["/nonexistent/broker"], r"\(exit code 127\): /nonexistent/broker: cannot be run \(No such file"),
    ],
)
def test_a_broker_that_cannot_start_is_quoted(tmp_path, command, message):
    broker = EmbeddedBroker(tmp_path, command=lambda _port: command)
    with pytest.raises(LinkError, match=message):
        broker.start()
    assert broker.pid is None


def test_killed_and_started_again_on_the_same_port(tmp_path):
    with EmbeddedBroker(tmp_path) as broker:
        first = broker.pid
        broker.kill()
        broker.start()
        assert broker.pid != first


MASTER = """
import sys, time
from pathlib import Path
from edge.line.broker import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
time.sleep(600)
"""


def test_it_ends_when_its_master_is_killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", MASTER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as master:
        assert master.stdout is not None
        pid = int(master.stdout.readline())
        assert psutil.pid_exists(pid)
        master.send_signal(signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid), what="the broker's end")


def test_the_leash_becomes_the_program(tmp_path):
    pid_file = tmp_path / "pid"
    program = f"import os, sys; open({str(pid_file)!r}, 'w').write(str(os.getpid())); sys.exit(7)"
    with subprocess.Popen(leashed([sys.executable, "-c", program])) as process:
        assert process.wait(20) == 7
    assert int(pid_file.read_text()) == process.pid


def test_a_program_whose_master_is_gone_already_does_not_begin(tmp_path):
    command = leashed(["touch", str(tmp_path / "begun")])
    stranger = command.index(str(os.getpid()))
    command[stranger] = "1"
    assert subprocess.run(command, check=False).returncode == 128 + signal.SIGTERM
    assert not (tmp_path / "begun").exists()
