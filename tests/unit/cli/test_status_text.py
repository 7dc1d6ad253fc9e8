"""What ``linegate status`` tells people of the last day."""

import datetime as dt
from pathlib import Path

import pytest

from edge.cli.status import _certificates, _history
from edge.line.certificate import Validity

DAY = {
    "since": 0,
    "accept": 40,
    "reject": 12,
    "cannot_judge": 3,
    "loss": 1,
    "codes": {"0": 40, "1002": 12, "303": 2, "210": 1, "202": 1},
    "open": 0,
    "running": True,
    "unearned": 0,
    "epoch": {"epoch": 7, "started_at": 1_700_000_000_000, "ended_at": None, "reason": None},
    "head": {"id": 123, "hash": "ab" * 32},
    "archived": 100,
}


def test_counts_the_three_most_frequent_codes_and_the_epoch(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    assert list(_history(DAY)) == [
        "last 24 h: 40 accepted, 12 rejected, 3 cannot judge, 1 lost",
        "most frequent: defect of class 2 12, uncertain 2, too dark 1",
        "epoch 7 since 2023-11-14 22:13:20+00:00, running",
        f"record: 123 events, up to 100 in the archive, head 123:{'ab' * 32}",
    ]


def test_an_epoch_that_ended_or_died():
    ended = DAY["epoch"] | {"ended_at": 1_700_000_060_000, "reason": "stopped"}
    last = list(_history(DAY | {"running": False, "epoch": ended, "open": 2}))
    assert last[0].endswith(", 2 being judged")
    assert last[-2].endswith("(stopped)")
    assert "killed" in list(_history(DAY | {"running": False}))[-2]


def test_parts_that_the_plc_let_through_stand_first():
    first = next(iter(_history(DAY | {"unearned": 2})))
    assert first.startswith("THE PLC ACCEPTED 2 PARTS WITHOUT AN ACCEPT ON RECORD")


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (400, "certificates of the link: valid until 2027-12-26 (400 days)"),
        (29, "certificate: line.cert (station.a.b.c) expires on 2026-12-20, in 29 days: renew it (/c.crt)"),
        (0, "certificate: line.cert (station.a.b.c) has expired on 2026-11-21: the broker refuses this station"),
    ],
)
def test_the_certificate_that_ends_first_is_told(days, said):
    now = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    own, authority = (
        Validity(
            key=key, path=Path(path), name=name, begins=now - dt.timedelta(days=9), ends=now + dt.timedelta(days=left)
        )
        for key, path, name, left in (
            ("line.cert", "/c.crt", "station.a.b.c", days),
            ("line.ca", "/ca.crt", "plant", 5000),
        )
    )
    (line,) = _certificates((own, authority), now)
    assert line.startswith(said)


def test_a_certificate_of_the_future_asks_for_the_clock():
    now = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    one = Validity(
        key="line.cert",
        path=Path("/c.crt"),
        name="x",
        begins=now + dt.timedelta(days=9),
        ends=now + dt.timedelta(days=99),
    )
    assert "not valid before 2026-11-30: is this station's clock right?" in next(_certificates((one,), now))


def test_without_encryption_no_certificate_is_told():
    assert list(_certificates((), dt.datetime(2026, 11, 21, tzinfo=dt.UTC))) == []


def test_a_station_that_never_ran():
    assert list(_history(DAY | {"codes": {}, "epoch": None}))[-1] == "never started"
