import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.forecasts import labelled_parts_needed
from edge.core.paired_evidence import (
    Advice,
    ErrorKind,
    EvidenceRule,
    PairedEvidence,
    PairTable,
    balance_as_json,
    log_against,
    log_not_worse,
    stops,
    weigh,
)
from edge.core.types import Decision
from tests.support.roll_outs import counts_of, promoted_at, stopped_at
from tests.support.simulated_lines import Line
from tests.support.simulated_lines import stops as stops_of

Pair = tuple[Decision, Decision, bool | None]

ACCEPT, REJECT, CANNOT = Decision.ACCEPT, Decision.REJECT, Decision.CANNOT_JUDGE
RULE = EvidenceRule()
RUNS = 2_000

decisions = st.sampled_from(Decision)
pairs = st.lists(st.tuples(decisions, decisions, st.sampled_from((True, False, None))), max_size=60)
cells = st.integers(0, 300)


def evidence_of(seen: list[Pair]) -> PairedEvidence:
    evidence = PairedEvidence()
    for incumbent, candidate, defective in seen:
        evidence = evidence.with_verdicts(incumbent, candidate)
        if defective is not None:
            evidence = evidence.with_truth(incumbent, candidate, defective=defective)
    return evidence


def errs_alone(pair: Pair) -> bool:
    incumbent, candidate, defective = pair
    wrong = ACCEPT if defective else REJECT
    return defective is not None and (incumbent is wrong) != (candidate is wrong)


@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_pairs_that_tell_nothing_tells_nothing(seen: list[Pair], chance: Any) -> None:
    telling = [pair for pair in seen if errs_alone(pair)]
    shuffled = [pair for pair in seen if not errs_alone(pair)]
    chance.shuffle(shuffled)
    places = iter(sorted(chance.choices(range(len(telling) + 1), k=len(shuffled))))
    mixed = list(telling)
    for added, (place, pair) in enumerate(zip(places, shuffled, strict=True)):
        mixed.insert(place + added, pair)
    assert evidence_of(mixed) == evidence_of(seen)


@given(pairs)
def test_pairs_without_a_truth_change_no_evidence_of_errors(seen: list[Pair]) -> None:
    labelled = evidence_of([pair for pair in seen if pair[2] is not None])
    everything = evidence_of(seen)
    assert (everything.defective, everything.good) == (labelled.defective, labelled.good)
    assert (everything.escape_peak, everything.overkill_peak) == (labelled.escape_peak, labelled.overkill_peak)


@given(pairs)
def test_candidate_and_incumbent_may_be_swapped(seen: list[Pair]) -> None:
    there = evidence_of(seen)
    back = evidence_of([(candidate, incumbent, truth) for incumbent, candidate, truth in seen])
    for error in ErrorKind:
        one, other = there.counts(error), back.counts(error)
        assert (one.first_only, one.second_only) == (other.second_only, other.first_only)
        assert (one.both, one.neither) == (other.both, other.neither)
    assert there.judged.differing == back.judged.differing


@given(pairs)
def test_good_and_defective_mirror_each_other(seen: list[Pair]) -> None:
    turned = {ACCEPT: REJECT, REJECT: ACCEPT, CANNOT: CANNOT}
    mirrored = evidence_of([(turned[a], turned[b], None if bad is None else not bad) for a, b, bad in seen])
    evidence = evidence_of(seen)
    assert (evidence.escape_peak, evidence.overkill_peak) == (mirrored.overkill_peak, mirrored.escape_peak)


@given(pairs)
def test_a_balance_is_json_and_counts_every_pair_once(seen: list[Pair]) -> None:
    told = json.loads(json.dumps(balance_as_json(weigh(evidence_of(seen), RULE)), allow_nan=False))
    assert told["judged"] == len(seen) == told["errors"]["abstention"]["parts"]
    assert told["errors"]["escape"]["parts"] == sum(bad is True for *_, bad in seen)
    assert told["errors"]["overkill"]["parts"] == sum(bad is False for *_, bad in seen)
    assert told["differing"] == sum(one is not other for one, other, _ in seen)


@given(cells, cells)
def test_one_more_error_of_the_candidate_is_more_against_it(candidate: int, incumbent: int) -> None:
    now = log_against(counts_of(candidate, incumbent))
    assert log_against(counts_of(candidate + 1, incumbent)) > now
    assert log_against(counts_of(candidate, incumbent + 1)) < now


