"""What ``linegate status`` tells people of the last day."""

import datetime as dt
from pathlib import Path

import pytest

from edge.cli.status import _certificates, _equipment, _history, _note
from edge.line.certificate import Validity
from edge.line.link import Message

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


def heard(*messages: tuple[str, bytes, bool]) -> dict[str, object]:
    found: dict[str, object] = {"state": None, "heartbeat": None, "alarms": []}
    for topic, payload, retained in messages:
        _note(found, Message(topic=topic, payload=payload, retained=retained, received_ns=0))
    return found


def test_a_heartbeat_that_the_broker_kept_is_no_sign_of_life():
    beat = b'{"epoch":1,"n":1,"ready":1,"fault":0,"recipe":0}'
    assert heard(("evt/heartbeat", beat, True))["heartbeat"] is None
    assert heard(("evt/heartbeat", beat, False), ("evt/heartbeat", b"{}", True))["heartbeat"]["ready"] == 1


@pytest.mark.parametrize(
    "payload", [b"\xff", b"[" * 5000, b'{"ready":NaN}', b"[1]", b"1" * 5000, '{"a":1}'.encode("utf-16")]
)
def test_what_is_no_json_object_is_nothing_heard(payload):
    assert heard(("state", payload, True), ("evt/heartbeat", payload, False), ("alarm/plc", payload, True)) == heard()


def test_a_state_that_somebody_else_wrote_is_shown_as_far_as_it_goes():
    assert list(_equipment({"models": [1], "triggers": 5})) == []
    assert list(_equipment({"models": {"x\x1b[2J": 5}, "triggers": {"late": "\ud800"}})) == [
        "model x?[2J (5…)",
        "triggers since the start: ? late",
    ]
