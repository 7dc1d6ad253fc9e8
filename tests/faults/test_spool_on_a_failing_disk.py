"""The spool on a disk that is really full or read-only: a small tmpfs, mounted by the test (needs root)."""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edge.spool.errors import SpoolError, SpoolFullError, SpoolWriteError
from edge.spool.reader import list_spool
from tests.support.disks import fill, mount, small_disk
from tests.support.spooling import open_spool, picture, request

DISK_BYTES = 1 << 20
PAGE = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as folder:
        yield folder


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("missing_pages", [None, 5, 1, 0])
def test_a_disk_that_fills_up_meanwhile_leaves_no_part_and_recovers(
    disk: Path, monkeypatch: pytest.MonkeyPatch, missing_pages: int | None
) -> None:
    """Room is seen before, but then the picture finds none or too little (None, 5, 1), or its side-car none (0)."""
    spool = open_spool(disk / "spool")
    image = picture(1, 100, 128)
    pages = -(-spool.store(request(1, image=image)).size // PAGE)
    roomy = os.statvfs(disk)
    monkeypatch.setattr(os, "statvfs", lambda _: roomy)
    filler = disk / "filler"
    fill(filler)
    free_pages = 0 if missing_pages is None else pages - missing_pages
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - free_pages * PAGE)
    before = names(spool.directory)
    for seq in (2, 3):
        with pytest.raises(SpoolFullError, match="no room on the disk"):
            spool.store(request(seq, image=image))
        assert names(spool.directory) == before
    filler.unlink()
    spool.store(request(2, image=image))
    assert [entry.problem for entry in list_spool(spool.directory)] == [None, None]


def test_a_disk_full_to_the_last_byte_at_the_start_is_a_named_error(disk: Path) -> None:
    fill(disk / "filler")
    with pytest.raises(SpoolFullError, match="free some space"):
        open_spool(disk / "spool")


def test_the_reserve_is_kept(disk: Path) -> None:
    spool = open_spool(disk / "spool", reserve_bytes=DISK_BYTES - 100_000)
    spool.store(request(1))
    with pytest.raises(SpoolFullError, match="kept for the ledger"):
        spool.store(request(2, image=picture(2, 480, 640)))


def test_a_read_only_disk_refuses_and_recovers(disk: Path) -> None:
    spool = open_spool(disk / "spool")
    spool.store(request(1))
    mount("-o", "remount,ro", str(disk))
    try:
        with pytest.raises(SpoolWriteError, match="Read-only"):
            spool.store(request(2))
        with pytest.raises(SpoolError, match="Read-only"):
            open_spool(disk / "other")
        assert len(list(list_spool(spool.directory))) == 1
    finally:
        mount("-o", "remount,rw", str(disk))
    spool.store(request(2))
    assert [entry.problem for entry in list_spool(spool.directory)] == [None, None]


class Refusing:
    """Counts the calls that change the disk, and refuses one of them, or all from it on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.refused: set[str] = set()
        self._range = range(0)
        self._error = 0
        for name in ("open", "write", "fsync", "mkdir", "rename", "unlink"):
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))

    def refuse(self, first: int, count: int, error: int) -> None:
        self.calls, self._range, self._error = 0, range(first, first + count), error

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if name == "open" and not arguments[1] & os.O_CREAT:
                return call(*arguments, **options)
            self.calls += 1
            if self.calls in self._range:
                self.refused.add(name)
                raise OSError(self._error, os.strerror(self._error))
            return call(*arguments, **options)

        return counted


@pytest.mark.parametrize("count", [1, 1000], ids=["one call", "every call from then on"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_whatever_call_fails_final_names_are_whole_and_the_next_picture_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, count: int
) -> None:
    refusing = Refusing(monkeypatch)

    def keep_two(folder: Path) -> set[int]:
        kept: set[int] = set()
        with suppress(SpoolError):
            spool = open_spool(folder)
            for seq in (1, 2):
                with suppress(SpoolError):
                    spool.store(request(seq))
                    kept.add(seq)
        return kept

    assert keep_two(tmp_path / "undisturbed") == {1, 2}
    for first in range(1, refusing.calls + 1):
        folder = tmp_path / str(first)
        refusing.refuse(first, count, error)
        kept = keep_two(folder)
        refusing.refuse(0, 0, 0)
        spool = open_spool(folder)
        spool.store(request(3))
        entries = list(list_spool(folder))
        assert [entry.problem for entry in entries if not entry.sidecar and not entry.pending] == []
        found = {entry.sidecar.seq for entry in entries if entry.sidecar}
        # A whole picture may be left over where removing it is refused too.
        assert kept | {3} == found if count == 1 else kept | {3} <= found
        for entry in entries:
            if entry.sidecar:
                data = (folder / entry.path).read_bytes()
                assert hashlib.sha256(data).hexdigest() == entry.sidecar.image.sha256
    assert refusing.refused >= {"open", "write", "fsync", "mkdir", "rename"}
