"""``linegate sync`` with ``[updates]``, as the service manager runs it."""

import os
import signal
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.repositories import Factory, make_station
from tests.support.waiting import wait_until
from tests.support.web import WebServer, drip

LINEGATE = Path(sys.executable).with_name("linegate")
LONG_S = 60.0
CONFIG = """
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
UPDATES = """
[updates]
source = "{url}"
root = "{root}"
"""


@pytest.fixture
def factory(tmp_path: Path) -> Factory:
    factory = Factory(tmp_path)
    factory.add(name="phones", version=9)
    return factory


def write_config(folder: Path, more: str = "") -> Path:
    path = folder / "linegate.toml"
    path.write_text(CONFIG.format(store=folder / "store") + more)
    return path


def linegate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINEGATE, *arguments], capture_output=True, text=True, timeout=LONG_S, check=False)


def test_once_brings_a_bundle_and_says_so_or_why_not(tmp_path: Path, factory: Factory) -> None:
    with WebServer(factory.place) as web:
        client = make_station(tmp_path, factory)
        config = write_config(tmp_path, UPDATES.format(url=web.url, root=client.root))
        done = linegate("sync", "--once", "--config", config)
        expected = client.store / "models" / "incoming" / "phones-9.lgb"
        assert (done.returncode, done.stdout) == (0, f"phones-9: {expected}\n"), done.stderr
        done = linegate("sync", "--once", "--config", config)
        assert (done.returncode, done.stdout) == (0, "no new bundle\n"), done.stderr
    done = linegate("sync", "--once", "--config", config)
    assert done.returncode == 1
    assert "error: unreachable: " in done.stderr
    assert "Traceback" not in done.stderr


def test_once_exits_with_three_where_it_refuses(tmp_path: Path, factory: Factory) -> None:
    client = make_station(tmp_path, factory)
    (factory.place / "metadata" / "timestamp.json").write_text("{}")
    config = write_config(tmp_path, UPDATES.format(url=factory.place, root=client.root))
    done = linegate("sync", "--once", "--config", config)
    assert done.returncode == 3
    assert "error: tampered: " in done.stderr


def test_once_ends_in_order_when_told_in_the_middle(tmp_path: Path, factory: Factory) -> None:
    over, asked = threading.Event(), threading.Event()

    def slow(handler: SimpleHTTPRequestHandler) -> bool:
        asked.set()
        drip(handler, 1 << 20, over.is_set)
        return True

    with WebServer(factory.place) as web:
        web.misbehave = slow
        client = make_station(tmp_path, factory)
        config = write_config(tmp_path, UPDATES.format(url=web.url, root=client.root))
        process = subprocess.Popen(
            [LINEGATE, "sync", "--once", "--config", config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert asked.wait(LONG_S)
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONG_S) == 0
        finally:
            over.set()
            process.kill()
            told, said = process.communicate()
    assert told == ""
    assert "Traceback" not in said


def test_the_daemon_fetches_and_stops_when_told(tmp_path: Path, factory: Factory) -> None:
    with WebServer(factory.place) as web:
        client = make_station(tmp_path, factory)
        config = write_config(tmp_path, UPDATES.format(url=web.url, root=client.root))
        process = subprocess.Popen(
            [LINEGATE, "sync", "--config", config], stderr=subprocess.PIPE, text=True, env=os.environ
        )
        try:
            wait_until(lambda: "phones-9.lgb.json" in client.incoming(), LONG_S, "the bundle")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
            _, said = process.communicate()
    assert "phones-9 is here" in said
    assert "the inspector was not told" in said


def test_neither_pictures_nor_bundles_is_a_usage_error(tmp_path: Path) -> None:
    done = linegate("sync", "--config", write_config(tmp_path))
    assert done.returncode == 2
    assert "[updates]" in done.stderr
