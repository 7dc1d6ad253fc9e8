"""Which triggers a station takes on, as pure functions of values: sessions, duplicates, gaps (docs/line-contract.md).

Within a session every trigger number from ``base``, the first one seen, up to ``highest`` is accounted for, by a
verdict or a loss; so two numbers per session tell a duplicate from a new part, however long the session runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from edge.core.codes import Code
from edge.core.types import Ack, Act, Trigger

MAX_SINGLE_LOSSES: Final = 1000
MAX_SESSIONS: Final = 64
MAX_FOLLOWED: Final = 10_000
"""Of so many older sessions it is still known that they were followed by others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session of the PLC: its number, the triggers accounted for, and whether it may still trigger."""

    number: int
    base: int
    highest: int
    superseded: bool = False

    def accounts_for(self, trig: int) -> bool:
        """Return whether this number has had its verdict or loss."""
        return self.base <= trig <= self.highest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """All that admission remembers, bounded in length.

    ``known`` is in the order of first use, the newest last; ``followed`` are the numbers of superseded sessions that no
    longer stand there, the oldest first.
    """

    epoch: int
    current: int | None = None
    known: tuple[Session, ...] = ()
    followed: tuple[int, ...] = ()

    @classmethod
    def resume(cls, epoch: int, highest: Iterable[tuple[int, int]]) -> "Sessions":
        """Start an epoch from the ledger's (session, highest trigger) pairs, oldest first; the last one goes on.

        Whatever is below the highest counts as accounted for.
        """
        pairs = list(highest)
        last = pairs[-1][0] if pairs else None
        known = tuple(
            Session(number=number, base=1, highest=trig, superseded=number != last)
            for number, trig in pairs[-MAX_SESSIONS:]
        )
        followed = tuple(number for number, _ in pairs[:-MAX_SESSIONS])[-MAX_FOLLOWED:]
        return cls(epoch=epoch, current=last, known=known, followed=followed)

    def find(self, number: int) -> Session | None:
        """Return the session of this number, None if it is not known."""
        return next((session for session in self.known if session.number == number), None)

    def superseded(self, number: int) -> bool:
        """Return whether this session was followed by a newer one."""
        session = self.find(number)
        return number in self.followed if session is None else session.superseded

    def updated(self, session: Session) -> "Sessions":
        """Return the sessions with this one put in place of its namesake, or added as the newest."""
        if self.find(session.number):
            known = tuple(session if old.number == session.number else old for old in self.known)
            return replace(self, known=known)
        known, followed = (*self.known, session), self.followed
        if len(known) > MAX_SESSIONS:
            oldest = next(old for old in known if old.number != self.current)
            known = tuple(old for old in known if old is not oldest)
            if oldest.superseded and oldest.number not in followed:
                followed = (*followed, oldest.number)[-MAX_FOLLOWED:]
        return replace(self, known=known, followed=followed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Trigger numbers ``first`` to ``last`` of a session, both included, of which the station never saw a part."""

    session: int
    first: int
    last: int
    code: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The trigger is taken on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The trigger is accounted for already: counted, never imaged or answered again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The trigger is refused: never imaged, no result, but recorded."""

    code: Code
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The outcome for one trigger or ack: what to do with it, what was lost before it, and the state after it."""

    sessions: Sessions
    outcome: Admitted | Duplicate | Rejected
    lost: tuple[Lost, ...] = ()


def admit(sessions: Sessions, trigger: Trigger, *, retained: bool) -> Admission:
    """Decide about one trigger of the PLC."""
    if retained:
        detail = "the broker kept this trigger: publish triggers without retain"
        return _refuse(sessions, trigger, Code.RETAINED, detail)
    if trigger.epoch != sessions.epoch:
        detail = f"trigger of epoch {trigger.epoch}, the station's is {sessions.epoch}: copy it from the last heartbeat"
        return _refuse(sessions, trigger, Code.FOREIGN_EPOCH, detail)
    if sessions.superseded(trigger.session):
        detail = f"session {trigger.session} was followed by a newer one"
        return _refuse(sessions, trigger, Code.SUPERSEDED_SESSION, detail)
    session = sessions.find(trigger.session)
    if session and trigger.trig <= session.highest:
        # One from before the base was skipped when the base came: its part has moved on.
        after, lost = _account_for(sessions, trigger.session, trigger.trig, Code.GAP)
        return Admission(sessions=after, outcome=Duplicate(), lost=lost)
    lost = _gap(session.number, session.highest + 1, trigger.trig - 1) if session else ()
    base = session.base if session else trigger.trig
    after = _supersede(sessions, trigger.session)
    after = after.updated(Session(number=trigger.session, base=base, highest=trigger.trig))
    return Admission(sessions=after, outcome=Admitted(), lost=lost)


def account_for_ack(sessions: Sessions, ack: Ack) -> Admission:
    """Find what an ack reveals: a timed-out trigger that the station never saw is lost, with any gap beside it."""
    if ack.act is not Act.TIMED_OUT:
        return Admission(sessions=sessions, outcome=Duplicate())
    after, lost = _account_for(sessions, ack.session, ack.trig, Code.TIMED_OUT_AT_PLC)
    return Admission(sessions=after, outcome=Duplicate(), lost=lost)


def _refuse(sessions: Sessions, trigger: Trigger, code: Code, detail: str) -> Admission:
    """Refuse a trigger; unless its number is accounted for already, it is a loss, found now and not again by a gap."""
    after, lost = _account_for(sessions, trigger.session, trigger.trig, code)
    return Admission(sessions=after, outcome=Rejected(code=code, detail=detail), lost=lost)


def _account_for(sessions: Sessions, number: int, trig: int, code: Code) -> tuple[Sessions, tuple[Lost, ...]]:
    """Write a number off, with the gap between it and what is accounted for; nothing where it is that itself."""
    session = sessions.find(number)
    lost = Lost(session=number, first=trig, last=trig, code=code)
    if session is None:
        superseded = sessions.superseded(number)
        return sessions.updated(Session(number=number, base=trig, highest=trig, superseded=superseded)), (lost,)
    if session.accounts_for(trig):
        return sessions, ()
    if trig < session.base:
        return sessions.updated(replace(session, base=trig)), (lost, *_gap(number, trig + 1, session.base - 1))
    if trig - session.highest > MAX_SINGLE_LOSSES:
        # Nothing was taken on with this number, so it is not trusted to end a session by a leap.
        return sessions, (lost,)
    return sessions.updated(replace(session, highest=trig)), (*_gap(number, session.highest + 1, trig - 1), lost)


def _supersede(sessions: Sessions, number: int) -> Sessions:
    if sessions.current == number:
        return sessions
    known = tuple(
        replace(session, superseded=session.number == sessions.current or session.superseded)
        for session in sessions.known
    )
    return replace(sessions, current=number, known=known)


def _gap(number: int, first: int, last: int) -> tuple[Lost, ...]:
    if first > last:
        return ()
    if last - first + 1 > MAX_SINGLE_LOSSES:
        return (Lost(session=number, first=first, last=last, code=Code.GAP),)
    return tuple(Lost(session=number, first=trig, last=trig, code=Code.GAP) for trig in range(first, last + 1))
