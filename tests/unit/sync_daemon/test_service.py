import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.core.events import Instant, PartKey
from edge.objects.errors import RemoteFault
from edge.objects.store import ObjectStore
from edge.spool.reader import list_spool
from sync.service import PassResult, send_all
from sync.settings import SyncSettings
from sync.state import SyncState, UploadState
from sync.uploader import object_key
from tests.support.objects import FakeObjects
from tests.support.spooling import DAY, RECEIVED_MS, open_spool, request


class Station:
    """A store with a spool, and a fake object store that a pass can be run against."""

    def __init__(self, store: Path) -> None:
        self.settings = SyncSettings(store=store, bucket="b", prefix="factory")
        self.spool = open_spool(self.settings.spool)
        self.objects = FakeObjects()
        self.go_on: Callable[[], bool] = lambda: True

    def connect(self, settings: SyncSettings, go_on: Callable[[], bool]) -> ObjectStore:
        return self.objects

    def run(self) -> PassResult:
        with SyncState.open(self.settings.store) as state:
            return send_all(self.settings, state, self.connect, self.go_on)

    def counts(self) -> dict[UploadState, int]:
        with SyncState.open(self.settings.store) as state:
            return {kind: count for kind, count in state.counts().items() if count}

    def key(self, name: str) -> str:
        return f"factory/plant1/line3/st07/{self.spool.store_id}/{DAY}/{name}"

    def expected(self) -> dict[str, bytes]:
        files = (path for path in self.spool.directory.rglob("*-*") if path.suffix in {".jpg", ".json"})
        return {self.key(path.name): path.read_bytes() for path in files}


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def test_pictures_go_first_and_side_cars_last(station: Station) -> None:
    for seq in (1, 2):
        station.spool.store(request(seq))
    result = station.run()
    assert not result.failed
    names = ["3-1-top.jpg", "3-1-top.json", "3-2-top.jpg", "3-2-top.json"]
    assert station.objects.order == [station.key(name) for name in names]
    assert station.objects.objects == station.expected()
    assert station.run().outcomes == {}
    assert station.counts() == {UploadState.DONE: 2}


def test_a_station_set_up_anew_meets_none_of_its_old_objects(station: Station, tmp_path: Path) -> None:
    station.spool.store(request(1))
    station.run()
    (tmp_path / "anew").mkdir()
    anew = Station(tmp_path / "anew")
    anew.objects = station.objects
    anew.spool.store(request(1, score=0.5))
    assert anew.run().outcomes == {UploadState.DONE: 1}
    assert len(station.objects.objects) == 4


def test_the_key_depends_on_the_picture_alone(station: Station) -> None:
    stored = station.spool.store(request(1))
    station.run()
    sidecar = json.loads(station.objects.objects[station.key("3-1-top.json")])
    assert sidecar["image"]["sha256"] == stored.sha256
    assert station.key("3-1-top.jpg") in station.objects.objects
    assert "//" not in "".join(station.objects.order)
    entry = next(list_spool(station.spool.directory))
    assert entry.sidecar
    assert object_key("", entry.sidecar, stored.path) == station.key("3-1-top.jpg").removeprefix("factory/")


def test_sending_again_after_a_lost_state_creates_nothing(station: Station) -> None:
    station.spool.store(request(1))
    station.run()
    for path in station.settings.store.glob("sync.db*"):
        path.unlink()
    assert station.run().outcomes == {UploadState.DONE: 1}
    assert len(station.objects.order) == 2


def test_a_picture_that_arrived_without_its_side_car_is_completed(station: Station) -> None:
    station.spool.store(request(1))
    station.objects.objects[station.key("3-1-top.jpg")] = station.expected()[station.key("3-1-top.jpg")]
    assert station.run().outcomes == {UploadState.DONE: 1}
    assert station.objects.order == [station.key("3-1-top.json")]


