"""The PLC rule: an accept is actuated only if every condition holds, and every trigger is actuated exactly once."""

from collections import Counter
from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.types import Act, Decision, Trigger
from edge.core.wire import Heartbeat, Result
from edge.line.plc_rules import (
    HEARTBEAT_NS,
    MISSED_NS,
    Actuated,
    Answer,
    Beat,
    Elapsed,
    FaultChanged,
    Ignored,
    Input,
    Output,
    Reason,
    Rebooted,
    Rules,
    State,
    Triggered,
    may_trigger,
    step,
)

TIMER_NS = 1_000_000_000
RULES = Rules(timer_ns=TIMER_NS)
TRIGGER = Trigger(session=5, epoch=3, trig=1, tick=9, part="P1", recipe=2, deadline_ms=0)
RESULT = Result(
    sess=5,
    epoch=3,
    seq=1,
    trig=1,
    part="P1",
    dec=Decision.ACCEPT,
    code=0,
    score=10,
    n=0,
    recipe=2,
    model="0a1b2c3d",
    age_ms=5,
    t=0,
    sim=0,
)
BEAT = Heartbeat(epoch=3, n=1, ready=True, fault=0, recipe=2)


def run(rules: Rules, *events: Input) -> tuple[State, list[Output]]:
    state, outputs = State(session=5), []
    for event in events:
        state, new = step(rules, state, event)
        outputs += new
    return state, outputs


def answered(result: Result, *, beat: Heartbeat = BEAT, rules: Rules = RULES, after_ns: int = 10) -> Actuated:
    _, outputs = run(
        rules,
        Beat(now_ns=0, heartbeat=BEAT),
        Triggered(now_ns=0, trigger=TRIGGER),
        Beat(now_ns=1, heartbeat=beat),
        Answer(now_ns=after_ns, result=result),
    )
    return next(output for output in outputs if isinstance(output, Actuated))


def test_a_perfect_result_is_accepted_and_acknowledged_with_its_own_numbers():
    done = answered(RESULT)
    assert (done.act, done.reason) == (Act.ACCEPTED, Reason.ACCEPTED)
    ack = done.ack()
    assert (ack.session, ack.epoch, ack.seq, ack.trig, ack.act) == (5, 3, 1, 1, Act.ACCEPTED)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epoch": 4}, Reason.OTHER_EPOCH),
        ({"part": "P2"}, Reason.OTHER_PART),
        ({"recipe": 3}, Reason.OTHER_RECIPE),
        ({"sim": 1}, Reason.SIMULATED),
        ({"dec": Decision.REJECT}, Reason.REJECTED),
        ({"dec": Decision.CANNOT_JUDGE}, Reason.CANNOT_JUDGE),
    ],
)
def test_each_condition_of_the_rule_is_needed(change, reason):
    done = answered(replace(RESULT, **change))
    assert done.act is (Act.REJECTED if "dec" in change else Act.RESULT_REFUSED)
    assert done.reason is reason


def test_a_station_that_is_no_longer_ready_is_not_trusted():
    assert answered(RESULT, beat=replace(BEAT, ready=False)).reason is Reason.NOT_READY


def test_missing_heartbeats_refuse_an_accept():
    rules = Rules(timer_ns=10 * TIMER_NS)
    assert answered(RESULT, rules=rules, after_ns=MISSED_NS + 1).reason is Reason.VISION_FAULT
    assert answered(RESULT, rules=rules, after_ns=3 * HEARTBEAT_NS).act is Act.ACCEPTED


def test_a_simulated_accept_counts_on_a_test_line_only():
    assert answered(replace(RESULT, sim=1), rules=replace(RULES, test_line=True)).act is Act.ACCEPTED


def test_the_timer_rejects_and_a_late_result_is_ignored():
    assert answered(RESULT, after_ns=TIMER_NS).reason is Reason.TIMED_OUT
    _, outputs = run(
        RULES,
        Beat(now_ns=0, heartbeat=BEAT),
        Triggered(now_ns=0, trigger=TRIGGER),
        Elapsed(now_ns=TIMER_NS),
        Answer(now_ns=TIMER_NS + 1, result=RESULT),
    )
    assert [type(output) for output in outputs] == [Actuated, Ignored]
    assert isinstance(outputs[0], Actuated)
    ack = outputs[0].ack()
    assert (ack.epoch, ack.seq, ack.act) == (0, 0, Act.TIMED_OUT)


