"""The ledger's cost does not grow with its size, nor while events move to the archive; ratios of the same run only."""

from pathlib import Path
from statistics import median

import pytest

from edge.ledger.reader import counts
from edge.ledger.verify import verify
from tests.benchmarks.ledger_cost import measure, measure_beside
from tests.support.bulk_ledger import fill

SMALL = 1_000
LARGE = 100_000
PARTS = 60


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
    found = measure_beside(tmp_path, keep=100, parts=PARTS)
    assert found.files >= 20
    assert median(found.beside) <= 4 * median(found.alone)
