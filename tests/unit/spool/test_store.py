import hashlib
import logging
import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge import durable
from edge.core.events import Instant, PartKey
from edge.core.types import Box
from edge.spool.errors import (
    SpoolEncodeError,
    SpoolError,
    SpoolFullError,
    SpoolNameError,
    SpoolOccupiedError,
    SpoolWriteError,
)
from edge.spool.sidecar import parse_sidecar
from tests.support.spooling import DAY, open_spool, picture, request


def files(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_the_stored_picture_is_the_one_described(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    stored = spool.store(request())
    data = (spool.directory / stored.path).read_bytes()
    assert hashlib.sha256(data).hexdigest() == stored.sha256
    assert len(data) == stored.size
    image = parse_sidecar((spool.directory / stored.path).with_suffix(".json").read_bytes()).image
    assert (image.file, image.sha256, image.size) == ("3-1-top.jpg", stored.sha256, stored.size)
    assert files(spool.directory) == [f"{DAY}/3-1-top.jpg", f"{DAY}/3-1-top.json", "store-id"]


def test_a_coloured_hairline_survives(tmp_path: Path) -> None:
    image = np.full((64, 64, 3), 128, np.uint8)
    image[:, 31] = (128, 60, 200)  # of the same brightness: only its colour tells it apart
    spool = open_spool(tmp_path / "spool")
    stored = spool.store(request(image=image))
    seen = cv2.imread(str(spool.directory / stored.path))
    assert seen is not None
    assert np.abs(seen[:, 31].astype(int) - image[:, 31]).max() < 12


def test_grey_pictures_are_kept(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    assert spool.store(request(image=picture()[:, :, 0].copy())).size > 0


def test_used_bytes_are_those_on_disk_and_are_found_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    for seq in range(1, 4):
        spool.store(request(seq))
    on_disk = sum(path.stat().st_size for path in spool.directory.rglob("*") if path.is_file())
    again = open_spool(spool.directory)
    assert spool.used_bytes == again.used_bytes == on_disk
    assert (again.found.pictures, again.found.without_sidecar, again.store_id) == (3, 0, spool.store_id)


def test_the_limit_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", limit_bytes=40_000)
    for seq in (1, 2, 3, 4):
        spool.store(request(seq))
    with pytest.raises(SpoolFullError, match="spool_limit"):
        spool.store(request(5))
    assert spool.used_bytes < 40_000
    assert len(files(spool.directory)) == 2 * 4 + 1


def test_the_disk_keeps_room_for_the_ledger(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool", reserve_bytes=1 << 60)
    with pytest.raises(SpoolFullError, match="ledger"):
        spool.store(request())


def test_left_temporaries_go_and_orphans_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path / "spool")
    stored = spool.store(request())
    day = spool.directory / DAY
    (day / ".3-2-top.jpg.tmp").write_bytes(b"half")
    (spool.directory / "lost+found").mkdir()
    (spool.directory / "lost+found" / ".x.tmp").write_bytes(b"not ours")
    (day / "3-4-top.jpg").write_bytes(b"an image whose side-car was not written any more")
    with caplog.at_level(logging.INFO):
        again = open_spool(spool.directory)
    assert (again.found.temporaries, again.found.without_sidecar, again.found.pictures) == (1, 1, 2)
    assert not (day / ".3-2-top.jpg.tmp").exists()
    assert (spool.directory / stored.path).exists()
    assert "1 half-written" in caplog.text


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    stored = spool.store(request(1))
    before = (spool.directory / stored.path).read_bytes()
    with pytest.raises(SpoolOccupiedError, match="exists already"):
        spool.store(request(1, image=picture(99)))
    assert (spool.directory / stored.path).read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"camera": "../etc"}, SpoolNameError),
        ({"camera": ""}, SpoolNameError),
        ({"camera": "x" * 33}, SpoolNameError),
        ({"key": PartKey(session=1, trig=1, epoch=-1, seq=1)}, SpoolNameError),
        ({"received": Instant(mono_ns=0, utc_ms=10**18)}, SpoolNameError),
        ({"received": Instant(mono_ns=0, utc_ms=-(10**18))}, SpoolNameError),
        ({"part": "with space"}, SpoolNameError),
        ({"image": np.zeros((0, 0, 3), np.uint8)}, SpoolEncodeError),
        ({"image": np.zeros((2, 65_501, 3), np.uint8)}, SpoolEncodeError),
        ({"image": np.zeros((4, 4, 2), np.uint8)}, SpoolEncodeError),
        ({"image": np.zeros((4, 4, 3), np.complex128)}, SpoolEncodeError),
    ],
)
def test_what_cannot_be_kept_is_a_named_error(
    tmp_path: Path, changes: dict[str, object], kind: type[SpoolError]
) -> None:
    spool = open_spool(tmp_path / "spool")
    with pytest.raises(kind):
        spool.store(request(**changes))
    assert files(spool.directory) == ["store-id"]


def test_scores_that_are_no_probability_are_written_as_none(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool")
    box = Box(x=0, y=0, width=1, height=1, category="scratch", category_id=1, score=math.nan)
    stored = spool.store(request(score=math.inf, boxes=(box,)))
    sidecar = parse_sidecar((spool.directory / stored.path).with_suffix(".json").read_bytes())
    assert sidecar.score is None
    assert sidecar.boxes[0].score == 0.0


@pytest.mark.parametrize("failing", range(1, 9))
def test_a_failing_disk_leaves_neither_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    """Whichever call of the disk fails, the spool goes on as if nothing had been asked."""
    spool = open_spool(tmp_path / "spool")
    calls = 0

    def flaky(real):
        def call(*args: object) -> object:
            nonlocal calls
            calls += 1
            if calls == failing:
                raise OSError(5, "Input/output error")
            return real(*args)

        return call

    monkeypatch.setattr(durable.os, "write", flaky(os.write))
    monkeypatch.setattr(durable.os, "fsync", flaky(os.fsync))
    with pytest.raises(SpoolWriteError, match="Input/output error"):
        spool.store(request())
    monkeypatch.undo()
    assert files(spool.directory) == ["store-id"]
    assert spool.store(request()).path == f"{DAY}/3-1-top.jpg"


def test_a_spool_that_cannot_be_made_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="cannot write"):
        open_spool(tmp_path / "file")
    with pytest.raises(SpoolError, match="cannot write"):
        open_spool(tmp_path / "no" / "parent")
