"""The ledger on a disk that is really full or read-only: a small tmpfs, mounted by the test (needs root)."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.ledger import ArchiveError, Ledger, LedgerFullError, LedgerReadOnlyError
from edge.ledger.archive_file import FOLDER
from edge.ledger.archiver import Archiver
from edge.ledger.export import export
from edge.ledger.lock import is_held
from edge.ledger.reader import counts, last_parts
from edge.ledger.retention import Retention
from edge.ledger.verify import verify
from tests.support.disks import fill, mount, small_disk
from tests.support.ledgers import instant, key, start, whole_part
from tests.support.waiting import wait_until

DISK_BYTES = 2 << 20
PARTS = 40


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", DISK_BYTES) as folder:
        yield folder


def test_a_full_disk_that_is_freed_again_loses_nothing(disk: Path) -> None:
    ledger = start(disk)
    assert ledger.append(*whole_part(key(1))).wait(10)
    fill(disk / "filler")
    tickets = [ledger.append(*whole_part(key(trig))) for trig in range(2, PARTS)]
    wait_until(lambda: ledger.failure is not None)
    assert isinstance(ledger.failure, LedgerFullError)
    assert "free space" in str(ledger.failure)
    assert not ledger.healthy
    assert [line["trig"] for line in export(disk)] == list(
        range(1, 1 + sum(ticket.committed for ticket in tickets) + 1)
    )
    (disk / "filler").unlink()
    assert all(ticket.wait(10) for ticket in tickets)
    wait_until(lambda: ledger.healthy)
    ledger.close("stopped", instant(), {})
    assert [line["trig"] for line in export(disk)] == list(range(1, PARTS))
    assert verify(disk).problems == ()


def test_a_disk_too_full_for_an_archive_keeps_every_event(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.archiver.RESERVE_BYTES", 0)
    ledger = start(disk)
    assert ledger.append(*(event for trig in range(1, PARTS) for event in whole_part(key(trig)))).wait(10)
    fill(disk / "filler")
    archiver = Archiver(ledger, disk, Retention(days=36_500, events=0, always_kept=0, young_s=0))
    archiver.start()
    with pytest.raises(ArchiveError, match="check free space"):
        list(archiver.ask().progress())
    assert [path.name for path in (disk / FOLDER).glob("*")] == []
    (disk / "filler").unlink()
    assert ledger.append(*whole_part(key(PARTS))).wait(10)
    assert len(list(archiver.ask().progress())) == 1
    wait_until(lambda: not ledger._store.untidy)
    archiver.stop()
    ledger.close("stopped", instant(), {})
    assert [line["trig"] for line in export(disk)] == list(range(1, PARTS + 1))
    report = verify(disk)
    assert (report.problems, report.archives) == ((), 1)


def test_a_disk_too_full_to_let_go_of_rows_lets_go_of_them_later(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.archiver.RESERVE_BYTES", 0)
    monkeypatch.setattr("edge.ledger.writer.UNTIDY_S", 0.05)
    monkeypatch.setattr("edge.ledger.writer.PAUSE_S", 3600.0)
    ledger = start(disk)
    assert ledger.append(*(event for trig in range(1, PARTS) for event in whole_part(key(trig)))).wait(10)
    archiver = Archiver(ledger, disk, Retention(days=36_500, events=0, always_kept=0, young_s=0))
    archiver.start()
    assert len(list(archiver.ask().progress())) == 1
    archiver.stop()
    fill(disk / "filler")
    monkeypatch.setattr("edge.ledger.writer.PAUSE_S", 0.001)
    ticket = ledger.append(*whole_part(key(PARTS)))
    wait_until(lambda: ledger.failure is not None or ledger._writer._tidy_from_s)
    (disk / "filler").unlink()
    assert ticket.wait(10)
    wait_until(lambda: not ledger._store.untidy)
    ledger.close("stopped", instant(), {})
    assert [line["trig"] for line in export(disk)] == list(range(1, PARTS + 1))
    assert verify(disk).problems == ()


def test_a_stop_on_a_full_disk_ends_and_the_next_start_goes_on(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.ledger.CLOSE_S", 0.2)
    ledger = start(disk)
    assert ledger.append(*whole_part(key(1))).wait(10)
    fill(disk / "filler")
    tickets = [ledger.append(*whole_part(key(trig))) for trig in range(2, PARTS)]
    wait_until(lambda: ledger.failure is not None)
    ledger.close("stopped", instant(), {})
    assert not is_held(disk)
    (disk / "filler").unlink()
    again = Ledger.open(disk)
    opening = again.start_epoch(software="0.1.0", config_hash="c0", at=instant())
    again.close("stopped", instant(), {})
    assert (opening.epoch, opening.clean, opening.orphans) == (2, False, 0)
    assert len(list(export(disk))) == 1 + sum(ticket.committed for ticket in tickets)
    assert verify(disk).problems == ()


def test_a_disk_full_at_the_start_is_a_named_error(disk: Path) -> None:
    fill(disk / "filler")
    with pytest.raises(LedgerFullError, match="free space"):
        Ledger.open(disk)
    assert not is_held(disk)


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped in order", "died"])
def test_a_read_only_disk_is_read_and_never_written(disk: Path, stopped: bool) -> None:
    ledger = start(disk)
    assert ledger.append(*whole_part(key(1))).wait(10)
    if stopped:
        ledger.close("stopped", instant(), {})
    else:
        assert ledger._writer is not None
        assert ledger._writer.stop(0)
        keep = {path: path.read_bytes() for path in disk.iterdir()}
        ledger._store.close()
        ledger._lock.release()
        for path, content in keep.items():
            path.write_bytes(content)
    mount("-o", "remount,ro", str(disk))
    with pytest.raises(LedgerReadOnlyError, match="may not be written"):
        Ledger.open(disk)
    assert [line["verdict"] for line in export(disk)] == ["accept"]
    assert verify(disk).problems == ()
    assert counts(disk, 0)["accept"] == 1
    assert len(last_parts(disk, 5)) == 1


def test_a_disk_that_turns_read_only_under_the_station(disk: Path) -> None:
    ledger = start(disk)
    assert ledger.append(*whole_part(key(1))).wait(10)
    mount("-t", "tmpfs", "-o", "ro", "tmpfs", str(disk))
    try:
        ticket = ledger.append(*whole_part(key(2)))
        wait_until(lambda: ledger.failure is not None)
        assert not ticket.committed
    finally:
        subprocess.run(["umount", str(disk)], check=True, capture_output=True)
    assert ticket.wait(10)
    ledger.close("stopped", instant(), {})
    assert verify(disk).problems == ()
