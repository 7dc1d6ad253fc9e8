"""Every misbehaviour puts on the wire what its name says, at every fifth trigger, and nothing at the others."""

import pytest

from edge.core import wire
from edge.core.codes import Code
from edge.core.types import Trigger
from edge.line.plc_misbehave import EVERY, Misbehaviour, next_number, payloads, strikes

TRIGGER = Trigger(session=5, epoch=3, trig=8, tick=100, part="P1", recipe=2, deadline_ms=0)
GOOD = wire.encode_trigger(TRIGGER)


@pytest.mark.parametrize("kind", Misbehaviour)
def test_other_triggers_are_left_alone(kind):
    assert [payload.data for payload in payloads(frozenset({kind}), TRIGGER, EVERY + 1)] == [GOOD]
    assert next_number(frozenset({kind}), 8, EVERY + 1) == 9


def test_duplicate_sends_the_same_bytes_twice():
    assert [payload.data for payload in payloads(frozenset({Misbehaviour.DUPLICATE}), TRIGGER, EVERY)] == [GOOD, GOOD]


def test_retained_sets_the_flag():
    assert [payload.retain for payload in payloads(frozenset({Misbehaviour.RETAINED}), TRIGGER, EVERY)] == [True]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Misbehaviour.GARBAGE, Code.MALFORMED),
        (Misbehaviour.OVERSIZED, Code.OVERSIZED),
        (Misbehaviour.OUT_OF_RANGE, Code.MALFORMED),
    ],
)
def test_unreadable_payloads_precede_the_good_one(kind, code):
    first, second = payloads(frozenset({kind}), TRIGGER, EVERY)
    with pytest.raises(wire.WireError) as refused:
        wire.parse_trigger(first.data)
    assert refused.value.code is code
    assert second.data == GOOD


def test_foreign_epoch_and_stale_tick_change_only_their_field():
    (foreign,) = payloads(frozenset({Misbehaviour.FOREIGN_EPOCH}), TRIGGER, EVERY)
    assert wire.parse_trigger(foreign.data).epoch == 1003
    (stale,) = payloads(frozenset({Misbehaviour.STALE_TICK}), TRIGGER, EVERY)
    tick = wire.parse_trigger(stale.data).tick
    assert 1 <= tick <= wire.MAX_U32
    assert (TRIGGER.tick - tick) % wire.MAX_U32 == 5000


def test_numbers_are_reused_skipped_and_wrapped():
    assert next_number(frozenset({Misbehaviour.REUSE_TRIG}), 8, EVERY) == 8
    assert next_number(frozenset({Misbehaviour.REUSE_TRIG}), 0, EVERY) == 1
    assert next_number(frozenset({Misbehaviour.SKIP_TRIG}), 8, EVERY) == 12
    assert next_number(frozenset(), wire.MAX_U32, 1) == 1


def test_a_reboot_comes_at_every_tenth():
    kinds = frozenset({Misbehaviour.REBOOT})
    assert [count for count in range(1, 31) if strikes(kinds, Misbehaviour.REBOOT, count)] == [10, 20, 30]
