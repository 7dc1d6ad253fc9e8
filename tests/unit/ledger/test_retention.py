"""Which events may leave for the archive: by number, by age, never the newest, and never by a clock gone mad."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.events import Instant
from edge.ledger.retention import DAY_MS, GRACE_DAYS, NS_PER_S, Range, Retention, archivable, due, newest_event

NOW = 1_760_000_000_000
MINUTE_NS = 60 * NS_PER_S
UPTIME_NS = 100 * 24 * 60 * MINUTE_NS


def ledger_of(
    times: list[int],
    archived: int = 0,
    *,
    monotonic: list[int] | None = None,
    epochs: tuple[tuple[int, int | None], ...] = ((1, None),),
) -> sqlite3.Connection:
    """Return a ledger with events of these times, and epochs that began and ended with these events."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, utc_ms INTEGER, mono_ns INTEGER)")
    connection.execute("CREATE TABLE archives (last_event INTEGER)")
    connection.execute("CREATE TABLE epochs (epoch INTEGER PRIMARY KEY, started_event INTEGER, ended_event INTEGER)")
    connection.executemany("INSERT INTO epochs (started_event, ended_event) VALUES (?, ?)", epochs)
    rows = list(zip(range(1, len(times) + 1), times, monotonic or [0] * len(times), strict=True))
    connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows[archived:])
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
    newest, now = newest_event(connection), Instant(mono_ns=UPTIME_NS, utc_ms=now_ms)
    return archivable(connection, retention, newest, now), due(connection, retention, newest, now)


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


EVERYTHING = Retention(days=0, events=0, always_kept=0)


def oldest_young(connection: sqlite3.Connection, mono_ns: int, utc_ms: int = NOW) -> int:
    """Return the first event that stays although the settings ask for none to stay, 1 where all do."""
    found = archivable(connection, EVERYTHING, newest_event(connection), Instant(mono_ns=mono_ns, utc_ms=utc_ms))
    return 1 if found is None else found.last + 1


@pytest.mark.parametrize("utc_ms", [0, NOW, NOW + 40_000 * DAY_MS])
def test_what_is_younger_than_an_hour_stays_whatever_the_settings_and_the_clock_say(utc_ms: int) -> None:
    minutes = [number * MINUTE_NS for number in range(120)]
    with closing(ledger_of([NOW] * 120, monotonic=minutes)) as connection:
        assert oldest_young(connection, 119 * MINUTE_NS, utc_ms) == 61
        assert oldest_young(connection, 59 * MINUTE_NS, utc_ms) == 1
        assert oldest_young(connection, 1000 * MINUTE_NS, utc_ms) == 121
        connection.execute("INSERT INTO archives VALUES (60)")
        connection.execute("DELETE FROM events WHERE id <= 60")
        assert archivable(connection, EVERYTHING, 120, Instant(mono_ns=119 * MINUTE_NS, utc_ms=utc_ms)) is None
        assert oldest_young(connection, 124 * MINUTE_NS, utc_ms) == 66


def test_the_hour_is_running_time_over_starts_and_power_cuts_and_not_that_of_a_clock_that_began_anew() -> None:
    # Forty minutes; a power cut, of which the next start tells on its own clock; 25 more; a stop; a start.
    first = [500 * MINUTE_NS + number * MINUTE_NS for number in range(41)] + [MINUTE_NS]
    second = [MINUTE_NS + number * MINUTE_NS for number in range(26)]
    third = [2 * MINUTE_NS]
    epochs = ((1, 42), (43, 68), (69, None))
    with closing(ledger_of([NOW] * 69, monotonic=[*first, *second, *third], epochs=epochs)) as connection:
        begun = third[0]
        assert oldest_young(connection, begun + 60 * MINUTE_NS) == 70
        assert oldest_young(connection, begun + 59 * MINUTE_NS) == 67  # the last minute before the stop stays as well
        assert oldest_young(connection, begun + 30 * MINUTE_NS) == 42 - 6  # 30 of this, 24 and 6 of the two before
        assert oldest_young(connection, begun) == 42 - 36
        connection.execute("DELETE FROM events WHERE id <= 50")
        connection.execute("INSERT INTO archives VALUES (50)")
        assert oldest_young(connection, begun + 30 * MINUTE_NS) == 1
        assert oldest_young(connection, begun + 50 * MINUTE_NS) == 58


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
