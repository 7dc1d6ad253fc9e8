"""A disk that is full, read-only or broken at every single write of the ledger, checkpoints and archives included."""

import errno
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge.ledger import Ledger, LedgerError
from edge.ledger.archive_file import FOLDER, SUMS
from edge.ledger.export import export
from edge.ledger.verify import verify
from tests.support.failing_writes import FILES, OLD_PARTS, PARTS, command
from tests.support.ledgers import archive, instant

ROOT = Path(__file__).parents[2]
FOR_GOOD = 1_000_000


def played(folder: Path, error: int, count: int, every: int, scenario: str) -> list[dict[str, Any]]:
    words, environment = command(folder, error, count, every, scenario)
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def problems(folder: Path, play: dict[str, Any]) -> list[str]:
    """Return what is wrong once the disk takes writes again: what was reported is there, the next start mends all."""
    found: list[str] = []
    if play["committed"]:
        accepted = {line["trig"] for line in export(folder) if line["verdict"] == "accept"}
        found += [f"part {trig} was reported and is not there" for trig in set(play["committed"]) - accepted]
    try:
        ledger = Ledger.open(folder)
    except LedgerError as error:
        return [*found, f"does not start again: {error}"]
    ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=instant())
    ledger.close("stopped", instant(), {})
    report = verify(folder)
    return [*found, *report.problems, *[f"{report.anomalies} anomalies"] * bool(report.anomalies)]


@pytest.mark.parametrize(
    ("error", "count", "every"),
    [(errno.ENOSPC, 1, 2), (errno.EIO, 1, 3), (errno.ENOSPC, FOR_GOOD, 20), (errno.EROFS, FOR_GOOD, 20)],
    ids=["full for one call", "broken for one call", "full from then on", "read-only from then on"],
)
def test_whatever_write_fails_nothing_that_was_reported_is_lost(
    tmp_path: Path, soak: bool, error: int, count: int, every: int
) -> None:
    undisturbed, *plays = played(tmp_path, error, count, 1 if soak else every, "parts")
    assert (undisturbed["committed"], undisturbed["refused"]) == (list(range(1, PARTS + 1)), [])
    assert all(play["refused"] for play in plays)
    wrong = {
        f"call {play['folder']}, {play['refused'][0]}": found
        for play in plays
        if (found := problems(tmp_path / play["folder"], play))
    }
    assert wrong == {}


def archive_problems(folder: Path, play: dict[str, Any]) -> list[str]:
    """Return what is wrong, before and after another start has archived everything on a disk that takes it."""
    try:
        found = problems(folder, play)
        archive(folder)
    except LedgerError as error:
        return [f"is not archived at the next start: {error}"]
    report = verify(folder)
    files = sorted((folder / FOLDER).iterdir())
    sums = [line.split()[1] for line in (folder / FOLDER / SUMS).read_text().splitlines()]
    if [path.name for path in files] != [SUMS, *sums]:
        found.append(f"the sums name {sums}, the folder holds {[path.name for path in files]}")
    if set(play["committed"]) - {line["trig"] for line in export(folder)}:
        found.append("a part is missing once all is archived")
    return [*found, *report.problems, *[f"{report.anomalies} anomalies"] * bool(report.anomalies)]


@pytest.mark.parametrize(
    ("error", "count", "every"),
    [(errno.ENOSPC, 1, 17), (errno.EIO, 1, 19), (errno.ENOSPC, FOR_GOOD, 80), (errno.EROFS, FOR_GOOD, 80)],
    ids=["full for one call", "broken for one call", "full from then on", "read-only from then on"],
)
def test_whatever_write_of_an_archive_fails_nothing_is_lost_and_the_next_start_makes_it(
    tmp_path: Path, soak: bool, error: int, count: int, every: int
) -> None:
    undisturbed, *plays = played(tmp_path, error, count, 1 if soak else every, "archive")
    assert (undisturbed["committed"], undisturbed["refused"]) == (list(range(1, OLD_PARTS + 2)), [])
    assert len(list((tmp_path / "0" / FOLDER).glob("events-*"))) == FILES
    met = [play for play in plays if play["calls"] >= int(play["folder"])]
    assert all(play["refused"] for play in met)
    assert len(met) >= 0.8 * len(plays)  # how many calls there are hangs on which thread is faster
    wrong = {
        f"call {play['folder']}, {play['refused'][0]}": found
        for play in met
        if (found := archive_problems(tmp_path / play["folder"], play))
    }
    assert wrong == {}
