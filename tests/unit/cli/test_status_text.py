"""What ``linegate status`` tells people of the last day."""

from edge.cli.status import _history

DAY = {
    "since": 0,
    "accept": 40,
    "reject": 12,
    "cannot_judge": 3,
    "loss": 1,
    "codes": {"0": 40, "1002": 12, "303": 2, "210": 1, "202": 1},
    "open": 0,
    "running": True,
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


def test_a_station_that_never_ran():
    assert list(_history(DAY | {"codes": {}, "epoch": None}))[-1] == "never started"
