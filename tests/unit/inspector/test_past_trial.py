"""What the record says of a trial, read back."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.events import Compared, Event, Truth
from edge.core.slots import By, Slot, Slots, Stage, canary, shadow
from edge.core.trial import Opinion, Tally
from edge.core.types import Decision
from edge.inspector.service.pairs import Pairs
from edge.inspector.service.past import past_trial, trial_began
from edge.ledger import LedgerCorruptError
from tests.support.ledgers import START_MS, instant, key, received, tampering, write

ACCEPT, REJECT, CANNOT = Decision.ACCEPT, Decision.REJECT, Decision.CANNOT_JUDGE
SHA = "ab" * 32


def on_trial(began_ms: int = START_MS) -> tuple[Slots, Slot]:
    verified = Slot(name="toy", version=3, sha256=SHA, product="phone", stage=Stage.VERIFIED, since=1)
    slots = shadow(Slots(bundles=(verified,)), SHA, By(who="ann", at=began_ms))
    return slots, slots.bundles[0]


def compared(trig: int, own: Decision, other: Decision | None, part: str = "") -> Compared:
    return Compared(
        key=key(trig), part=part or f"P{trig}", bundle=SHA, incumbent="0123abcd", stage="shadow", decision=other,
        code=0, score=10, own=own, own_code=0, own_score=10, took_ns=1, at=instant(trig),
    )  # fmt: skip


def truth(part: str, found: str, at_ms: float) -> Truth:
    return Truth(
        epoch=1, part=part, truth="reject" if found == "reject" else "accept", source="gauge", at=instant(at_ms)
    )


def tally_of(folder: Path, events: list[Event]) -> Tally:
    write(folder, events)
    return past_trial(folder, *on_trial(), Pairs())


def test_a_trial_begins_in_the_shadow_whatever_stage_it_is_in() -> None:
    slots, slot = on_trial(5_000)
    later = canary(slots, SHA, 0.1, By(who="ann", at=90_000))
    assert later.bundles[0].since == 90_000
    assert trial_began(later, later.bundles[0]) == trial_began(slots, slot) == 5_000


def test_no_more_of_the_record_is_held_than_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.comparisons.PAGE", 3)
    tally = tally_of(tmp_path, [compared(trig, ACCEPT, REJECT) for trig in range(1, 11)])
    assert tally.evidence.judged.transitions()["accept->reject"] == 10


def test_of_two_words_on_one_part_the_first_counts(tmp_path: Path) -> None:
    told = [truth("P1", "reject", 10), truth("P1", "accept", 20)]
    evidence = tally_of(tmp_path, [compared(1, REJECT, ACCEPT), *told]).evidence
    assert (evidence.defective.total, evidence.good.total) == (1, 0)


def test_a_part_to_which_there_was_no_answer_is_one_that_the_candidate_cannot_judge(tmp_path: Path) -> None:
    tally = tally_of(tmp_path, [compared(1, ACCEPT, None), truth("P1", "reject", 10)])
    assert tally.silent == 1
    assert tally.evidence.judged.transitions()["accept->cannot_judge"] == 1
    assert tally.evidence.defective.transitions()["accept->cannot_judge"] == 1


def test_a_truth_speaks_of_the_last_pair_of_its_name(tmp_path: Path) -> None:
    seen: list[Event] = [compared(1, REJECT, ACCEPT, "A"), compared(2, ACCEPT, ACCEPT, "A"), truth("A", "accept", 10)]
    evidence = tally_of(tmp_path, seen).evidence
    assert evidence.good.transitions()["accept->accept"] == evidence.good.total == 1


def test_what_another_bundle_said_does_not_count(tmp_path: Path) -> None:
    other = replace(compared(1, ACCEPT, REJECT), bundle="cd" * 32)
    tally = tally_of(tmp_path, [other, compared(2, REJECT, REJECT), truth("P1", "accept", 10)])
    assert (tally.evidence.judged.total, tally.evidence.good.total) == (1, 0)


def test_an_event_that_was_tampered_with_is_told(tmp_path: Path) -> None:
    write(tmp_path, [compared(1, ACCEPT, REJECT)])
    with tampering(tmp_path) as connection:
        connection.execute("UPDATE events SET body = replace(body, '\"own\":1', '\"own\":9') WHERE kind = 'compared'")
    with pytest.raises(LedgerCorruptError, match="ledger verify"):
        past_trial(tmp_path, *on_trial(), Pairs())


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(Decision), st.none() | st.sampled_from(Decision), st.booleans()), max_size=12)
)
def test_what_is_read_back_is_what_was_counted(
    tmp_path_factory: pytest.TempPathFactory, seen: list[tuple[Decision, Decision | None, bool]]
) -> None:
    tally, told = Tally(), list[Event]()
    for trig, (own, other, bad) in enumerate(seen, start=1):
        opinion = Opinion(decision=other, code=0, score=None, took_ns=1)
        tally = tally.after(own, opinion).with_truth(own, opinion.verdict, defective=bad)
        told += [compared(trig, own, other), truth(f"P{trig}", "reject" if bad else "accept", trig)]
    found = tally_of(tmp_path_factory.mktemp("store"), told)
    assert (found.evidence, found.silent) == (tally.evidence, tally.silent)


def test_a_truth_that_came_before_the_answer_counts(tmp_path: Path) -> None:
    seen = [received(key(1), 5, part="A"), truth("A", "reject", 8), compared(10, REJECT, ACCEPT, "A")]
    seen[2] = replace(seen[2], key=key(1))  # type: ignore[arg-type]
    assert tally_of(tmp_path, seen).evidence.defective.transitions()["reject->accept"] == 1


def test_a_truth_of_before_the_part_came_does_not(tmp_path: Path) -> None:
    seen = [truth("A", "reject", 8), received(key(10), 9, part="A"), compared(10, REJECT, ACCEPT, "A")]
    assert tally_of(tmp_path, seen).evidence.defective.total == 0


def test_a_pair_is_forgotten_where_its_name_comes_again() -> None:
    pairs = Pairs()
    pairs.judged("A", REJECT, ACCEPT, 1)
    pairs.forget("A")
    pairs.forget("B")
    assert pairs.found("A", 2, defective=True) is None
