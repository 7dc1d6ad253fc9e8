"""Parts and truths of some hours, from the ledger's own rows and from its archive alike."""

from pathlib import Path

import pytest

from edge.core.events import Event, Truth
from edge.ledger import LedgerError
from edge.ledger.export import export
from edge.ledger.shift import parts_since, truths_since
from tests.support.ledgers import START_MS, archive, instant, key, loss, start, stored, whole_part, write

EVERY_MS = 1000


def truth(part: str, at_ms: float) -> Truth:
    return Truth(epoch=1, part=part, truth="reject", source="gauge", at=instant(at_ms))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Forty parts, one a second, a truth of each half a second later, and a lost one at the end."""
    events: list[Event] = []
    for trig in range(1, 41):
        events += [*whole_part(key(trig), trig * EVERY_MS), truth(f"P{trig}", trig * EVERY_MS + 500)]
    write(tmp_path, [*events, stored(key(30), "a.jpg"), loss(41, at_ms=41 * EVERY_MS)])
    return tmp_path


def triggers(store: Path, since_ms: int) -> list[int]:
    return [part["trig"] for part in parts_since(store, START_MS + since_ms)]


def names(store: Path, since_ms: int) -> list[str]:
    return [one.part for one in truths_since(store, START_MS + since_ms)]


def test_parts_are_those_received_or_found_lost_since(store: Path) -> None:
    assert triggers(store, 38 * EVERY_MS) == [38, 39, 40, 41]
    assert triggers(store, 38 * EVERY_MS + 1) == [39, 40, 41]
    assert triggers(store, 0) == list(range(1, 42))
    assert triggers(store, 50 * EVERY_MS) == []


def test_they_are_told_as_export_tells_them(store: Path) -> None:
    assert list(parts_since(store, 0)) == list(export(store))


def test_more_than_a_page_is_read_whole(tmp_path: Path) -> None:
    write(tmp_path, [event for trig in range(1, 1203) for event in whole_part(key(trig), trig)])
    assert triggers(tmp_path, 2) == list(range(2, 1203))


def test_truths_are_those_recorded_since_the_first_part(store: Path) -> None:
    assert names(store, 38 * EVERY_MS) == ["P38", "P39", "P40"]
    assert len(names(store, 0)) == 40
    assert names(store, 50 * EVERY_MS) == []


@pytest.mark.parametrize("since", [0, 10 * EVERY_MS, 38 * EVERY_MS, 50 * EVERY_MS])
def test_what_moved_to_the_archive_is_found_there(store: Path, since: int) -> None:
    before = triggers(store, since)
    archive(store, keep=40, file_events=60)
    assert triggers(store, since) == before
    # What was found of earlier parts may come along: it speaks of none of these.
    assert names(store, since)[-len(before) + 1 :] == [f"P{trig}" for trig in before if trig <= 40][-len(before) + 1 :]


def test_it_reads_beside_a_station_that_runs(store: Path) -> None:
    ledger = start(store, 60_000)
    try:
        assert triggers(store, 40 * EVERY_MS) == [40, 41]
    finally:
        ledger.close("stopped", instant(70_000), {})


def test_without_a_ledger_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger here"):
        list(parts_since(tmp_path, 0))
    with pytest.raises(LedgerError, match="there is no ledger here"):
        list(truths_since(tmp_path, 0))