@pytest.mark.parametrize("name", ["3-1-top.jpg", "3-1-top.json"])
def test_an_object_of_other_content_is_left_and_raised(
    station: Station, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    station.spool.store(request(1))
    station.objects.objects[station.key(name)] = b"somebody else's"
    result = station.run()
    assert result.failed
    assert result.outcomes == {UploadState.CONFLICT: 1}
    assert station.objects.objects[station.key(name)] == b"somebody else's"
    assert station.key("3-1-top.json") not in station.objects.order
    assert any(record.levelno == logging.ERROR and "ALARM" in record.message for record in caplog.records)
    assert station.run().outcomes == {}
    assert station.counts() == {UploadState.CONFLICT: 1}


def test_changed_or_broken_files_are_not_sent(station: Station) -> None:
    for seq in (1, 2, 3):
        station.spool.store(request(seq))
    day = station.spool.directory / DAY
    with (day / "3-1-top.jpg").open("r+b") as file:
        file.seek(200)
        file.write(b"\0\1\2")
    (day / "3-2-top.json").write_bytes(b"{}")
    assert station.run().outcomes == {UploadState.DAMAGED: 2, UploadState.DONE: 1}
    assert station.objects.order == [station.key("3-3-top.jpg"), station.key("3-3-top.json")]


def test_a_picture_being_written_waits_and_a_pruned_one_is_noted(station: Station) -> None:
    for seq in (1, 2):
        station.spool.store(request(seq))
    day = station.spool.directory / DAY
    side_car = (day / "3-1-top.json").read_bytes()
    (day / "3-1-top.json").unlink()
    station.objects.fault = RemoteFault.UNREACHABLE
    station.run()
    for path in day.glob("3-2-top.*"):
        path.unlink()
    station.objects.fault = None
    assert station.run().outcomes == {UploadState.PENDING: 1}
    assert station.counts() == {UploadState.PENDING: 1, UploadState.GONE: 1}
    (day / "3-1-top.json").write_bytes(side_car)
    assert station.run().outcomes == {UploadState.DONE: 1}


def test_a_picture_pruned_between_look_and_sending_is_gone(station: Station) -> None:
    station.spool.store(request(1))
    path = station.spool.directory / DAY / "3-1-top.jpg"

    asked = iter(["before the look"])

    def prune() -> bool:
        if not next(asked, None):
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
        return True

    station.go_on = prune
    assert station.run().outcomes == {UploadState.GONE: 1}


@pytest.mark.parametrize("fault", list(RemoteFault))
def test_a_fault_ends_the_pass_and_loses_nothing(station: Station, fault: RemoteFault) -> None:
    for seq in (1, 2, 3):
        station.spool.store(request(seq))
    station.objects.fault = fault
    result = station.run()
    assert (result.fault, result.failed) == (fault, True)
    station.objects.fault = None
    assert station.run().outcomes == {UploadState.DONE: 3}
    assert station.objects.objects == station.expected()


def test_one_picture_that_always_fails_does_not_hold_up_the_others(station: Station) -> None:
    for seq in (1, 2, 3):
        station.spool.store(request(seq))
    station.objects.failing_keys.add(station.key("3-1-top.jpg"))
    results = [station.run() for _ in range(3)]
    assert all(result.problem for result in results)
    assert station.counts() == {UploadState.DONE: 2, UploadState.PENDING: 1}


def test_a_missing_spool_is_waited_for_and_forgets_nothing(station: Station) -> None:
    station.spool.store(request(1))
    station.run()
    moved = station.settings.store / "unmounted"
    station.spool.directory.rename(moved)
    assert "mounted" in station.run().problem
    moved.rename(station.spool.directory)
    assert station.run().outcomes == {}
    assert station.counts() == {UploadState.DONE: 1}


def test_done_pictures_are_forgotten_when_their_day_is_pruned(station: Station) -> None:
    later = Instant(mono_ns=0, utc_ms=RECEIVED_MS + 86_400_000)
    station.spool.store(request(1))
    station.spool.store(request(2, key=PartKey(session=1, trig=2, epoch=3, seq=2), received=later))
    station.run()
    for path in (station.spool.directory / DAY).iterdir():
        path.unlink()
    (station.spool.directory / DAY).rmdir()
    station.run()
    assert station.counts() == {UploadState.DONE: 1}


def test_stopping_ends_the_pass_between_two_pictures(station: Station) -> None:
    for seq in (1, 2, 3):
        station.spool.store(request(seq))
    answers = iter([True, True, False])
    station.go_on = lambda: next(answers, False)
    assert station.run().outcomes == {UploadState.DONE: 1}
    assert station.counts() == {UploadState.DONE: 1, UploadState.PENDING: 2}