def test_a_changed_epoch_voids_what_is_outstanding():
    done = answered(replace(RESULT, epoch=4), beat=replace(BEAT, epoch=4))
    assert (done.act, done.reason, done.result) == (Act.TIMED_OUT, Reason.EPOCH_CHANGED, None)


def test_a_duplicate_result_is_ignored():
    _, outputs = run(
        RULES,
        Beat(now_ns=0, heartbeat=BEAT),
        Triggered(now_ns=0, trigger=TRIGGER),
        Answer(now_ns=5, result=RESULT),
        Answer(now_ns=6, result=RESULT),
    )
    assert [type(output) for output in outputs] == [Actuated, Ignored]


def test_a_vision_fault_comes_once_and_goes_with_the_next_heartbeat():
    state, outputs = run(
        RULES,
        Beat(now_ns=0, heartbeat=BEAT),
        Elapsed(now_ns=MISSED_NS - 1),
        Elapsed(now_ns=MISSED_NS),
        Elapsed(now_ns=2 * MISSED_NS),
        Beat(now_ns=2 * MISSED_NS + 1, heartbeat=BEAT),
    )
    assert outputs == [FaultChanged(fault=True), FaultChanged(fault=False)]
    assert may_trigger(state)


def test_the_first_trigger_needs_a_ready_heartbeat():
    assert not may_trigger(State(session=5))
    assert not may_trigger(run(RULES, Beat(now_ns=0, heartbeat=replace(BEAT, ready=False)))[0])
    assert may_trigger(run(RULES, Beat(now_ns=0, heartbeat=BEAT))[0])
    assert not may_trigger(run(RULES, Beat(now_ns=0, heartbeat=BEAT), Elapsed(now_ns=MISSED_NS))[0])


def test_a_reboot_forgets_everything():
    state, outputs = run(
        RULES,
        Beat(now_ns=0, heartbeat=BEAT),
        Triggered(now_ns=0, trigger=TRIGGER),
        Rebooted(now_ns=5, session=6),
        Answer(now_ns=6, result=RESULT),
    )
    assert state == State(session=6)
    assert [type(output) for output in outputs] == [Actuated, Ignored]
    assert isinstance(outputs[0], Actuated)
    assert outputs[0].reason is Reason.REBOOTED


def test_accept_anything_breaks_the_rule_on_purpose():
    rules = replace(RULES, accept_anything=True)
    assert answered(replace(RESULT, sim=1, part="P9", recipe=9), rules=rules).act is Act.ACCEPTED
    assert answered(replace(RESULT, dec=Decision.REJECT), rules=rules).act is Act.REJECTED


GAP_NS = st.integers(0, 800_000_000)
EPOCH = st.integers(3, 4)
SMALL = st.integers(1, 3)
CHANGE = st.sampled_from(
    [{}, {"part": "other"}, {"recipe": 9}, {"sim": 1}, {"dec": Decision.REJECT}, {"epoch": 9}, {"sess": 99}]
)
HAPPENING = st.one_of(
    st.tuples(st.just("trigger"), SMALL, SMALL),
    st.tuples(st.just("beat"), EPOCH, st.booleans()),
    st.tuples(
        st.just("answer"),
        st.builds(
            Result,
            sess=st.integers(5, 6),
            epoch=EPOCH,
            seq=SMALL,
            trig=st.integers(1, 12),
            part=st.sampled_from(["P1", "P2", "P3"]),
            dec=st.sampled_from(Decision),
            code=st.just(0),
            score=st.just(0),
            n=st.just(0),
            recipe=SMALL,
            model=st.just("0a1b2c3d"),
            age_ms=st.just(0),
            t=st.just(0),
            sim=st.integers(0, 1),
        ),
    ),
    st.tuples(st.just("answer-newest"), CHANGE),
    st.tuples(st.just("elapse")),
    st.tuples(st.just("reboot")),
)


