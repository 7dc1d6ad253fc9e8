"""The checker finds every way in which wire, gate and ledger can part, and nothing where they agree."""

from dataclasses import replace
from typing import Any

import pytest

from edge.core import wire
from edge.core.types import Act, Decision, Trigger
from tests.support.books import Actuated, BeatHeard, ResultHeard, Seen, TriggerSent, accepts_missing, compare

TRIGGER = Trigger(session=7, epoch=3, trig=1, tick=9, part="P1", recipe=2, deadline_ms=0)
RESULT = wire.Result(
    sess=7,
    epoch=3,
    seq=5,
    trig=1,
    part="P1",
    dec=Decision.ACCEPT,
    code=0,
    score=10,
    n=0,
    recipe=2,
    model="0a1b2c3d",
    age_ms=40,
    t=1_760_000_000_040,
    sim=1,
)
SENT = TriggerSent(trigger=TRIGGER, published=True)
BEAT = BeatHeard(plc="plc", epoch=3, ready=True)
HEARD = ResultHeard(listener="plc", topic=wire.RESULT, retained=False, result=RESULT)
DONE = Actuated(
    plc="plc", session=7, trig=1, part="P1", epoch=3, seq=5, act=Act.ACCEPTED, latency_ms=50.0, timer_ms=500
)
RECORD: dict[str, Any] = {
    "sess": 7,
    "trig": 1,
    "trig_first": None,
    "epoch": 3,
    "seq": 5,
    "part": "P1",
    "dec": 1,
    "code": 0,
    "score": 10,
    "n": 0,
    "recipe": 2,
    "model": "0a1b2c3d",
    "sim": 1,
    "verdict": "accept",
    "deadline_met": True,
    "sent_at": 1_760_000_000_040,
}
LOSS = RECORD | {"verdict": "loss", "dec": None, "code": 120, "seq": None, "sent_at": None, "deadline_met": None}
ABSTENTION = replace(RESULT, dec=Decision.CANNOT_JUDGE, code=102, score=wire.SCORE_NONE)
GOOD: list[Seen] = [SENT, BEAT, HEARD, replace(HEARD, listener="beside"), DONE]


def kinds(seen: list[Seen], records: list[dict[str, Any]], unclean: tuple[int, ...] = ()) -> list[str]:
    return sorted(compare(seen, records, unclean).counts)


def test_a_good_part_is_counted_and_nothing_is_found() -> None:
    books = compare(GOOD, [RECORD])
    assert books.problems == []
    assert (books.triggers, books.accepts_heard, books.accepts_actuated, books.unrevealed) == (1, 1, 1, 0)
    assert dict(books.verdicts) == {"accept": 1}


def test_an_accept_without_a_record_is_found_even_where_a_kill_explains_much() -> None:
    assert "accept on evt/result differs from the ledger" in kinds(GOOD, [], (3,))
    assert "accept on evt/result differs from the ledger" in kinds(GOOD, [LOSS], (3,))
    assert accepts_missing(GOOD, []) == accepts_missing(GOOD, [LOSS]) == [(7, 1)]
    assert accepts_missing(GOOD, [RECORD]) == []


@pytest.mark.parametrize(
    ("name", "value"), [("epoch", 2), ("seq", 6), ("dec", 2), ("code", 1001), ("score", 11), ("part", "P2"), ("n", 1)]
)
def test_a_record_that_says_otherwise_is_found(name: str, value: object) -> None:
    books = compare(GOOD, [RECORD | {name: value}])
    assert books.counts["accept on evt/result differs from the ledger"] == 2
    assert f"{name} " in books.problems[0]


def test_history_must_say_what_the_record_says() -> None:
    late = replace(HEARD, topic=wire.HISTORY)
    assert kinds([SENT, late], [RECORD | {"sent_at": None}]) == []
    assert kinds([SENT, late], [RECORD | {"dec": 2}]) == ["accept on hist/result differs from the ledger"]


def test_a_guards_answer_that_a_kill_left_unrecorded_is_counted_and_only_there() -> None:
    seen: list[Seen] = [SENT, BEAT, replace(HEARD, result=ABSTENTION)]
    for records in ([], [LOSS], [RECORD]):
        assert kinds(seen, records) == ["cannot_judge on evt/result differs from the ledger"]
        assert kinds(seen, records, (3,)) == []
        assert compare(seen, records, (3,)).unrecorded == 1


def test_a_reject_may_never_be_unrecorded() -> None:
    reject = replace(RESULT, dec=Decision.REJECT, code=1001, score=990)
    assert kinds([SENT, BEAT, replace(HEARD, result=reject)], [], (3,)) == [
        "reject on evt/result differs from the ledger"
    ]


