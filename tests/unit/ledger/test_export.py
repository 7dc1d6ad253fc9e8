from pathlib import Path

import pytest

from edge.core.types import Act, Decision
from edge.ledger.export import export
from tests.support.ledgers import (
    SHA,
    START_MS,
    decided,
    instant,
    key,
    loss,
    overruled,
    plc_acked,
    pruned,
    received,
    sent,
    start,
    stored,
    view,
    whole_part,
    write,
)

WIRE = [
    "v",
    "sess",
    "epoch",
    "seq",
    "trig",
    "part",
    "dec",
    "code",
    "score",
    "n",
    "recipe",
    "model",
    "age_ms",
    "t",
    "sim",
]
MORE = ["verdict", "deadline_met", "received_at", "sent_at", "acked_at", "ack_act", "views", "trig_first"]
PATH = "2025/10/09/1-1-top.jpg"


def test_a_part_on_a_good_day(tmp_path: Path) -> None:
    write(tmp_path, [*whole_part(key(3)), stored(key(3))])
    (line,) = export(tmp_path)
    assert line == {
        "v": 1,
        "sess": 7,
        "epoch": 1,
        "seq": 3,
        "trig": 3,
        "part": "A/1:2",
        "dec": 1,
        "code": 0,
        "score": 31,
        "n": 1,
        "recipe": 2,
        "model": "0123abcd",
        "age_ms": 65,
        "t": START_MS + 65,
        "sim": 1,
        "verdict": "accept",
        "deadline_met": True,
        "received_at": START_MS,
        "sent_at": START_MS + 65,
        "acked_at": START_MS + 90,
        "ack_act": 1,
        "views": [{"camera": "top", "score": 0.031, "code": 0, "image": PATH, "sha256": SHA}],
        "trig_first": None,
    }
    assert list(line) == WIRE + MORE


def test_every_key_is_always_there(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            *whole_part(key(1)),
            received(key(2)),
            loss(900, trig_first=3),
            received(key(901, seq=3)),
            decided(key(901, seq=3), decision=Decision.CANNOT_JUDGE, code=102, score=65535, defects=0, views=()),
        ],
    )
    lines = list(export(tmp_path))
    assert all(list(line) == WIRE + MORE for line in lines)
    assert [(line["trig"], line["verdict"], line["dec"]) for line in lines] == [
        (1, "accept", 1),
        (2, None, None),
        (900, "loss", None),
        (901, "cannot_judge", 3),
    ]
    lost = lines[2]
    assert (lost["trig_first"], lost["seq"], lost["epoch"], lost["t"]) == (3, None, 1, START_MS)
    assert all(lost[name] is None for name in ("score", "n", "model", "age_ms", "sim", "deadline_met", "received_at"))


def test_an_overruled_part_is_shown_as_it_was_sent(tmp_path: Path) -> None:
    write(tmp_path, [received(key()), decided(key()), overruled(key(), code=402), sent(key(), 380)])
    (line,) = export(tmp_path)
    assert (line["dec"], line["verdict"], line["code"], line["score"], line["n"]) == (3, "cannot_judge", 402, 65535, 0)
    assert (line["model"], line["views"][0]["score"]) == ("0123abcd", 0.031)


@pytest.mark.parametrize(
    ("results", "sent_at", "met"),
    [
        ([], None, False),
        ([(399, "evt/result")], 399, True),
        ([(400, "evt/result")], 400, False),
        ([(900, "hist/result")], None, False),
        ([(65, "evt/auto"), (900, "hist/result")], 65, True),
    ],
    ids=["not sent", "in time", "at the deadline", "history", "live, then history"],
)
def test_the_deadline_is_met_by_a_live_result_only(
    tmp_path: Path, results: list[tuple[int, str]], sent_at: int | None, met: bool | None
) -> None:
    write(tmp_path, [received(key()), decided(key()), *(sent(key(), at_ms, topic) for at_ms, topic in results)])
    (line,) = export(tmp_path)
    assert line["deadline_met"] is met
    assert line["sent_at"] == (None if sent_at is None else START_MS + sent_at)


def test_the_deadline_of_a_lost_part_is_missed_and_of_an_open_or_unknown_one_unknown(tmp_path: Path) -> None:
    write(tmp_path, [received(key(1)), loss(1, seq=1, epoch=1), received(key(2)), loss(3)])
    assert {line["trig"]: line["deadline_met"] for line in export(tmp_path)} == {1: False, 2: None, 3: None}


def test_repeats_add_no_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            loss(4, at_ms=10),
            *whole_part(key(3)),
            loss(4, code=121),
            plc_acked(key(4, seq=0), act=Act.TIMED_OUT),
            plc_acked(key(3), act=Act.TIMED_OUT),
        ],
    )
    assert [(line["trig"], line["ack_act"]) for line in export(tmp_path)] == [(4, 3), (3, 1)]


def test_an_ack_alone_is_no_part(tmp_path: Path) -> None:
    write(tmp_path, [plc_acked(key(4, seq=0), act=Act.TIMED_OUT), *whole_part(key(1))])
    assert [line["trig"] for line in export(tmp_path)] == [1]


def test_a_pruned_picture_is_gone_and_its_hash_stays(tmp_path: Path) -> None:
    views = (view("top"), view("side", None))
    write(
        tmp_path,
        [
            received(key()),
            decided(key(), views=views),
            stored(key()),
            stored(key(), path="b.jpg", camera="third", sha256="00" * 32),
            pruned(),
        ],
    )
    (line,) = export(tmp_path)
    assert line["views"] == [
        {"camera": "top", "score": 0.031, "code": 0, "image": None, "sha256": SHA},
        {"camera": "side", "score": None, "code": 0, "image": None, "sha256": None},
        {"camera": "third", "score": None, "code": None, "image": "b.jpg", "sha256": "00" * 32},
    ]


def test_pages_join_without_a_seam(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    for trig in range(1, 1201):
        ledger.append(received(key(trig)), decided(key(trig)), stored(key(trig), path=f"{trig}.jpg"))
    ledger.close("stopped", instant(), {})
    lines = list(export(tmp_path))
    assert [line["trig"] for line in lines] == list(range(1, 1201))
    assert all(line["views"][0]["image"] == f"{line['trig']}.jpg" for line in lines)
