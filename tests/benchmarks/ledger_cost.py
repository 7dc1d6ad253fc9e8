"""What the ledger costs at two sizes: ``python -m tests.benchmarks.ledger_cost [SMALL LARGE] [--folder DIR]``.

Prints medians in milliseconds, small, large and their ratio; with sizes of 1000 and 10000000 it takes some minutes and
six gigabytes. The test beside it asserts the ratios at sizes that take seconds.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from edge.core.events import Instant
from edge.ledger import Ledger
from edge.ledger.reader import counts, last_parts
from tests.support.bulk_ledger import fill
from tests.support.ledgers import key, whole_part

STARTS: Final = 10
ROUNDS: Final = 150
WARM_UP: Final = 5
RECENT: Final = 5
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
        events = whole_part(key(self._trig, session=4_000_000_000, epoch=self._ledger.epoch))
        assert self._ledger.append(*events).wait(60)

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


if __name__ == "__main__":
    main()
