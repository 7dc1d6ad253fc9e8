"""What the ledger costs at two sizes: ``python -m tests.benchmarks.ledger_cost [SMALL LARGE] [--folder DIR]``.

Prints medians in milliseconds, small, large and their ratio, the seconds that the large one takes to verify, and what
commits notice of archiving; with sizes of 1000 and 10000000 it takes some ten minutes and six gigabytes. The test
beside it asserts the ratios at sizes that take seconds.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from edge.core.events import Event, Instant
from edge.core.statistics import percentile
from edge.ledger import Ledger
from edge.ledger.archiver import Archiver
from edge.ledger.reader import counts, last_parts
from edge.ledger.retention import Retention
from edge.ledger.verify import verify
from tests.support.bulk_ledger import fill
from tests.support.ledgers import instant, key, start, whole_part
from tests.support.waiting import wait_until

STARTS: Final = 10
ROUNDS: Final = 150
WARM_UP: Final = 5
RECENT: Final = 5
PAUSE_S: Final = 0.05
DAY_MS: Final = 86_400_000


class Subject:
    """A ledger of some size with a station on it."""

    def __init__(self, directory: Path, events: int) -> None:
        directory.mkdir()
        fill(directory, events)
        self.directory = directory
        self.now_ms = time.time_ns() // 1_000_000
        self._ledger = Ledger.open(directory)
        self._trig = 0

    def start(self) -> None:
        self._ledger.close("measured", self._at(), {})
        self._ledger = Ledger.open(self.directory)
        self._ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=self._at())

    def append(self) -> None:
        self._trig += 1
        _commit(self._ledger, whole_part(key(self._trig, session=4_000_000_000, epoch=self._ledger.epoch)))

    def count_the_day(self) -> None:
        counts(self.directory, self.now_ms - DAY_MS)

    def tell_the_last(self) -> None:
        last_parts(self.directory, RECENT)

    def close(self) -> None:
        self._ledger.close("measured", self._at(), {})

    def _at(self) -> Instant:
        return Instant(mono_ns=time.monotonic_ns(), utc_ms=self.now_ms)


def measure(folder: Path, small: int, large: int) -> dict[str, tuple[float, float]]:
    """Return per operation the median milliseconds at both sizes, taken in turns: both suffer the same machine."""
    subjects = [Subject(folder / str(size), size) for size in (small, large)]
    try:
        found = {}
        for name, rounds in (
            ("start", STARTS),
            ("append", ROUNDS),
            ("count_the_day", ROUNDS),
            ("tell_the_last", ROUNDS),
        ):
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds + WARM_UP):
                for subject, own in zip(subjects, times, strict=True):
                    own.append(_timed(getattr(subject, name)))
            found[name] = (median(times[0][WARM_UP:]), median(times[1][WARM_UP:]))
    finally:
        for subject in subjects:
            subject.close()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Milliseconds of each part's commit, alone and while events move to the archive, and how many files that made."""

    alone: list[float]
    beside: list[float]
    files: int


def measure_beside(directory: Path, keep: int, parts: int) -> Beside:
    """Record parts as a line does, with pauses, first alone, then while all but ``keep`` events are archived."""
    ledger = start(directory)
    archiver = Archiver(
        ledger, directory, Retention(days=36_500, events=keep, file_events=1_000, always_kept=0, young_s=0)
    )
    archiver.start()
    try:
        alone = _commits(ledger, 4_000_000_001, parts)
        job = archiver.ask()
        beside = _commits(ledger, 4_000_000_002, parts)
        files = len(list(job.progress()))
        wait_until(lambda: not ledger._store.untidy, timeout=120)
    finally:
        archiver.stop()
        ledger.close("measured", instant(), {})
    return Beside(alone=alone, beside=beside, files=files)


def _commits(ledger: Ledger, session: int, parts: int) -> list[float]:
    times = []
    for trig in range(1, parts + 1):
        part = key(trig, session=session, epoch=ledger.epoch, seq=session % 10 * parts + trig)
        times.append(_timed(partial(_commit, ledger, whole_part(part))))
        time.sleep(PAUSE_S)  # as on a line: in its pauses the archived rows are let go
    return times


def _commit(ledger: Ledger, events: list[Event]) -> None:
    assert ledger.append(*events).wait(60)


def _verified(directory: Path) -> None:
    assert verify(directory).ok


def _timed(action: Callable[[], None]) -> float:
    started_ns = time.perf_counter_ns()
    action()
    return (time.perf_counter_ns() - started_ns) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="What the ledger costs at two sizes.")
    parser.add_argument("sizes", type=int, nargs="*", default=[1_000, 10_000_000], help="events: SMALL LARGE")
    parser.add_argument("--folder", type=Path, help="where to make the ledgers, which are left there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="linegate-ledger-") as name:
        found = measure(options.folder or Path(name), *options.sizes)
        for operation, (small, large) in found.items():
            sys.stdout.write(f"{operation:>14} {small:9.3f} ms {large:9.3f} ms  x{large / small:.2f}\n")
        largest = max(options.sizes)
        seconds = _timed(partial(_verified, (options.folder or Path(name)) / str(largest))) / 1e3
        sys.stdout.write(f"verify of {largest} events {seconds:.1f} s\n")
        busy = Path(name) / "beside"
        busy.mkdir()
        fill(busy, 50_000)
        beside = measure_beside(busy, 100, 300)
    for share in (0.5, 0.99):
        alone, while_archiving = percentile(beside.alone, share), percentile(beside.beside, share)
        text = f"commit p{share * 100:.0f}: alone {alone:.3f} ms, while {beside.files} archives are made"
        sys.stdout.write(f"{text} {while_archiving:.3f} ms  x{while_archiving / alone:.2f}\n")


if __name__ == "__main__":
    main()
