"""The ledger's cost does not grow with its size, nor while events move to the archive; ratios of the same run only."""

import time
from pathlib import Path
from statistics import median

import pytest

from edge.ledger.archiver import Archiver
from edge.ledger.reader import counts
from edge.ledger.retention import Retention
from edge.ledger.verify import verify
from tests.benchmarks.ledger_cost import measure
from tests.support.bulk_ledger import fill
from tests.support.ledgers import instant, key, start, whole_part
from tests.support.waiting import wait_until

SMALL = 1_000
LARGE = 100_000
PARTS = 60
PAUSE_S = 0.05


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, float]]:
    return measure(tmp_path_factory.mktemp("cost"), SMALL, LARGE)


@pytest.mark.parametrize("operation", ["start", "append", "count_the_day", "tell_the_last"])
def test_a_hundred_times_the_events_cost_no_more(costs: dict[str, tuple[float, float]], operation: str) -> None:
    small, large = costs[operation]
    assert large <= 3 * small


def test_what_was_made_in_bulk_is_a_ledger_like_any_other(tmp_path: Path) -> None:
    parts = fill(tmp_path, SMALL)
    report = verify(tmp_path)
    assert (report.problems, report.parts, report.events) == ((), parts, 2 + 5 * parts)
    assert counts(tmp_path, 0)["accept"] == parts


def test_a_part_is_recorded_as_fast_while_events_move_to_the_archive(tmp_path: Path) -> None:
    fill(tmp_path, 20_000)
    ledger = start(tmp_path)

    def commit_times(session: int) -> list[int]:
        times = []
        for trig in range(1, PARTS + 1):
            part = key(trig, session=session, epoch=ledger.epoch, seq=session * PARTS + trig)
            started_ns = time.perf_counter_ns()
            assert ledger.append(*whole_part(part)).wait(60)
            times.append(time.perf_counter_ns() - started_ns)
            time.sleep(PAUSE_S)  # as on a line: in its pauses the archived rows are let go
        return times

    alone = commit_times(1_000_000)
    archiver = Archiver(ledger, tmp_path, Retention(days=1, events=100, file_events=1_000, always_kept=0))
    archiver.start()
    job = archiver.ask()
    beside = commit_times(1_000_001)
    files = len(list(job.progress()))
    wait_until(lambda: not ledger._store.untidy, timeout=60)
    archiver.stop()
    ledger.close("stopped", instant(), {})
    assert files >= 20
    assert median(beside) <= 4 * median(alone)
