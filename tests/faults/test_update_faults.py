"""Fetching a bundle while the process is killed, the power cut, the disk full, the stick pulled out."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.updates import download
from deploy.updates.errors import Refusal, UpdateError
from deploy.updates.looking import take_plain
from models.bundle.writing import pack
from tests.support import bundles
from tests.support.disks import cut_power, leave_free, make_ext4, mounted, repair, small_disk
from tests.support.repositories import Factory, StationClient, bundle_bytes, make_station, write_bundle
from tests.support.update_process import look_until, prepare, what_is_there

ROOT = Path(__file__).parents[2]
WHOLE = hashlib.sha256(bundle_bytes(version=4)).hexdigest()
LARGE = 3_000_000


def test_killed_at_every_change_of_the_disk_nothing_half_has_a_final_name(tmp_path: Path) -> None:
    prepare(tmp_path)
    command = [sys.executable, "-m", "tests.support.update_process", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    kills = [line for line in lines if line["killed"]]
    assert len(kills) >= 20
    for line in lines:
        before = line["before"]
        assert before["bundles"] in ({}, {"toy-4.lgb": WHOLE})
        assert before["told"] in ([], [WHOLE])
        assert before["bundles"] or not before["told"]  # what is told of a bundle comes after it
        assert before["told"] or not before["delivered"]
        assert line["after"]["delivered"] == line["after"]["told"] == [WHOLE]
        assert line["memory"] == ["trust.json", "updates.lock"]
        assert line["incoming"] == ["toy-4.lgb", "toy-4.lgb.json"]


@pytest.mark.parametrize("last", [8, 14, 18, 21, 24, 27, 1000])
def test_what_counts_as_here_survives_a_power_cut(tmp_path: Path, last: int) -> None:
    """The process dies before a change, and the power goes in the same moment."""
    station = prepare(tmp_path)
    image, place = make_ext4(tmp_path / "disk.img", 160 << 20), tmp_path / "disk"
    with mounted(image, place):
        station.folder = place
        station.store.mkdir()
        descriptor = os.open(place, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        look_until(station, last)
        cut_power(place)
    repair(image)
    with mounted(image, place):
        station.store.mkdir(exist_ok=True)
        there = what_is_there(station)
        assert there["bundles"] in ({}, {"toy-4.lgb": WHOLE})
        assert there["told"] in ([], [WHOLE])
        if last == 1000:
            assert there["delivered"] == there["told"] == [WHOLE]
        station.look()
        assert what_is_there(station)["told"] == [WHOLE]


def test_a_full_disk_refuses_and_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "RESERVE", 0)  # so that the disk itself says no
    factory = Factory(tmp_path)
    factory.add(version=4)
    station = make_station(tmp_path, factory)
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        station.folder = disk
        station.store.mkdir()
        assert station.look() is not None
        factory.add(version=5)
        taken = 0
        for pages in range(12):
            leave_free(disk / "filler", pages)
            try:
                taken += station.look() is not None
            except UpdateError as error:
                assert error.refusal is Refusal.DISK
                assert "disk is full" in str(error)
            (disk / "filler").unlink()
            for name in station.incoming():
                assert name in {"toy-4.lgb", "toy-4.lgb.json", "toy-5.lgb", "toy-5.lgb.json"}
            assert what_is_there(station)["files"]
            check_whole(station)
        assert taken == 1
        assert set(station.recorded()) == {None, Refusal.DISK}


def test_an_update_never_takes_the_last_space_of_the_ledger(tmp_path: Path) -> None:
    factory = Factory(tmp_path)
    factory.add()
    station = make_station(tmp_path, factory)
    with small_disk(tmp_path / "disk", download.RESERVE // 2) as disk:
        station.folder = disk
        station.store.mkdir()
        with pytest.raises(UpdateError, match="buffer prune") as caught:
            station.look()
        assert caught.value.refusal is Refusal.DISK
        assert station.incoming() == []
        assert station.recorded() == [Refusal.DISK]
        plain = write_bundle(tmp_path, version=9)
        with pytest.raises(UpdateError, match="buffer prune") as caught:
            take_plain(plain, None, station.store, live=False, tell=station.tell)
        assert caught.value.refusal is Refusal.DISK
        assert station.incoming() == []


def test_the_reserve_stays_free_while_two_copies_of_a_bundle_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The station copies it from where it came to where it stays."""
    factory = Factory(tmp_path)
    large(factory)
    station = make_station(tmp_path, factory)
    with small_disk(tmp_path / "disk", 3 * LARGE) as disk:
        station.folder = disk
        station.store.mkdir()
        monkeypatch.setattr(download, "RESERVE", shutil.disk_usage(disk).free - 2 * LARGE + LARGE // 2)
        with pytest.raises(UpdateError, match="buffer prune"):
            station.look()
        monkeypatch.setattr(download, "RESERVE", shutil.disk_usage(disk).free - 2 * LARGE - LARGE // 2)
        assert station.look() is not None


@contextmanager
def stick(folder: Path, content: Path) -> Iterator[Path]:
    """Put a repository on a file system of its own, and mount it as a stick would be."""
    image, place = make_ext4(folder / "stick.img"), folder / "stick"
    with mounted(image, place):
        shutil.copytree(content, place / "linegate")
    with mounted(image, place):
        yield place


def large(factory: Factory) -> str:
    data = large_bundle()
    return factory.add_unchecked(data, version=4).sha256


def large_bundle() -> bytes:
    return pack(bundles.manifest(version=4), bundles.members() | {"report.html": b"x" * LARGE})


@pytest.mark.parametrize("after", [5, 20, 40])
def test_a_stick_pulled_out_in_the_middle_leaves_nothing_and_comes_again(tmp_path: Path, after: int) -> None:
    factory = Factory(tmp_path)
    sha256 = large(factory)
    station = make_station(tmp_path, factory)
    with stick(tmp_path, factory.place) as place:
        station.place = place / "linegate"
        asked = 0

        def pull_out() -> bool:
            nonlocal asked
            asked += 1
            if asked == after:
                cut_power(place)
            return True

        with pytest.raises(UpdateError) as caught:
            station.look(go_on=pull_out)
        assert caught.value.refusal is Refusal.UNREACHABLE
        assert os.strerror(errno.EIO) in str(caught.value)
        assert station.incoming() == []
    with pytest.raises(UpdateError) as caught:  # nothing is mounted there any more
        station.look()
    assert caught.value.refusal is Refusal.UNREACHABLE
    station.place = factory.place
    fetched = station.look()
    assert fetched is not None
    assert hashlib.sha256(fetched.path.read_bytes()).hexdigest() == sha256
    assert station.recorded() == [None]


def check_whole(station: StationClient) -> None:
    for path in (station.store / "models" / "incoming").glob("*.lgb"):
        version = int(path.stem.rpartition("-")[2])
        assert path.read_bytes() == bundle_bytes(version=version)


def test_two_looks_at_once_do_not_meet(tmp_path: Path) -> None:
    factory = Factory(tmp_path)
    large(factory)
    station = make_station(tmp_path, factory)
    met: list[Refusal] = []

    def another() -> bool:
        if not met:
            met.append(Refusal.UNKNOWN)
            with pytest.raises(UpdateError) as caught:
                station.look()
            met[0] = caught.value.refusal
        return True

    assert station.look(go_on=another) is not None
    assert met == [Refusal.BUSY]
