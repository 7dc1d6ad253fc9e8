"""What a candidate's answers come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.paired_evidence import ErrorKind
from edge.core.policy import with_second
from edge.core.trial import LEAST, WINDOW, Opinion, Tally, Vitals, budget_ms, failing
from edge.core.types import Decision, Verdict

MS = 1_000_000
GOOD = Opinion(decision=Decision.ACCEPT, code=0, score=0.1, took_ns=10 * MS)
NONE = Opinion(decision=None, code=302, score=None, took_ns=10 * MS)


def vitals(usable: int, unusable: int, took_ms: float = 10) -> Vitals:
    found = Vitals()
    for _ in range(unusable):
        found = found.after(usable=False, took_ns=0, budget_ms=100)
    for _ in range(usable):
        found = found.after(usable=True, took_ns=int(took_ms * MS), budget_ms=100)
    return found


def test_nothing_is_said_of_a_few_answers() -> None:
    assert failing(vitals(0, LEAST - 1)) is None
    assert "0% of its last" in (failing(vitals(0, LEAST)) or "")


def test_a_busy_moment_takes_nobody_out_but_slowness_does() -> None:
    busy = vitals(LEAST, 0)
    for _ in range(5):
        busy = busy.after(usable=True, took_ns=900 * MS, budget_ms=100)
    assert failing(busy) is None
    assert "it takes 150 ms" in (failing(vitals(LEAST, 0, 150)) or "")


def test_a_time_is_measured_by_what_its_own_recipe_leaves() -> None:
    found = Vitals()
    for took_ms, budget in [(200, 250), (30, 40)] * LEAST:
        found = found.after(usable=True, took_ns=took_ms * MS, budget_ms=budget)
        assert failing(found) is None


def test_only_the_newest_answers_count() -> None:
    assert failing(vitals(WINDOW, 40)) is None


def test_a_tally_counts_every_part_once() -> None:
    tally = Tally()
    for opinion in (GOOD, NONE, GOOD):
        tally = tally.after(Decision.REJECT, opinion)
    tally = tally.without()
    assert (tally.evidence.judged.total, tally.silent, tally.skipped) == (3, 1, 1)
    assert tally.told() == ("3 parts compared, 3 with another verdict, 0 with a known truth, 1 unanswered, 1 skipped")


def test_a_candidate_that_gives_no_answer_now_and_then_is_not_shown_to_judge_as_many_parts() -> None:
    tally = Tally()
    for place in range(2_000):
        tally = tally.after(Decision.ACCEPT, GOOD if place % 20 else NONE)
    counts = tally.evidence.counts(ErrorKind.ABSTENTION)
    assert (counts.first_only, counts.total) == (100, 2_000)


@pytest.mark.parametrize(("deadline", "capture", "budget"), [(400, 100, 280), (100, 100, 1)])
def test_the_budget_is_what_the_deadline_leaves(deadline: int, capture: int, budget: int) -> None:
    assert budget_ms(deadline, capture) == budget


@given(st.sampled_from(Decision), st.none() | st.sampled_from(Decision))
def test_a_second_model_can_only_take_an_accept_away(own: Decision, other: Decision | None) -> None:
    code = {Decision.ACCEPT: 0, Decision.REJECT: 1001, Decision.CANNOT_JUDGE: 303}[own]
    verdict = with_second(Verdict(decision=own, code=code, score=0.1, defects=0), other)
    accepted = own is Decision.ACCEPT and other is Decision.ACCEPT
    assert (verdict.decision is Decision.ACCEPT) is accepted
    if own is not Decision.ACCEPT:
        assert (verdict.decision, verdict.code) == (own, code)
