"""The PLC's side of the line contract as a pure state machine: (state, input) -> (state, outputs).

This is the rule that docs/line-contract.md gives to integrators, step by step. Times are monotonic nanoseconds.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edge.core.types import Ack, Act, Decision, Trigger
from edge.core.wire import Heartbeat, Result

HEARTBEAT_NS: Final = 500_000_000
MISSED_NS: Final = HEARTBEAT_NS * 7 // 2
"""Three heartbeats are missed once none came for this long: three periods and half a one of grace."""


class Reason(StrEnum):
    """Why the PLC did what it did with a part."""

    ACCEPTED = "the station accepted"
    REJECTED = "the station rejected"
    CANNOT_JUDGE = "the station cannot judge"
    TIMED_OUT = "no result before the PLC's timer"
    EPOCH_CHANGED = "the station restarted meanwhile"
    OTHER_EPOCH = "result refused: epoch differs from the trigger's or the last heartbeat's"
    OTHER_PART = "result refused: part differs from the trigger's"
    OTHER_RECIPE = "result refused: recipe differs from the trigger's"
    NOT_READY = "result refused: the last heartbeat said not ready"
    VISION_FAULT = "result refused: heartbeats are missing"
    SIMULATED = "result refused: sim is 1 on a live line"
    REBOOTED = "the PLC restarted meanwhile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the PLC is configured with.

    Attributes:
        timer_ns: the PLC's own timer from trigger to actuation.
        test_line: a line whose parts go nowhere: results with ``sim`` 1 may accept.
        accept_anything: break the rule and actuate every accept of a known trigger; only to show what that does.
    """

    timer_ns: int
    test_line: bool = False
    accept_anything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """A part that waits for its result."""

    trigger: Trigger
    sent_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the PLC knows. ``beat`` is the last heartbeat and ``beat_ns`` when it came."""

    session: int
    beat: Heartbeat | None = None
    beat_ns: int = 0
    fault: bool = False
    outstanding: tuple[Outstanding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """A part is in front of the camera and its trigger goes out; the epoch in it must be the last heartbeat's."""

    now_ns: int
    trigger: Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A heartbeat arrived (not retained)."""

    now_ns: int
    heartbeat: Heartbeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A result arrived (not retained)."""

    now_ns: int
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Elapsed:
    """Time went by."""

    now_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebooted:
    """The PLC starts anew under another session."""

    now_ns: int
    session: int


Input = Triggered | Beat | Answer | Elapsed | Rebooted