@given(cells, cells, cells, st.floats(0.005, 0.3))
def test_parts_on_which_both_are_right_speak_for_the_candidate(
    candidate: int, incumbent: int, alike: int, margin: float
) -> None:
    now = log_not_worse(counts_of(candidate, incumbent, alike), margin)
    assert log_not_worse(counts_of(candidate, incumbent, alike + 1), margin) > now
    assert log_not_worse(counts_of(candidate + 1, incumbent, alike), margin) < now
    assert log_not_worse(counts_of(candidate, incumbent + 1, alike), margin) > now


def test_nothing_seen_means_wait() -> None:
    balance = weigh(PairedEvidence(), RULE)
    assert balance.advice is Advice.WAIT
    assert balance.disagreement == (0.0, 1.0)
    assert "escape not yet shown" in balance.reason


def test_escapes_that_the_candidate_alone_lets_pass_stop_it() -> None:
    balance = weigh(evidence_of([(REJECT, ACCEPT, True)] * 12), RULE)
    assert balance.advice is Advice.STOP
    assert balance.reason.startswith("worse in escape: candidate alone on 12, incumbent alone on 0 of 12")


def test_good_parts_that_the_candidate_alone_rejects_stop_it() -> None:
    balance = weigh(evidence_of([(ACCEPT, REJECT, False)] * 12), RULE)
    assert balance.advice is Advice.STOP
    assert balance.reason.startswith("worse in overkill")


def test_errors_of_both_stop_nobody() -> None:
    seen: list[Pair] = [(ACCEPT, ACCEPT, True), (REJECT, REJECT, False)]
    balance = weigh(evidence_of(seen * 200), RULE)
    assert balance.advice is Advice.PROMOTE


def test_a_limit_once_crossed_stays_crossed() -> None:
    crossed: list[Pair] = [(REJECT, ACCEPT, True)] * 12
    balance = weigh(evidence_of(crossed + [(ACCEPT, REJECT, True)] * 40), RULE)
    assert balance.advice is Advice.STOP


def test_a_candidate_that_judges_nothing_is_never_recommended_though_it_never_errs() -> None:
    seen: list[Pair] = [(REJECT, CANNOT, True), (ACCEPT, CANNOT, False)]
    balance = weigh(evidence_of(seen * 300), RULE)
    assert balance.advice is Advice.WAIT
    assert balance.reason.startswith("abstention not yet shown to be within 5 points")


def test_many_equal_verdicts_without_a_truth_are_no_reason_to_promote() -> None:
    balance = weigh(evidence_of([(ACCEPT, ACCEPT, None)] * 3000), RULE)
    assert balance.advice is Advice.WAIT
    assert balance.disagreement[1] < 0.01


def test_transitions_are_told_by_name() -> None:
    table = PairTable().plus(ACCEPT, REJECT).plus(ACCEPT, REJECT).plus(CANNOT, ACCEPT)
    transitions = table.transitions()
    assert transitions["accept->reject"] == 2
    assert transitions["cannot_judge->accept"] == 1
    assert sum(transitions.values()) == table.total == table.differing == 3


@pytest.mark.parametrize("cells", [(0,) * 8, (0,) * 8 + (-1,), (0,) * 8 + (True,), (0,) * 8 + (1.0,)])
def test_a_table_that_is_none_is_refused(cells: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="9 counts"):
        PairTable(cells=cells)


@pytest.mark.parametrize("peak", [-1.0, float("nan"), float("inf")])
def test_a_peak_that_is_none_is_refused(peak: float) -> None:
    with pytest.raises(ValueError, match="peak"):
        PairedEvidence(escape_peak=peak)


@given(pairs)
def test_the_quick_question_whether_to_stop_has_the_same_answer(seen: list[Pair]) -> None:
    rule = EvidenceRule(alpha=0.19)
    evidence = evidence_of(seen)
    assert stops(evidence, rule) == (weigh(evidence, rule).advice is Advice.STOP)


def test_truths_of_rejected_parts_alone_are_told_to_lean() -> None:
    """What rework tells of: the parts that the incumbent did not accept, and no others."""
    seen: list[Pair] = [(REJECT, ACCEPT, True)] * 12 + [(ACCEPT, REJECT, None)] * 12 + [(ACCEPT, ACCEPT, None)] * 500
    balance = weigh(evidence_of(seen), RULE)
    assert balance.advice is Advice.STOP
    assert balance.leaning.startswith("truths lean: known of 12 of 12 parts that the candidate alone accepted")
    assert "escapes speak against the candidate and overkill for it" in balance.leaning
    assert balance.leaning in balance.reason
    assert balance_as_json(balance)["leaning"] == balance.leaning


