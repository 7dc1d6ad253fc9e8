"""Which events may leave for the archive: by number, by age, never the newest, and never by a clock gone mad."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ledger.retention import DAY_MS, GRACE_DAYS, Range, Retention, archivable, due, newest_event

NOW = 1_760_000_000_000


def ledger_of(times: list[int], archived: int = 0) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, utc_ms INTEGER)")
    connection.execute("CREATE TABLE archives (last_event INTEGER)")
    connection.executemany("INSERT INTO events VALUES (?, ?)", list(enumerate(times, 1))[archived:])
    if archived:
        connection.execute("INSERT INTO archives VALUES (?)", (archived,))
    return connection


@pytest.fixture
def hourly() -> Iterator[sqlite3.Connection]:
    """240 events, one an hour, the last of them now."""
    with closing(ledger_of([NOW - (240 - number) * DAY_MS // 24 for number in range(1, 241)])) as connection:
        yield connection


def chosen(
    connection: sqlite3.Connection, retention: Retention, now_ms: int = NOW
) -> tuple[Range | None, Range | None]:
    newest = newest_event(connection)
    return archivable(connection, retention, newest, now_ms), due(connection, retention, newest, now_ms)


def test_events_go_by_age(hourly: sqlite3.Connection) -> None:
    retention = Retention(days=5, file_events=50, always_kept=10)
    assert chosen(hourly, retention) == (Range(first=1, last=50), Range(first=1, last=50))
    hourly.execute("INSERT INTO archives VALUES (100)")
    assert chosen(hourly, retention) == (Range(first=101, last=119), None)


def test_events_go_by_number(hourly: sqlite3.Connection) -> None:
    retention = Retention(days=3650, events=200, file_events=50, always_kept=10)
    assert chosen(hourly, retention) == (Range(first=1, last=40), None)
    assert chosen(hourly, Retention(days=3650, events=190, file_events=50, always_kept=10))[1] == Range(
        first=1, last=50
    )


def test_a_file_that_does_not_fill_waits_some_days_and_no_longer(hourly: sqlite3.Connection) -> None:
    retention = Retention(days=9, file_events=1000, always_kept=10)
    later = NOW + GRACE_DAYS * DAY_MS
    assert chosen(hourly, retention)[1] is None
    assert chosen(hourly, retention, later - DAY_MS)[1] is None
    assert chosen(hourly, retention, later)[1] == Range(first=1, last=191)


def test_the_newest_stay_whatever_the_clock_says(hourly: sqlite3.Connection) -> None:
    retention = Retention(days=1, file_events=1000, always_kept=10)
    assert chosen(hourly, retention, NOW + 40_000 * DAY_MS)[0] == Range(first=1, last=230)
    assert chosen(hourly, retention, 0) == (None, None)


def test_an_empty_ledger_has_nothing_to_archive() -> None:
    with closing(ledger_of([])) as connection:
        assert chosen(connection, Retention()) == (None, None)


@given(
    times=st.lists(st.integers(NOW - 100 * DAY_MS, NOW + 100 * DAY_MS), max_size=40),
    archived=st.integers(0, 39),
    retention=st.builds(
        Retention,
        days=st.floats(0, 200),
        events=st.integers(0, 50),
        file_events=st.integers(1, 20),
        always_kept=st.integers(0, 10),
    ),
)
def test_a_range_goes_on_and_leaves_the_newest_whatever_the_times(
    times: list[int], archived: int, retention: Retention
) -> None:
    archived = min(archived, max(0, len(times) - 1))
    with closing(ledger_of(times, archived)) as connection:
        for found in chosen(connection, retention):
            if found is not None:
                assert found.first == archived + 1
                assert 1 <= found.last - found.first + 1 <= retention.file_events
                assert found.last <= len(times) - retention.always_kept
