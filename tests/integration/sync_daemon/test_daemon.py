"""The sync daemon as a process against a real S3 server."""

import random
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from sync.state import SyncState, UploadState
from tests.support.objects import BUCKET, S3Server
from tests.support.spooling import open_spool, request
from tests.support.sync_process import sync_process
from tests.support.waiting import wait_until

LONG_S = 60.0
STOP_S = 5.0
KILLS = 6
PICTURES = 5 * KILLS


class Station:
    def __init__(self, store: Path, server: S3Server) -> None:
        self.store = store
        self.server = server
        self.spool = open_spool(store / "spool")

    def keep(self, *numbers: int) -> None:
        for seq in numbers:
            self.spool.store(request(seq))

    def files(self) -> dict[str, bytes]:
        root = f"factory/plant1/line3/st07/{self.spool.store_id}"
        found = (path for path in self.spool.directory.rglob("*-*") if path.suffix in {".jpg", ".json"})
        return {f"{root}/{path.relative_to(self.spool.directory).as_posix()}": path.read_bytes() for path in found}

    def arrived(self) -> bool:
        return len(self.server.keys()) == len(self.files())

    def counts(self) -> dict[UploadState, int]:
        with SyncState.open(self.store) as state:
            return {kind: count for kind, count in state.counts().items() if count}


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    store = tmp_path / "store"
    store.mkdir()
    with S3Server(tmp_path) as server:
        yield Station(store, server)


def terminate(process: subprocess.Popen[str]) -> str:
    started = monotonic()
    process.send_signal(signal.SIGTERM)
    _, text = process.communicate(timeout=LONG_S)
    assert process.returncode == 0, text
    assert monotonic() - started < STOP_S
    return text


def wait_for_line(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if words in line:
            return line
    raise AssertionError(f"the daemon ended without {words!r}: {seen}")


def test_what_was_kept_offline_arrives_once_online_and_then_as_it_comes(station: Station) -> None:
    station.keep(1, 2, 3)
    with sync_process(station.store, station.server.endpoint) as process:
        assert "next try in" in wait_for_line(process, "WARNING")
        station.server.start()
        wait_until(station.arrived, LONG_S)
        station.keep(4, 5)
        wait_until(station.arrived, LONG_S)
        terminate(process)
    assert station.server.contents() == station.files()
    assert station.counts() == {UploadState.DONE: 5}


def test_killed_at_any_moment_every_object_is_created_once_and_right(station: Station) -> None:
    station.server.start()
    generator = random.Random(1)
    for kill in range(KILLS):
        station.keep(*range(kill * 5 + 1, kill * 5 + 6))
        target = len(station.server.keys()) + generator.randint(1, 9)
        with sync_process(station.store, station.server.endpoint):
            wait_until(lambda target=target: len(station.server.keys()) >= target, LONG_S)
    with sync_process(station.store, station.server.endpoint) as process:
        wait_for_line(process, "sending pictures")
        wait_until(lambda: settled(station), LONG_S)
        terminate(process)
    created = station.server.created()
    assert station.server.contents() == station.files()
    assert sorted(created) == sorted(f"/{BUCKET}/{key}" for key in station.files())
    assert station.counts() == {UploadState.DONE: PICTURES}


def settled(station: Station) -> bool:
    with closing(sqlite3.connect(f"file:{station.store}/sync.db?mode=ro", uri=True)) as database:
        return database.execute("SELECT count(*) FROM uploads WHERE state = 'done'").fetchone() == (PICTURES,)


def test_an_object_of_other_content_is_left_alone(station: Station) -> None:
    station.server.start()
    station.keep(1, 2)
    taken = next(key for key in station.files() if key.endswith("3-1-top.jpg"))
    with station.server.client() as client:
        client.put_object(Bucket=BUCKET, Key=taken, Body=b"somebody else's")
    with sync_process(station.store, station.server.endpoint) as process:
        assert "other content" in wait_for_line(process, "ALARM")
        wait_until(lambda: len(station.server.keys()) == 3, LONG_S)
        terminate(process)
    assert station.server.contents()[taken] == b"somebody else's"
    assert station.counts() == {UploadState.CONFLICT: 1, UploadState.DONE: 1}


def test_without_keys_it_says_so_and_waits(station: Station) -> None:
    station.keep(1)
    with sync_process(station.store, station.server.endpoint, AWS_ACCESS_KEY_ID="") as process:
        assert "no keys for the object store" in wait_for_line(process, "WARNING")
        terminate(process)
    assert station.counts() == {UploadState.PENDING: 1}


def test_without_its_bucket_it_says_so_and_waits(station: Station) -> None:
    station.server.start(bucket=None)
    station.keep(1)
    with sync_process(station.store, station.server.endpoint) as process:
        assert "create the bucket" in wait_for_line(process, "WARNING")
        terminate(process)
    assert station.counts() == {UploadState.PENDING: 1}


def test_a_second_sync_is_refused(station: Station) -> None:
    station.server.start()
    station.keep(1)
    with sync_process(station.store, station.server.endpoint) as first:
        wait_until(station.arrived, LONG_S)
        with sync_process(station.store, station.server.endpoint) as second:
            _, text = second.communicate(timeout=LONG_S)
            assert second.returncode == 1
            assert "another sync runs" in text
        terminate(first)


def test_it_stops_promptly_while_the_server_is_silent_and_tells_the_service_manager(
    station: Station, tmp_path: Path
) -> None:
    station.keep(1)
    address = str(tmp_path / "notify")
    with (
        station.server.silent() as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.bind(address)
        manager.settimeout(LONG_S)
        with sync_process(station.store, station.server.endpoint, NOTIFY_SOCKET=address) as process:
            assert manager.recv(100) == b"READY=1"
            assert manager.recv(100) == b"WATCHDOG=1"
            connection, _ = listener.accept()
            with connection:
                terminate(process)
        messages = []
        while b"STOPPING=1" not in messages:
            messages.append(manager.recv(1000))
    assert station.counts() == {UploadState.PENDING: 1}
