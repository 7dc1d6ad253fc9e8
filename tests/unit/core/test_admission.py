"""Which triggers are taken on: every number of a session is judged once or lost once, never both, never neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.admission import (
    MAX_FOLLOWED,
    MAX_SESSIONS,
    MAX_SINGLE_LOSSES,
    Admitted,
    Duplicate,
    Lost,
    Rejected,
    Sessions,
    account_for_ack,
    admit,
)
from edge.core.codes import Code
from edge.core.types import Ack, Act, Trigger

EPOCH = 3
EMPTY = Sessions(epoch=EPOCH)


def trigger(trig: int, session: int = 7, epoch: int = EPOCH) -> Trigger:
    return Trigger(session=session, epoch=epoch, trig=trig, tick=0, part="", recipe=0, deadline_ms=0)


def ack(trig: int, act: Act, session: int = 7) -> Ack:
    return Ack(session=session, epoch=0, seq=0, trig=trig, act=act)


def after(*triggers: Trigger) -> Sessions:
    sessions = EMPTY
    for one in triggers:
        sessions = admit(sessions, one, retained=False).sessions
    return sessions


def test_the_first_trigger_of_a_session_is_its_base():
    result = admit(EMPTY, trigger(500), retained=False)
    assert isinstance(result.outcome, Admitted)
    assert result.lost == ()


def test_a_repeated_trigger_is_a_duplicate():
    result = admit(after(trigger(5)), trigger(5), retained=False)
    assert isinstance(result.outcome, Duplicate)


def test_a_gap_loses_each_number_once():
    result = admit(after(trigger(5)), trigger(8), retained=False)
    assert [(run.first, run.last, run.code) for run in result.lost] == [(6, 6, Code.GAP), (7, 7, Code.GAP)]
    late = admit(result.sessions, trigger(6), retained=False)
    assert isinstance(late.outcome, Duplicate)


def test_a_gap_beyond_the_bound_is_one_loss():
    first, last = 2, MAX_SINGLE_LOSSES + 2
    result = admit(after(trigger(1)), trigger(last + 1), retained=False)
    assert result.lost == (Lost(session=7, first=first, last=last, code=Code.GAP),)
    within = admit(after(trigger(1)), trigger(last), retained=False)
    assert len(within.lost) == MAX_SINGLE_LOSSES


def test_a_retained_trigger_is_refused_and_lost():
    result = admit(after(trigger(5)), trigger(6), retained=True)
    assert result.outcome == Rejected(code=Code.RETAINED, detail=result.outcome.detail)
    assert [(run.first, run.code) for run in result.lost] == [(6, Code.RETAINED)]


def test_a_trigger_of_a_foreign_epoch_is_refused_and_its_loss_is_found_once():
    result = admit(after(trigger(5)), trigger(6, epoch=EPOCH - 1), retained=False)
    assert result.outcome.code is Code.FOREIGN_EPOCH
    following = admit(result.sessions, trigger(7), retained=False)
    assert isinstance(following.outcome, Admitted)
    assert following.lost == ()


def test_a_refused_repeat_of_an_answered_trigger_is_no_loss():
    result = admit(after(trigger(5)), trigger(5, epoch=EPOCH - 1), retained=False)
    assert isinstance(result.outcome, Rejected)
    assert result.lost == ()


def test_a_new_session_supersedes_the_old_one_with_its_first_valid_trigger():
    sessions = after(trigger(5, session=1), trigger(1, session=2))
    assert sessions.current == 2
    assert admit(sessions, trigger(6, session=1), retained=False).outcome.code is Code.SUPERSEDED_SESSION


def test_a_refused_trigger_of_a_new_session_does_not_supersede():
    sessions = admit(after(trigger(5, session=1)), trigger(1, session=2, epoch=9), retained=False).sessions
    assert isinstance(admit(sessions, trigger(6, session=1), retained=False).outcome, Admitted)


def test_a_timed_out_trigger_that_never_came_is_a_loss_that_stands():
    result = account_for_ack(after(trigger(5)), ack(7, Act.TIMED_OUT))
    assert [(run.first, run.code) for run in result.lost] == [(6, Code.GAP), (7, Code.TIMED_OUT_AT_PLC)]
    assert isinstance(admit(result.sessions, trigger(7), retained=False).outcome, Duplicate)
    assert admit(result.sessions, trigger(8), retained=False).lost == ()


def test_a_timed_out_trigger_from_before_the_base_is_a_loss_with_all_between():
    result = account_for_ack(after(trigger(5)), ack(2, Act.TIMED_OUT))
    assert [(run.first, run.code) for run in result.lost] == [
        (2, Code.TIMED_OUT_AT_PLC),
        (3, Code.GAP),
        (4, Code.GAP),
    ]
    assert account_for_ack(result.sessions, ack(4, Act.TIMED_OUT)).lost == ()
    going_on = admit(result.sessions, trigger(6), retained=False)
    assert isinstance(going_on.outcome, Admitted)
    assert going_on.lost == ()


def test_a_trigger_from_before_the_base_is_lost_and_never_taken_on():
    result = admit(after(trigger(5)), trigger(4), retained=False)
    assert isinstance(result.outcome, Duplicate)
    assert result.lost == (Lost(session=7, first=4, last=4, code=Code.GAP),)
    refused = admit(result.sessions, trigger(3), retained=True)
    assert refused.lost == (Lost(session=7, first=3, last=3, code=Code.RETAINED),)
    assert admit(refused.sessions, trigger(3), retained=False).lost == ()


def test_an_ack_of_a_trigger_that_was_seen_loses_nothing():
    assert account_for_ack(after(trigger(5)), ack(5, Act.TIMED_OUT)).lost == ()
    assert account_for_ack(after(trigger(5)), ack(9, Act.ACCEPTED)).lost == ()


def test_a_restart_goes_on_where_the_ledger_ended():
    sessions = Sessions.resume(EPOCH, [(1, 50), (2, 9)])
    assert admit(sessions, trigger(51, session=1), retained=False).outcome.code is Code.SUPERSEDED_SESSION
    going_on = admit(sessions, trigger(12, session=2), retained=False)
    assert isinstance(going_on.outcome, Admitted)
    assert [run.first for run in going_on.lost] == [10, 11]


steps = st.lists(
    st.one_of(
        st.builds(
            lambda trig, session, epoch, retained: (trigger(trig, session, epoch), retained),
            st.integers(1, 30),
            st.integers(1, 3),
            st.sampled_from([EPOCH, EPOCH, EPOCH, EPOCH - 1]),
            st.booleans(),
        ),
        st.builds(ack, st.integers(1, 30), st.sampled_from(Act), st.integers(1, 3)),
    ),
    max_size=60,
)


@given(steps)
def test_no_number_is_ever_accounted_for_twice(run):
    sessions, judged, lost = EMPTY, set(), []
    for step in run:
        if isinstance(step, Ack):
            result = account_for_ack(sessions, step)
        else:
            result = admit(sessions, step[0], retained=step[1])
            if isinstance(result.outcome, Admitted):
                key = (step[0].session, step[0].trig)
                assert key not in judged
                judged.add(key)
        lost += [(gap.session, trig) for gap in result.lost for trig in range(gap.first, gap.last + 1)]
        sessions = result.sessions
    assert len(lost) == len(set(lost))
    assert not judged & set(lost)


@given(steps)
def test_every_trigger_that_came_or_timed_out_is_judged_or_accounted_for(run):
    sessions, known, named = EMPTY, set(), set()
    for step in run:
        if isinstance(step, Ack):
            result = account_for_ack(sessions, step)
            named |= {(step.session, step.trig)} if step.act is Act.TIMED_OUT else set()
        else:
            result = admit(sessions, step[0], retained=step[1])
            if isinstance(result.outcome, Admitted):
                known.add((step[0].session, step[0].trig))
            named.add((step[0].session, step[0].trig))
        for gap in result.lost:
            known |= {(gap.session, trig) for trig in range(gap.first, gap.last + 1)}
        sessions = result.sessions
    for session in sessions.known:
        seen = sorted(trig for number, trig in known if number == session.number)
        assert seen == list(range(session.base, session.highest + 1))
    assert named <= known


def test_what_is_remembered_is_bounded():
    last = MAX_SESSIONS + MAX_FOLLOWED + 50
    sessions = Sessions.resume(EPOCH, [(number, 1) for number in range(1, last + 1)])
    sessions = admit(sessions, trigger(1, session=last + 1), retained=False).sessions
    assert (len(sessions.known), len(sessions.followed)) == (MAX_SESSIONS, MAX_FOLLOWED)


def old_sessions() -> Sessions:
    return after(*(trigger(1, session=number) for number in range(1, MAX_SESSIONS * 3)))


@pytest.mark.parametrize("sessions", [old_sessions(), Sessions.resume(EPOCH, [(n, 1) for n in range(1, 200)])])
def test_a_session_stays_superseded_however_many_have_followed(sessions):
    current = sessions.current
    late = admit(sessions, trigger(2, session=1), retained=False)
    assert late.outcome.code is Code.SUPERSEDED_SESSION
    assert late.lost == (Lost(session=1, first=2, last=2, code=Code.SUPERSEDED_SESSION),)
    again = admit(late.sessions, trigger(3, session=1), retained=False)
    assert again.outcome.code is Code.SUPERSEDED_SESSION
    assert isinstance(admit(again.sessions, trigger(2, session=current), retained=False).outcome, Admitted)


def test_acks_of_strangers_make_no_old_session_new():
    sessions = after(trigger(1, session=1), trigger(1, session=2))
    for stranger in range(100, 100 + MAX_SESSIONS):
        sessions = account_for_ack(sessions, ack(1, Act.TIMED_OUT, session=stranger)).sessions
    sessions = account_for_ack(sessions, ack(5, Act.TIMED_OUT, session=1)).sessions
    assert admit(sessions, trigger(6, session=1), retained=False).outcome.code is Code.SUPERSEDED_SESSION
    assert isinstance(admit(sessions, trigger(2, session=2), retained=False).outcome, Admitted)