@dataclass(frozen=True, slots=True, kw_only=True)
class Actuated:
    """The gate moves: open only for ``Act.ACCEPTED``. ``result`` is None where none was there."""

    trigger: Trigger
    act: Act
    reason: Reason
    sent_ns: int
    at_ns: int
    result: Result | None = None

    def ack(self) -> Ack:
        """Return the ``cmd/ack`` that tells the station."""
        return Ack(
            session=self.trigger.session,
            epoch=0 if self.result is None else self.result.epoch,
            seq=0 if self.result is None else self.result.seq,
            trig=self.trigger.trig,
            act=self.act,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultChanged:
    """The vision fault came (three heartbeats missing) or went."""

    fault: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A result that no part waits for: a duplicate, a late one, or another session's. Nothing is actuated."""

    result: Result


Output = Actuated | FaultChanged | Ignored


def may_trigger(state: State) -> bool:
    """Tell whether a ready heartbeat is there: needed before the first trigger of a session."""
    return state.beat is not None and state.beat.ready and not state.fault


def step(rules: Rules, state: State, event: Input) -> tuple[State, tuple[Output, ...]]:
    """Take one input and return the new state and what the PLC does, in order."""
    match event:
        case Triggered():
            part = Outstanding(trigger=event.trigger, sent_ns=event.now_ns)
            return replace(state, outstanding=(*state.outstanding, part)), ()
        case Beat():
            return _beat(state, event)
        case Answer():
            return _answer(rules, state, event)
        case Elapsed():
            return _elapsed(rules, state, event.now_ns)
        case Rebooted():
            return State(session=event.session), _void(state, event.now_ns, Reason.REBOOTED)


def _beat(state: State, event: Beat) -> tuple[State, tuple[Output, ...]]:
    outputs: tuple[Output, ...] = (FaultChanged(fault=False),) if state.fault else ()
    kept = state.outstanding
    if state.beat is not None and state.beat.epoch != event.heartbeat.epoch:
        outputs += _void(state, event.now_ns, Reason.EPOCH_CHANGED)
        kept = ()
    new = replace(state, beat=event.heartbeat, beat_ns=event.now_ns, fault=False, outstanding=kept)
    return new, outputs


def _void(state: State, now_ns: int, reason: Reason) -> tuple[Output, ...]:
    return tuple(_actuated(part, Act.TIMED_OUT, reason, now_ns) for part in state.outstanding)


def _answer(rules: Rules, state: State, event: Answer) -> tuple[State, tuple[Output, ...]]:
    # A part whose timer has run out, or a heartbeat overdue, counts although nobody has looked at the clock since.
    state, outputs = _elapsed(rules, state, event.now_ns)
    result = event.result
    part = next(
        (
            waiting
            for waiting in state.outstanding
            if waiting.trigger.session == result.sess and waiting.trigger.trig == result.trig
        ),
        None,
    )
    if part is None:
        return state, (*outputs, Ignored(result=result))
    act, reason = _judge(rules, state, part.trigger, result)
    kept = tuple(waiting for waiting in state.outstanding if waiting is not part)
    return replace(state, outstanding=kept), (*outputs, _actuated(part, act, reason, event.now_ns, result))


def _judge(rules: Rules, state: State, trigger: Trigger, result: Result) -> tuple[Act, Reason]:
    """Decide on a result whose session and trigger number match a part that still waits."""
    if rules.accept_anything and result.dec is Decision.ACCEPT:
        return Act.ACCEPTED, Reason.ACCEPTED
    epoch = None if state.beat is None else state.beat.epoch
    ready = state.beat is not None and state.beat.ready
    accepts = result.dec is Decision.ACCEPT
    obstacles = (
        (not epoch == trigger.epoch == result.epoch, Reason.OTHER_EPOCH),
        (result.part != trigger.part, Reason.OTHER_PART),
        (result.recipe != trigger.recipe, Reason.OTHER_RECIPE),
        (accepts and state.fault, Reason.VISION_FAULT),
        (accepts and not ready, Reason.NOT_READY),
        (accepts and result.sim == 1 and not rules.test_line, Reason.SIMULATED),
    )
    refusal = next((reason for stands, reason in obstacles if stands), None)
    if refusal is not None:
        return Act.RESULT_REFUSED, refusal
    if accepts:
        return Act.ACCEPTED, Reason.ACCEPTED
    return Act.REJECTED, Reason.REJECTED if result.dec is Decision.REJECT else Reason.CANNOT_JUDGE


def _elapsed(rules: Rules, state: State, now_ns: int) -> tuple[State, tuple[Output, ...]]:
    outputs: tuple[Output, ...] = ()
    late = tuple(part for part in state.outstanding if now_ns - part.sent_ns >= rules.timer_ns)
    if late:
        state = replace(state, outstanding=tuple(part for part in state.outstanding if part not in late))
        outputs += tuple(_actuated(part, Act.TIMED_OUT, Reason.TIMED_OUT, now_ns) for part in late)
    if state.beat is not None and not state.fault and now_ns - state.beat_ns >= MISSED_NS:
        state = replace(state, fault=True)
        outputs += (FaultChanged(fault=True),)
    return state, outputs


def _actuated(part: Outstanding, act: Act, reason: Reason, now_ns: int, result: Result | None = None) -> Actuated:
    return Actuated(trigger=part.trigger, act=act, reason=reason, sent_ns=part.sent_ns, at_ns=now_ns, result=result)
