"""A shift as people write it: a day, a time, or two of them with ``..`` between."""

import re
from datetime import date, datetime, timedelta
from typing import Final

from models.replay.summary import Period

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_BETWEEN: Final = ".."


class NoShiftError(ValueError):
    """The text is no time; the message says what one looks like."""


def parse_period(text: str, today: date) -> Period:
    """Return the time that a text names, in this machine's time zone unless it tells another.

    A day is from its midnight to the next, ``today`` and ``yesterday`` too; of two days the last is among them. A time
    such as ``2026-03-14T06:00`` needs another one: ``2026-03-14T06:00..2026-03-14T14:00``, the second not included.

    Raises:
        NoShiftError: It is no time, or ends before it begins.
    """
    first, between, last = text.partition(_BETWEEN)
    if not between and not _is_day(first):
        raise NoShiftError(
            f"{text!r} is neither a folder nor a day: write 2026-03-14, today, yesterday, 2026-03-13..2026-03-14, or "
            "2026-03-14T06:00..2026-03-14T14:00"
        )
    try:
        since = _begin(first, today)
        until = _end(last if between else first, today)
    except ValueError as error:
        raise NoShiftError(f"{text!r} is no time ({error}): write 2026-03-14 or 2026-03-14T06:00") from error
    if until <= since:
        raise NoShiftError(f"{text!r} ends before it begins")
    return Period(since_ms=round(since.timestamp() * 1000), until_ms=round(until.timestamp() * 1000))


def _is_day(text: str) -> bool:
    return text in {"today", "yesterday"} or _DAY.fullmatch(text) is not None


def _begin(text: str, today: date) -> datetime:
    return _midnight(_day(text, today)) if _is_day(text) else datetime.fromisoformat(text).astimezone()


def _end(text: str, today: date) -> datetime:
    if _is_day(text):
        return _midnight(_day(text, today) + timedelta(days=1))
    return datetime.fromisoformat(text).astimezone()


def _day(text: str, today: date) -> date:
    if text == "today":
        return today
    return today - timedelta(days=1) if text == "yesterday" else date.fromisoformat(text)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day).astimezone()
