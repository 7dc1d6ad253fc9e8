"""What the events say of one part: a pure fold, used to write the projection and, independently, to verify it."""

from typing import Final, NamedTuple

from edge.core.codes import SCORE_NONE
from edge.core.events import Decided, Loss, Overruled, PlcAcked, Received, Sent
from edge.core.types import Act, Decision
from edge.core.wire import HISTORY

LOSS: Final = "loss"
ACCEPT: Final = Decision.ACCEPT.label
CANNOT_JUDGE: Final = Decision.CANNOT_JUDGE.label

PartEvent = Received | Decided | Overruled | Sent | PlcAcked | Loss


class ConflictError(ValueError):
    """An event that contradicts what is already on record of its part."""


class Part(NamedTuple):
    """All that is on record of one (session, trig), as the table ``parts`` holds it; None where nothing said so.

    ``*_event`` are ids of events, ``*_at`` Unix milliseconds, ``received_mono`` monotonic nanoseconds. ``outcome`` is
    a decision's label or ``loss``, None while the part is open; ``settled_at`` is the time of the verdict of record.
    ``sent_*`` and ``in_time`` tell of the first live result, ``history_event`` of the first on ``hist/result``.
    ``epoch`` and ``seq`` are those of receipt, or of the loss where nothing was received.
    """

    first_event: int
    first_at: int
    session: int
    trig: int
    epoch: int | None = None
    seq: int | None = None
    part: str | None = None
    recipe: int | None = None
    received_event: int | None = None
    received_at: int | None = None
    received_mono: int | None = None
    deadline_ms: int | None = None
    decided_event: int | None = None
    overruled_event: int | None = None
    outcome: str | None = None
    code: int | None = None
    score: int | None = None
    defects: int | None = None
    model: str | None = None
    simulated: int | None = None
    settled_at: int | None = None
    sent_event: int | None = None
    sent_at: int | None = None
    in_time: int | None = None
    history_event: int | None = None
    age_ms: int | None = None
    acked_event: int | None = None
    acked_at: int | None = None
    ack_act: int | None = None
    loss_event: int | None = None
    loss_epoch: int | None = None
    trig_first: int | None = None


def key_of(event: PartEvent) -> tuple[int, int]:
    """Return the (session, trig) that an event belongs to."""
    source = event if isinstance(event, Loss) else event.key
    return source.session, source.trig


def last_event(part: Part) -> int:
    """Return the id of the last event that changed a part."""
    named = (
        part.received_event, part.decided_event, part.overruled_event, part.sent_event, part.history_event,
        part.acked_event, part.loss_event,
    )  # fmt: skip
    return max(part.first_event, *(event or 0 for event in named))


def fold(part: Part | None, identity: int, event: PartEvent) -> Part:
    """Return the part after the event with this id; ``part`` is None where no event named it before.

    The first receipt, verdict, live result, ack and loss stand. Repeats of results, acks and losses change nothing.

    Raises:
        ConflictError: a second receipt or verdict, a verdict of a part that is lost or was never received, a loss of
            a part that has a verdict, a result without a verdict, or numbers that are not those of receipt.
    """
    match event:
        case Received():
            return _received(part or _new(identity, event), identity, event)
        case Loss():
            return _lost(part or _new(identity, event), identity, event)
        case PlcAcked():
            return _acked(part or _new(identity, event), identity, event)
        case Decided():
            return _decided(_known(part, event), identity, event)
        case Overruled():
            return _overruled(_known(part, event), identity, event)
        case Sent():
            return _sent(_known(part, event), identity, event)


def unearned(part: Part | None, ack: PlcAcked, epoch: int) -> str | None:
    """Return why the record does not support what an ack says; None where it does, or where it says no accept.

    ``part`` is what was on record when the ack came, in ``epoch``. That an accept was sent is not asked of a part of an
    earlier epoch: a power cut may have swallowed that record, never the verdict.
    """
    if ack.act is not Act.ACCEPTED:
        return None
    if part is None or part.outcome is None:
        return "no verdict of it is on record"
    if part.outcome != ACCEPT:
        how = "was overruled: " if part.overruled_event is not None else "is "
        return f"its verdict {how}{part.outcome} (code {part.code})"
    if (ack.key.epoch, ack.key.seq) != (part.epoch, part.seq):
        return (
            f"it names a result of epoch {ack.key.epoch}, seq {ack.key.seq}; "
            f"the accept is of epoch {part.epoch}, seq {part.seq}"
        )
    if part.epoch == epoch and part.sent_event is None:
        return "its accept was never sent live"
    return None