def test_truths_of_what_the_candidate_alone_rejected_lean_the_other_way() -> None:
    seen: list[Pair] = [(REJECT, ACCEPT, None)] * 30 + [(ACCEPT, REJECT, False)] * 10 + [(ACCEPT, CANNOT, True)] * 5
    assert "escapes speak for the candidate and overkill against it" in weigh(evidence_of(seen), RULE).leaning


@given(st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_truths_of_both_kinds_of_differing_parts_do_not_lean(one: int, other: int, defective: bool) -> None:
    seen: list[Pair] = [(REJECT, ACCEPT, defective)] * one + [(ACCEPT, REJECT, defective)] * other
    assert not weigh(evidence_of(seen), RULE).leaning


def test_a_truth_that_comes_before_its_pair_is_counted_breaks_nothing() -> None:
    evidence = evidence_of([(ACCEPT, REJECT, None)] * 12)
    for _ in range(12):
        evidence = evidence.with_truth(REJECT, ACCEPT, defective=True)
    assert "known of 12 of 12" in weigh(evidence, RULE).leaning


@pytest.mark.parametrize("name", ["alpha", "margin", "promotion_alpha"])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, float("nan")])
def test_a_rule_without_meaning_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        EvidenceRule(**{name: value})


def test_the_simulation_stops_at_the_very_part_at_which_the_evidence_does() -> None:
    parts, seed = 400, 3
    drawn = np.random.default_rng(seed).random((1, parts))[0]
    evidence, stopped = PairedEvidence(), parts + 1
    for place, one in enumerate(drawn, start=1):
        pair = (REJECT, ACCEPT) if one < 0.2 else (ACCEPT, REJECT) if one < 0.25 else (REJECT, REJECT)
        evidence = evidence.with_verdicts(*pair).with_truth(*pair, defective=True)
        if weigh(evidence, RULE).advice is Advice.STOP:
            stopped = min(stopped, place)
    assert stopped <= parts
    assert stopped_at(0.15, 0.05, rule=RULE, parts=parts, runs=1, seed=seed)[0] == stopped


@pytest.mark.parametrize("each", [0.01, 0.1, 0.45])
def test_an_equal_candidate_is_hardly_ever_stopped(each: float) -> None:
    parts = 2_000
    stopped = np.zeros(RUNS, bool)
    for seed in (1, 2):
        stopped |= stopped_at(0.0, each, rule=RULE, parts=parts, runs=RUNS, seed=seed) <= parts
    assert stopped.mean() <= RULE.alpha


@pytest.mark.parametrize("alone", [0.0, 0.02, 0.05])
def test_a_candidate_five_points_worse_is_stopped_within_the_forecast(alone: float) -> None:
    needed = labelled_parts_needed(worse_by=0.05, incumbent_only=alone, rule=RULE)
    at = stopped_at(0.05, alone, rule=RULE, parts=needed, runs=RUNS, seed=1)
    assert np.mean(at <= needed) >= 0.99


@pytest.mark.parametrize("alone", [0.0, 0.05])
def test_a_candidate_worse_by_the_margin_is_hardly_ever_recommended(alone: float) -> None:
    at = promoted_at(RULE.margin, alone, rule=RULE, parts=600, runs=1_000, seed=1)
    assert np.mean(at <= 600) <= RULE.promotion_alpha


def test_on_a_line_that_knows_nothing_of_bets_an_equal_candidate_is_hardly_ever_stopped() -> None:
    found = stops_of(Line(), rule=RULE, parts=1_500, runs=RUNS // 2, seed=1)
    assert found.ever.mean() <= RULE.alpha
    assert 0.02 < found.alone_share < 0.04


@pytest.mark.parametrize("line", [Line(copies=20), Line(known=1.0, late=1_000), Line(known=1.0, rework=True)])
def test_what_the_page_says_breaks_the_promise_breaks_it(line: Line) -> None:
    assert stops_of(line, rule=RULE, parts=3_000, runs=100, seed=1).ever.mean() > 0.2
