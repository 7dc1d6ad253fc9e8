import re

import pytest

from edge.core.events import Event
from edge.core.types import Act, Decision
from edge.ledger.parts import ConflictError, Part, fold, unearned
from tests.support.ledgers import decided, instant, key, loss, overruled, plc_acked, received, sent, whole_part


def folded(*events: Event) -> Part:
    part = None
    for identity, event in enumerate(events, 1):
        part = fold(part, identity, event)  # type: ignore[arg-type]
    assert part is not None
    return part


def test_a_part_on_a_good_day() -> None:
    part = folded(*whole_part(key(3)))
    assert part == Part(
        first_event=1,
        first_at=instant().utc_ms,
        session=7,
        trig=3,
        epoch=1,
        seq=3,
        part="A/1:2",
        recipe=2,
        received_event=1,
        received_at=instant().utc_ms,
        received_mono=instant().mono_ns,
        deadline_ms=400,
        decided_event=2,
        outcome="accept",
        code=0,
        score=31,
        defects=1,
        model="0123abcd",
        simulated=1,
        settled_at=instant(60).utc_ms,
        sent_event=3,
        sent_at=instant(65).utc_ms,
        in_time=1,
        age_ms=65,
        acked_event=4,
        acked_at=instant(90).utc_ms,
        ack_act=1,
    )


def test_an_overruled_verdict_is_the_guards() -> None:
    part = folded(received(key()), decided(key()), overruled(key(), code=402))
    assert (part.outcome, part.code, part.score, part.defects) == ("cannot_judge", 402, 65535, 0)
    assert part.model == "0123abcd"


def test_a_verdict_may_be_overruled_after_its_result_left() -> None:
    assert folded(received(key()), decided(key()), sent(key()), overruled(key())).outcome == "cannot_judge"


@pytest.mark.parametrize(("at_ms", "in_time"), [(399.999, 1), (400, 0), (401, 0)])
def test_in_time_is_before_receipt_plus_deadline(at_ms: float, in_time: int) -> None:
    assert folded(received(key()), decided(key()), sent(key(), at_ms)).in_time == in_time


def test_a_result_for_the_history_is_not_a_live_one() -> None:
    part = folded(received(key()), decided(key()), sent(key(), 500, "hist/result"))
    assert (part.sent_event, part.sent_at, part.in_time, part.history_event, part.age_ms) == (None, None, None, 3, 500)


def test_the_first_of_repeated_results_and_acks_stands() -> None:
    once = folded(*whole_part(key()), sent(key(), 800, "hist/result"))
    assert once.age_ms == 65
    again = fold(once, 9, plc_acked(key(), act=Act.REJECTED))
    assert again == once
    assert fold(once, 10, sent(key(), 70)) == once
    assert fold(once, 11, sent(key(), 900, "hist/result")) == once


def test_the_first_loss_stands_whatever_comes_later() -> None:
    lost = folded(loss(5, trig_first=2), loss(5, code=121))
    assert (lost.outcome, lost.code, lost.trig_first, lost.loss_epoch) == ("loss", 120, 2, 1)
    late = fold(lost, 3, received(key(5, seq=8)))
    assert (late.outcome, late.seq, late.received_event) == ("loss", 8, 3)
    with pytest.raises(ConflictError, match="loss is on record"):
        fold(late, 4, decided(key(5, seq=8)))


def test_an_orphans_loss_keeps_what_was_received() -> None:
    lost = folded(received(key(5, seq=8)), loss(5, epoch=2, code=122, seq=8, part="A/1:2", recipe=2))
    assert (lost.epoch, lost.seq, lost.loss_epoch, lost.part) == (1, 8, 2, "A/1:2")


def test_an_ack_may_come_before_the_loss_that_it_reveals() -> None:
    part = folded(plc_acked(key(5, epoch=0, seq=0), act=Act.TIMED_OUT), loss(5, code=121))
    assert (part.first_event, part.epoch, part.ack_act, part.outcome) == (1, 1, 3, "loss")


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([received(key()), received(key())], "received before"),
        ([received(key()), decided(key()), decided(key(), decision=Decision.REJECT)], "accept is on record"),
        ([decided(key())], "never received"),
        ([sent(key())], "never received"),
        ([overruled(key())], "never received"),
        ([received(key()), overruled(key())], "no verdict to overrule"),
        ([received(key()), decided(key()), overruled(key()), overruled(key())], "overruled before"),
        ([received(key()), decided(key(seq=2))], "received as epoch 1, seq 1"),
        ([received(key()), decided(key(epoch=2))], "received as epoch 1, seq 1"),
        ([received(key()), decided(key()), loss(1)], "accept is on record"),
        ([received(key()), loss(1), sent(key())], "lost"),
        ([loss(1, seq=4), received(key())], "recorded as epoch 1, seq 4"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_contradicts_the_record_is_refused(events: list[Event], why: str) -> None:
    with pytest.raises(ConflictError, match=why):
        folded(*events)


ACCEPTED = plc_acked(key())


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([], "no verdict"),
        ([plc_acked(key())], "no verdict"),
        ([received(key())], "no verdict"),
        ([received(key()), decided(key(), decision=Decision.REJECT, code=1001), sent(key())], "is reject .code 1001."),
        ([received(key()), decided(key()), overruled(key()), sent(key())], "was overruled: cannot_judge .code 402."),
        ([loss(1)], "is loss .code 120."),
        ([received(key()), decided(key())], "never sent live"),
        ([received(key()), decided(key()), sent(key(), topic="hist/result")], "never sent live"),
        ([received(key(seq=2)), decided(key(seq=2)), sent(key(seq=2))], "of epoch 1, seq 1; the accept is of"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_accept_that_is_not_on_record_is_not_earned(events: list[Event], why: str) -> None:
    reason = unearned(folded(*events) if events else None, ACCEPTED, 1)
    assert reason is not None
    assert re.search(why, reason)


def test_an_accept_that_was_sent_is_earned_and_so_is_anything_but_an_accept() -> None:
    assert unearned(folded(received(key()), decided(key()), sent(key())), ACCEPTED, 1) is None
    for act in (Act.REJECTED, Act.TIMED_OUT, Act.RESULT_REFUSED):
        assert unearned(None, plc_acked(key(), act=act), 1) is None


def test_of_an_earlier_epoch_the_accept_alone_is_asked_for() -> None:
    """A power cut may have swallowed the record of the sending, never the verdict."""
    cut = folded(received(key()), decided(key()))
    assert unearned(cut, ACCEPTED, 2) is None
