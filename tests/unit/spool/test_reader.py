from pathlib import Path

import pytest

from edge.core.events import Instant, PartKey
from edge.spool.errors import SpoolError
from edge.spool.reader import days, list_spool, pictures_of
from tests.support.spooling import DAY, RECEIVED_MS, open_spool, request

NEXT_DAY_MS = RECEIVED_MS + 86_400_000


def test_pictures_come_by_day_and_number(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    later = Instant(mono_ns=0, utc_ms=NEXT_DAY_MS)
    spool.store(request(1, key=PartKey(session=1, trig=1, epoch=4, seq=1), received=later))
    for seq in (10, 9, 2):
        spool.store(request(seq))
    spool.store(request(2, camera="side"))
    assert [entry.path for entry in list_spool(spool.directory)] == [
        f"{DAY}/3-2-side.jpg",
        f"{DAY}/3-2-top.jpg",
        f"{DAY}/3-9-top.jpg",
        f"{DAY}/3-10-top.jpg",
        "2025/10/10/4-1-top.jpg",
    ]
    assert all(entry.sidecar and entry.problem is None for entry in list_spool(spool.directory))
    assert days(spool.directory) == [DAY, "2025/10/10"]


def test_broken_entries_are_listed_with_their_problem(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    day = spool.directory / DAY
    for seq in range(1, 5):
        spool.store(request(seq))
    (day / "3-1-top.json").unlink()
    (day / "3-2-top.json").write_bytes(b"\xff{")
    (day / "3-3-top.jpg").unlink()
    (day / "3-4-top.json").write_bytes((day / "3-3-top.json").read_bytes())
    (day / "notes.txt").write_text("not ours")
    (day / "3-5-top.json").mkdir()
    problems = {entry.path.rpartition("/")[2]: entry.problem or "" for entry in list_spool(spool.directory)}
    assert "no side-car" in problems["3-1-top.jpg"]
    assert "broken" in problems["3-2-top.jpg"]
    assert "picture is missing" in problems["3-3-top.jpg"]
    assert "belongs to" in problems["3-4-top.jpg"]
    assert "cannot be read" in problems["3-5-top.jpg"]
    assert len(problems) == 5


def test_no_spool_is_not_an_empty_spool(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="mounted"):
        list(list_spool(tmp_path))


def test_a_day_that_vanishes_meanwhile_is_empty(tmp_path: Path) -> None:
    open_spool(tmp_path / "spool")
    assert pictures_of(tmp_path / "spool", DAY) == []


def test_reading_changes_nothing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    spool.store(request())
    before = {path: path.stat().st_mtime_ns for path in spool.directory.rglob("*")}
    list(list_spool(spool.directory))
    assert before == {path: path.stat().st_mtime_ns for path in spool.directory.rglob("*")}
