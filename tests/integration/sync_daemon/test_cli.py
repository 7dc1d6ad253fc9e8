"""``linegate sync`` and ``linegate buffer list`` as a user runs them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.objects import BUCKET, S3Server
from tests.support.spooling import DAY, open_spool, request
from tests.support.waiting import wait_until

LONG_S = 60.0
LINEGATE = Path(sys.executable).with_name("linegate")
ENVIRONMENT = os.environ | {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


def linegate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [LINEGATE, *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=LONG_S, check=False)


def write_config(folder: Path, sync: str) -> Path:
    (folder / "store").mkdir()
    path = folder / "linegate.toml"
    path.write_text(
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
path = "{folder}/store"
{sync}
"""
    )
    return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    with S3Server(tmp_path) as server:
        yield server


@pytest.fixture
def config(tmp_path: Path, server: S3Server) -> Path:
    sync = f'[sync]\nbucket = "s3://{BUCKET}/factory"\nendpoint = "{server.endpoint}"'
    return write_config(tmp_path, sync)


def test_once_sends_what_is_there_and_fails_where_something_is_amiss(
    tmp_path: Path, config: Path, server: S3Server
) -> None:
    spool = open_spool(tmp_path / "store" / "spool")
    spool.store(request(1))
    offline = linegate("sync", "--once", "--config", config)
    assert offline.returncode == 1
    assert offline.stderr.startswith("error: factory/plant1/line3/st07/")
    assert offline.stderr.count("\n") == 1
    server.start()
    sent = linegate("sync", "--once", "--config", config)
    assert (sent.returncode, sent.stdout) == (0, f"{spool.directory}: 1 done\n"), sent.stderr
    again = linegate("sync", "--once", "--config", config)
    assert (again.returncode, again.stdout) == (0, f"{spool.directory}: nothing to send\n")
    assert len(server.keys()) == 2


def test_the_daemon_sends_and_ends_with_0_on_sigterm(tmp_path: Path, config: Path, server: S3Server) -> None:
    server.start()
    open_spool(tmp_path / "store" / "spool").store(request(1))
    with subprocess.Popen([LINEGATE, "sync", "--config", config], env=ENVIRONMENT, stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: len(server.keys()) == 2, LONG_S)
            second = linegate("sync", "--config", config)
            assert second.returncode == 1
            assert "another sync runs" in second.stderr
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONG_S) == 0
        finally:
            process.kill()


def test_without_a_sync_table_it_is_a_usage_error(tmp_path: Path) -> None:
    done = linegate("sync", "--config", write_config(tmp_path, ""))
    assert done.returncode == 2
    assert "[sync]" in done.stderr


def test_an_endpoint_that_is_no_server_is_a_usage_error(tmp_path: Path) -> None:
    done = linegate(
        "sync", "--config", write_config(tmp_path, '[sync]\nbucket = "s3://name"\nendpoint = "http://[bad"')
    )
    assert done.returncode == 2
    assert "endpoint" in done.stderr


def test_the_buffer_is_listed_for_people_and_programs(tmp_path: Path) -> None:
    config = write_config(tmp_path, "")
    nothing = linegate("buffer", "list", "--config", config)
    assert (nothing.returncode, "no spool at" in nothing.stderr) == (1, True)
    spool = open_spool(tmp_path / "store" / "spool")
    for seq in (1, 2, 3):
        spool.store(request(seq))
    (spool.directory / DAY / "3-2-top.json").write_bytes(b"{}")
    listed = linegate("buffer", "list", "--config", config)
    assert listed.returncode == 0
    lines = listed.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{DAY}/3-1-top.jpg  2025-10-09T08:53:20+00:00  reject  code 1001  score 0.930")
    assert "broken" in lines[1]
    as_json = linegate("buffer", "list", "--json", "--limit", "2", "--config", config)
    entries = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [entry["path"] for entry in entries] == [f"{DAY}/3-1-top.jpg", f"{DAY}/3-2-top.jpg"]
    assert entries[0]["problem"] is None
    assert entries[0]["sidecar"]["decision"] == "reject"
    assert entries[1]["sidecar"] is None