def _new(identity: int, event: PartEvent) -> Part:
    session, trig = key_of(event)
    return Part(first_event=identity, first_at=event.at.utc_ms, session=session, trig=trig)


def _known(part: Part | None, event: Decided | Overruled | Sent) -> Part:
    if part is None or part.received_event is None:
        raise ConflictError("its trigger was never received")
    if (part.epoch, part.seq) != (event.key.epoch, event.key.seq):
        raise ConflictError(f"it was received as epoch {part.epoch}, seq {part.seq}")
    return part


def _received(part: Part, identity: int, event: Received) -> Part:
    if part.received_event is not None:
        raise ConflictError("its trigger was received before")
    if part.seq is not None:
        raise ConflictError(f"its loss was recorded as epoch {part.epoch}, seq {part.seq}")
    return part._replace(
        epoch=event.key.epoch,
        seq=event.key.seq,
        part=event.part,
        recipe=event.recipe,
        received_event=identity,
        received_at=event.at.utc_ms,
        received_mono=event.at.mono_ns,
        deadline_ms=event.deadline_ms,
    )


def _decided(part: Part, identity: int, event: Decided) -> Part:
    if part.outcome is not None:
        raise ConflictError(f"{part.outcome} is on record already")
    return part._replace(
        decided_event=identity,
        recipe=event.recipe,
        outcome=Decision(event.decision).label,
        code=event.code,
        score=event.score,
        defects=event.defects,
        model=event.model,
        simulated=int(event.simulated),
        settled_at=event.at.utc_ms,
    )


def _overruled(part: Part, identity: int, event: Overruled) -> Part:
    if part.decided_event is None:
        raise ConflictError("there is no verdict to overrule")
    if part.overruled_event is not None:
        raise ConflictError("its verdict was overruled before")
    return part._replace(
        overruled_event=identity,
        outcome=CANNOT_JUDGE,
        code=event.code,
        score=SCORE_NONE,
        defects=0,
        settled_at=event.at.utc_ms,
    )


def _sent(part: Part, identity: int, event: Sent) -> Part:
    if part.outcome == LOSS:
        raise ConflictError("the part is lost")
    first = part.sent_event is None and part.history_event is None
    if event.topic == HISTORY:
        if part.history_event is not None:
            return part
        return part._replace(history_event=identity, age_ms=event.age_ms if first else part.age_ms)
    if part.sent_event is not None:
        return part
    taken_ns = event.at.mono_ns - (part.received_mono or 0)
    return part._replace(
        sent_event=identity,
        sent_at=event.at.utc_ms,
        in_time=int(taken_ns < (part.deadline_ms or 0) * 1_000_000),
        age_ms=event.age_ms,
    )


def _acked(part: Part, identity: int, event: PlcAcked) -> Part:
    if part.acked_event is not None:
        return part
    return part._replace(acked_event=identity, acked_at=event.at.utc_ms, ack_act=int(event.act))


def _lost(part: Part, identity: int, event: Loss) -> Part:
    if part.loss_event is not None:
        return part
    if part.outcome is not None:
        raise ConflictError(f"{part.outcome} is on record already")
    numbered = part.received_event is not None
    return part._replace(
        epoch=part.epoch if numbered else event.epoch,
        seq=part.seq if numbered else event.seq,
        part=part.part if numbered else event.part,
        recipe=part.recipe if numbered else event.recipe,
        outcome=LOSS,
        code=event.code,
        settled_at=event.at.utc_ms,
        loss_event=identity,
        loss_epoch=event.epoch,
        trig_first=event.trig_first,
    )