def test_what_was_sent_must_be_on_record_as_sent_unless_the_station_was_killed() -> None:
    unsent = RECORD | {"sent_at": None, "deadline_met": False}
    assert kinds(GOOD, [unsent]) == ["sent, and not on record as sent"]
    assert kinds(GOOD, [unsent], (3,)) == []


def test_an_answer_twice_is_found_and_two_listeners_are_not_two_answers() -> None:
    assert kinds([*GOOD[:4], HEARD, DONE], [RECORD]) == ["answered twice"]
    assert kinds([*GOOD[:3], replace(HEARD, listener="beside", result=ABSTENTION), DONE], [RECORD]) == [
        "two listeners heard different results"
    ]


def test_a_retained_result_is_found() -> None:
    assert kinds([SENT, BEAT, replace(HEARD, retained=True)], [RECORD]) == ["a retained result"]


def test_a_trigger_between_known_ones_must_be_accounted_for() -> None:
    sent: list[Seen] = [replace(SENT, trigger=replace(TRIGGER, trig=trig)) for trig in range(1, 7)]
    records = [RECORD | {"trig": trig} for trig in (2, 5)]
    books = compare(sent, records)
    assert dict(books.counts) == {"a trigger without verdict or loss": 2}
    assert books.unrevealed == 2
    run = LOSS | {"trig": 4, "trig_first": 3}
    assert compare(sent, [*records, run]).problems == []


def test_a_part_that_stayed_open_is_found() -> None:
    assert kinds([SENT], [RECORD | {"verdict": None, "dec": None}]) == ["neither verdict nor loss"]
    assert kinds([SENT], [RECORD, RECORD]) == ["recorded twice"]


WRONG: dict[str, list[Seen]] = {
    "no such part was triggered": [BEAT, HEARD, DONE],
    "no result had come": [SENT, BEAT, DONE, HEARD],
    "acted on epoch": [SENT, BEAT, HEARD, replace(DONE, seq=4)],
    "the result was cannot_judge": [SENT, BEAT, replace(HEARD, result=ABSTENTION), DONE],
    "the result was for part": [SENT, BEAT, replace(HEARD, result=replace(RESULT, part="P0")), DONE],
    "the PLC's timer is": [SENT, BEAT, HEARD, replace(DONE, latency_ms=500.0)],
    "ready one of its epoch": [SENT, HEARD, BEAT, DONE],
}


@pytest.mark.parametrize("what", WRONG)
def test_an_accept_that_was_not_earned_is_found(what: str) -> None:
    books = compare(WRONG[what], [RECORD])
    assert books.counts["an accept was actuated wrongly"] >= 1
    assert any(what in problem for problem in books.problems)


@pytest.mark.parametrize(
    "beat",
    [replace(BEAT, ready=False), replace(BEAT, epoch=4), replace(BEAT, plc="another")],
    ids=["not ready", "another epoch", "somebody else's"],
)
def test_an_accept_needs_the_last_heartbeat_before_it(beat: BeatHeard) -> None:
    first = [] if beat.plc == "another" else [BEAT]
    assert kinds([SENT, *first, beat, HEARD, DONE], [RECORD]) == ["an accept was actuated wrongly"]


def test_a_heartbeat_after_the_result_takes_nothing_back() -> None:
    assert kinds([SENT, BEAT, HEARD, replace(BEAT, epoch=4), DONE], [RECORD]) == []


def test_a_result_sent_after_its_deadline_is_stale() -> None:
    books = compare(GOOD, [RECORD | {"deadline_met": False}])
    assert books.problems == ["an accept was actuated wrongly: sess 7 trig 1: stale: sent after its deadline"]


def test_one_accept_opens_the_gate_once() -> None:
    assert kinds([*GOOD, DONE], [RECORD]) == ["an accept was actuated twice"]


def test_a_new_part_under_an_old_number_is_no_part_of_the_old_result() -> None:
    again = replace(SENT, trigger=replace(TRIGGER, part="P2"))
    books = compare([*GOOD, again, replace(DONE, part="P2")], [RECORD])
    assert set(books.counts) == {"an accept was actuated wrongly", "an accept was actuated twice"}


def test_what_the_gate_did_else_is_counted() -> None:
    acts = (Act.REJECTED, Act.TIMED_OUT, Act.TIMED_OUT, Act.RESULT_REFUSED)
    books = compare([replace(DONE, act=act, epoch=0, seq=0) for act in acts], [])
    assert (books.rejects_actuated, books.timed_out, books.refused, books.problems) == (1, 2, 1, [])
