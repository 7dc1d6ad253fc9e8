"""kill -9 while pictures are stored: what stands under its final name is whole, what was reported is there."""

import hashlib
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from edge.spool.reader import list_spool
from tests.support.spooling import open_spool

ROOT = Path(__file__).parents[2]
KILLS = 12


@contextmanager
def storing(folder: Path, first: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.support.spool_process", str(folder), str(first)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_whatever_the_moment_final_names_are_whole(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    generator = random.Random(5)
    reported: set[int] = set()
    for kill in range(KILLS):
        with storing(folder, first=kill * 10_000 + 1) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            # Not luck: any moment will do, and they are to differ.
            timer = Timer(generator.uniform(0.0, 0.05), process.kill)
            timer.start()
            reported |= {int(line) for line in [first, *process.stdout] if line.endswith("\n")}
            timer.join()
        check(folder, reported)
    assert len(reported) >= KILLS


def check(folder: Path, reported: set[int]) -> None:
    temporaries = list(folder.rglob(".*.tmp"))
    entries = list(list_spool(folder))
    orphans = [entry for entry in entries if entry.pending]
    whole = [entry.sidecar for entry in entries if entry.sidecar]
    assert len(whole) + len(orphans) == len(entries), [entry.problem for entry in entries]
    for entry in entries:
        if entry.sidecar:
            data = (folder / entry.path).read_bytes()
            assert hashlib.sha256(data).hexdigest() == entry.sidecar.image.sha256
    assert reported <= {sidecar.seq for sidecar in whole}
    found = open_spool(folder).found
    assert (found.temporaries, found.without_sidecar) == (len(temporaries), len(orphans))
    assert not list(folder.rglob(".*.tmp"))
    assert found.used_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
