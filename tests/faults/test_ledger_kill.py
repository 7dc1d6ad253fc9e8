"""kill -9, and power cuts, while verdicts are recorded: whatever was said to be committed is in the ledger."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from edge.core.events import Instant
from edge.ledger import Ledger
from edge.ledger.export import export
from edge.ledger.verify import verify
from tests.support.disks import cut_power, make_ext4, mounted

ROOT = Path(__file__).parents[2]
KILLS = 10
POWER_CUTS = 4

Parts = set[tuple[int, int]]


@contextmanager
def recording(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.support.ledger_process", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def parts(reported: bytes) -> Parts:
    """Return what whole lines say; the last may be cut."""
    lines = [line.split() for line in reported.splitlines(keepends=True) if line.endswith(b"\n")]
    return {(int(session), int(trig)) for session, trig in lines}


def accepted(folder: Path) -> Parts:
    return {(line["sess"], line["trig"]) for line in export(folder) if line["verdict"] == "accept"}


def check(folder: Path, reported: Parts) -> None:
    """What was reported is there before anything is repaired; a start then leaves nothing open."""
    assert reported <= accepted(folder)
    ledger = Ledger.open(folder)
    opening = ledger.start_epoch(software="0.1.0", config_hash="c0", at=Instant(mono_ns=0, utc_ms=0))
    ledger.close("stopped", Instant(mono_ns=0, utc_ms=0), {})
    assert opening.clean is False
    report = verify(folder)
    assert (report.problems, report.anomalies) == ((), 0)
    assert reported <= accepted(folder)


def test_what_was_committed_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    generator = random.Random(3)
    reported: Parts = set()
    for _ in range(KILLS):
        with recording(tmp_path) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            # Not luck: any moment will do, and they are to differ.
            timer = Timer(generator.uniform(0.0, 0.2), process.kill)
            timer.start()
            reported |= parts(first + process.stdout.read())
            timer.join()
        check(tmp_path, reported)
    assert len(reported) >= KILLS


def test_what_was_committed_survives_a_power_cut(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    image = make_ext4(tmp_path / "disk.ext4")
    generator = random.Random(4)
    reported: Parts = set()
    for _ in range(POWER_CUTS):
        with mounted(image, folder), recording(folder) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(generator.uniform(0.0, 0.2))  # not luck: any moment will do, and they are to differ
            os.set_blocking(process.stdout.fileno(), False)
            # Only what was heard before the cut counts. The process lives on after it, as in no real power cut, and
            # this kernel may then answer an fsync with success whose journal transaction was thrown away.
            reported |= parts(first + (process.stdout.read() or b""))
            cut_power(folder)
        with mounted(image, folder):
            check(folder, reported)
    assert len(reported) >= POWER_CUTS
