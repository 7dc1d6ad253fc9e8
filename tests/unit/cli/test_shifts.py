from datetime import UTC, date, datetime

import pytest

from edge.cli.shifts import NoShiftError, parse_period
from models.replay.summary import Period

TODAY = date(2026, 3, 14)


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-03-14T06:00+00:00..2026-03-14T14:00+00:00", "2026-03-14T06:00", "2026-03-14T14:00"),
        ("2026-03-14T06:00Z..2026-03-14T14:00:30Z", "2026-03-14T06:00", "2026-03-14T14:00:30"),
    ],
)
def test_a_time_with_its_zone_is_that_time(text: str, since: str, until: str) -> None:
    assert parse_period(text, TODAY) == Period(since_ms=utc(since), until_ms=utc(until))


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026-03-14", date(2026, 3, 14), date(2026, 3, 15)),
        ("today", date(2026, 3, 14), date(2026, 3, 15)),
        ("yesterday", date(2026, 3, 13), date(2026, 3, 14)),
        ("2026-03-12..2026-03-14", date(2026, 3, 12), date(2026, 3, 15)),
        ("yesterday..today", date(2026, 3, 13), date(2026, 3, 15)),
    ],
)
def test_a_day_is_the_machines_own_from_midnight_to_midnight(text: str, first: date, after: date) -> None:
    found = parse_period(text, TODAY)
    for moment, day in ((found.since_ms, first), (found.until_ms, after)):
        local = datetime.fromtimestamp(moment / 1000)  # noqa: DTZ006  # as people read their clock
        assert (local.date(), local.hour, local.minute) == (day, 0, 0)


def test_a_time_without_a_zone_is_the_machines_own() -> None:
    found = parse_period("2026-03-14T06:00..2026-03-14T14:00", TODAY)
    assert found.until_ms - found.since_ms == 8 * 3_600_000
    assert datetime.fromtimestamp(found.since_ms / 1000).hour == 6  # noqa: DTZ006


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "neither a folder nor a day"),
        ("2026-03-14T06:00", "neither a folder nor a day"),
        ("2026-02-30", "is no time"),
        ("a..b", "is no time"),
        ("..2026-03-14", "is no time"),
        ("2026-03-14..", "is no time"),
        ("2026-03-15..2026-03-14", "ends before it begins"),
        ("2026-03-14T06:00..2026-03-14T06:00", "ends before it begins"),
    ],
)
def test_what_is_no_time_is_told_with_an_example(text: str, says: str) -> None:
    with pytest.raises(NoShiftError, match=says):
        parse_period(text, TODAY)