EVENT = st.tuples(GAP_NS, HAPPENING).map(lambda event: [event])
PART_IN_FRONT = st.builds(
    lambda gap_ns, change: [
        (0, ("beat", 3, True)),
        (0, ("trigger", 1, 1)),
        (gap_ns, ("answer-newest", change)),
    ],
    st.integers(0, 3 * MISSED_NS // 2),
    CHANGE,
)
"""A whole part from heartbeat to result: random events alone would seldom come to the point of an accept."""


class Oracle:
    """Keeps the conditions of the rule in its own way, and checks every output against them."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.state = State(session=5)
        self.now_ns = 0
        self.triggers: list[tuple[Trigger, int]] = []
        self.beats: list[tuple[Heartbeat, int]] = []
        self.actuated: Counter[tuple[int, int]] = Counter()

    def apply(self, event: Input, result: Result | None = None) -> None:
        self.state, outputs = step(self.rules, self.state, event)
        for output in outputs:
            if isinstance(output, Actuated):
                self.actuated[output.trigger.session, output.trigger.trig] += 1
                if output.act is Act.ACCEPTED:
                    assert result is not None
                    self.check_accept(output, result)

    def check_accept(self, done: Actuated, result: Result) -> None:
        trigger, sent_ns = next(pair for pair in self.triggers if pair[0] == done.trigger)
        beat, beat_ns = self.beats[-1]
        assert (result.sess, result.trig, result.part, result.recipe) == (
            trigger.session,
            trigger.trig,
            trigger.part,
            trigger.recipe,
        )
        assert result.dec is Decision.ACCEPT
        assert result.sim == 0 or self.rules.test_line
        assert beat.ready
        assert beat.epoch == result.epoch == trigger.epoch
        assert {old.epoch for old, at_ns in self.beats if at_ns >= sent_ns} <= {trigger.epoch}
        assert self.now_ns - beat_ns < MISSED_NS
        assert self.now_ns - sent_ns < self.rules.timer_ns


@settings(max_examples=400, deadline=None)
@given(st.lists(EVENT | PART_IN_FRONT, max_size=30), st.booleans(), st.integers(1, 4))
def test_no_history_leads_to_an_unearned_accept_or_a_second_actuation(history, test_line, timer_s):
    oracle = Oracle(Rules(timer_ns=timer_s * 1_000_000_000, test_line=test_line))
    session = 5
    for gap_ns, happening in chain.from_iterable(history):
        # Strictly growing time: the oracle compares instants of heartbeats and triggers.
        oracle.now_ns += gap_ns + 1
        now_ns = oracle.now_ns
        match happening:
            case ("trigger", part, recipe):
                epoch = oracle.beats[-1][0].epoch if oracle.beats else 0
                trigger = Trigger(
                    session=session,
                    epoch=epoch,
                    trig=len(oracle.triggers) + 1,
                    tick=0,
                    part=f"P{part}",
                    recipe=recipe,
                    deadline_ms=0,
                )
                oracle.triggers.append((trigger, now_ns))
                oracle.apply(Triggered(now_ns=now_ns, trigger=trigger))
            case ("beat", epoch, ready):
                beat = Heartbeat(epoch=epoch, n=1, ready=ready, fault=0, recipe=0)
                oracle.beats.append((beat, now_ns))
                oracle.apply(Beat(now_ns=now_ns, heartbeat=beat))
            case ("answer", result):
                oracle.apply(Answer(now_ns=now_ns, result=result), result)
            case ("answer-newest", change) if oracle.triggers:
                newest = oracle.triggers[-1][0]
                result = replace(
                    RESULT,
                    sess=newest.session,
                    epoch=max(newest.epoch, 1),
                    trig=newest.trig,
                    part=newest.part,
                    recipe=newest.recipe,
                )
                result = replace(result, **change)
                oracle.apply(Answer(now_ns=now_ns, result=result), result)
            case ("reboot",):
                session += 1
                oracle.beats.clear()
                oracle.apply(Rebooted(now_ns=now_ns, session=session))
            case _:
                oracle.apply(Elapsed(now_ns=now_ns))
    oracle.now_ns += oracle.rules.timer_ns
    oracle.apply(Elapsed(now_ns=oracle.now_ns))
    assert oracle.actuated == Counter((trigger.session, trigger.trig) for trigger, _ in oracle.triggers)
    assert not oracle.state.outstanding
