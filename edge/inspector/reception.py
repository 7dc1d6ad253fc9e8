"""What arrives from the line: triggers taken on or refused, acks recorded, gaps turned into losses.

Runs in the link's network thread; nothing here waits for disk, camera or model.
"""

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from edge.core import wire
from edge.core.admission import Admitted, Duplicate, Lost, Rejected, Sessions, account_for_ack, admit
from edge.core.codes import MISSED, Code
from edge.core.events import Event, Instant, Loss, PartKey, PlcAcked, Refused, Truth
from edge.core.lateness import TickClock
from edge.core.types import Act, Trigger
from edge.inspector import clock
from edge.inspector.ack_audit import AckAudit
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.part import Order, Origin, Part
from edge.inspector.recipes import Recipes
from edge.ledger import Ledger, LedgerError, Ticket
from edge.line.link import Message

QUEUE_PARTS: Final = 32
"""Parts that wait for the loop at most; one more is answered cannot-judge (busy) at once."""

DEFAULT_DEADLINE_MS: Final = 400
"""For a trigger whose recipe is unknown and which names no deadline."""

TRUTH_BACKLOG: Final = 1_000
"""With so many events waiting for the disk no more truths are taken: the parts on the line come first."""

_LOG: Final = logging.getLogger(__name__)


class Reception:
    """Takes triggers and acks. ``watch`` hands a part to the deadline guard, ``answer_now`` without a wait.

    ``ready`` says whether the station may judge; a part that comes all the same is answered cannot-judge. ``found`` is
    given what a later inspection found, once it is on its way to the record.
    """

    def __init__(
        self,
        *,
        sessions: Sessions,
        auto_trig: int,
        recipes: Recipes,
        slack_ms: int,
        ledger: Ledger,
        alarms: Alarms,
        ready: Callable[[], bool],
        watch: Callable[[Part], None],
        answer_now: Callable[[Part], None],
        audit: AckAudit,
        found: Callable[[Truth], None],
    ) -> None:
        self._sessions = sessions
        self._auto_trig = auto_trig
        self._auto_recorded = auto_trig
        self._seq = 0
        self._recipes = recipes
        self._slack_ms = slack_ms
        self._ledger = ledger
        self._alarms = alarms
        self._ready = ready
        self._watch = watch
        self._answer_now = answer_now
        self._audit = audit
        self._found = found
        self._ticks = TickClock()
        self._lock = threading.Lock()
        self._closed = False
        self.parts: queue.Queue[Part] = queue.Queue(QUEUE_PARTS)
        self._previous: Part | None = None
        self.counts: Counter[str] = Counter(
            received=0, duplicate=0, refused=0, lost=0, missed=0, early=0, late=0, disturbed=0, unrecorded=0
        )
        self.counts.update(truth=0, truth_refused=0)

    def close(self) -> None:
        """Take on no more: a later trigger is answered cannot-judge (stopping)."""
        with self._lock:
            self._closed = True
            self._record_own([], None, clock.now())

    def trigger(self, message: Message) -> None:
        """Handle ``cmd/trigger``."""
        received = clock.at(message.received_ns)
        with self._lock:
            try:
                trigger = wire.parse_trigger(message.payload)
            except wire.WireError as error:
                self._refuse(None, error.code, str(error), received, [])
                return
            admission = admit(self._sessions, trigger, retained=message.retained)
            losses = self._losses(admission.lost, received)
            match admission.outcome:
                case Admitted():
                    excess_ms = self._excess_ms(trigger, message.received_ns)
                    part = self._part(trigger, "plc", received, excess_ms)
                    taken = self._record([*losses, part.order.receipt()], received) is not None
                    if taken:
                        self._hand_over(part)
                case Rejected(code=code, detail=detail):
                    taken = self._refuse(trigger, code, detail, received, losses)
                case Duplicate():
                    self.counts["duplicate"] += not losses
                    taken = not losses or self._record(losses, received) is not None
            # What could not be recorded stays unaccounted for: the next trigger's gap reveals it as a loss.
            if taken:
                self._sessions = admission.sessions

    def ack(self, message: Message) -> None:
        """Handle ``cmd/ack``."""
        received = clock.at(message.received_ns)
        with self._lock:
            try:
                ack = wire.parse_ack(message.payload)
            except wire.WireError as error:
                self._refuse(None, error.code, f"ack: {error}", received, [])
                return
            if message.retained:
                self._refuse(None, Code.RETAINED, "ack: the broker kept it: publish acks without retain", received, [])
                return
            admission = account_for_ack(self._sessions, ack)
            key = PartKey(session=ack.session, trig=ack.trig, epoch=ack.epoch, seq=ack.seq)
            events = [*self._losses(admission.lost, received), PlcAcked(key=key, act=ack.act, at=received)]
            ticket = self._record(events, received)
            if ticket is None:
                return
            self._sessions = admission.sessions
            if ack.act is Act.ACCEPTED:
                self._audit.follow(key, ticket)

    def truth(self, message: Message) -> None:
        """Handle ``cmd/truth``: what a later inspection found goes on record, for statistics alone."""
        received = clock.at(message.received_ns)
        with self._lock:
            try:
                report = wire.parse_truth(message.payload)
            except wire.WireError as error:
                self._refuse_truth(error.code, str(error), received)
                return
            if message.retained:
                self._refuse_truth(Code.RETAINED, "the broker kept it: publish truths without retain", received)
                return
            if self._ledger.waiting > TRUTH_BACKLOG:
                self.counts["truth_refused"] += 1
                text = f"{self._ledger.waiting} events wait for the disk: truths are not taken until they are written"
                self._alarms.set(Alarm.TRUTH, received, text, value=self.counts["truth_refused"])
                return
            truth = Truth(
                epoch=self._sessions.epoch, part=report.part, truth=report.truth, source=report.source, at=received
            )
            if self._record([truth], received) is not None:
                self.counts["truth"] += 1
                self._found(truth)

    def own_trigger(self, recipe: int, origin: Origin) -> None:
        """Take on a part that the station itself triggers (timer, presence); its session is 0."""
        with self._lock:
            self._auto_trig += 1
            trigger = Trigger(
                session=0,
                epoch=self._sessions.epoch,
                trig=self._auto_trig,
                tick=0,
                part="",
                recipe=recipe,
                deadline_ms=0,
            )
            received = clock.now()
            part = self._part(trigger, origin, received, 0)
            if self._record_own([part.order.receipt()], recipe, received):
                self._hand_over(part)

    def own_loss(self, recipe: int, code: Code) -> None:
        """Record a part that the station itself should have triggered and could not."""
        with self._lock:
            self._auto_trig += 1
            at, trig = clock.now(), self._auto_trig
            loss = Loss(epoch=self._sessions.epoch, session=0, trig=trig, code=code, at=at, recipe=recipe)
            self._record_own([loss], recipe, at)

    def disturbed(self) -> None:
        """Count what came into view and was no part."""
        self.counts["disturbed"] += 1

    def _excess_ms(self, trigger: Trigger, received_ns: int) -> int:
        return self._ticks.excess_ms(trigger.session, trigger.tick, received_ns // clock.NS_PER_MS)

    def _part(self, trigger: Trigger, origin: Origin, received: Instant, excess_ms: int) -> Part:
        recipe = self._recipes.get(trigger.recipe)
        deadline_ms = trigger.deadline_ms or (recipe.deadline_ms if recipe else DEFAULT_DEADLINE_MS)
        return Part(
            Order(
                key=PartKey(session=trigger.session, trig=trigger.trig, epoch=trigger.epoch, seq=self._seq + 1),
                trigger=trigger,
                origin=origin,
                received=received,
                deadline_ms=deadline_ms,
                recipe=recipe,
                refusal=self._refusal(known=recipe is not None, excess_ms=excess_ms),
            )
        )

    def _hand_over(self, part: Part) -> None:
        self.counts["received"] += 1
        self._seq += 1
        if part.order.refusal:
            self._answer_now(part)
            return
        self.counts["early"] += self._previous is not None and self._previous.waiting
        self._previous = part
        try:
            self.parts.put_nowait(part)
        except queue.Full:
            self._answer_now(part)
        else:
            self._watch(part)

    def _refusal(self, *, known: bool, excess_ms: int) -> Code:
        """Return why a part that is taken on must not be imaged, or ``Code.NONE``."""
        if self._closed:
            return Code.STOPPING
        if not known:
            return Code.RECIPE_UNKNOWN
        if excess_ms > self._slack_ms:
            self.counts["late"] += 1
            return Code.LATE_TRIGGER
        return Code.NONE if self._ready() else Code.NOT_READY

    def _losses(self, lost: Iterable[Lost], at: Instant) -> list[Event]:
        return [
            Loss(
                epoch=self._sessions.epoch,
                session=run.session,
                trig=run.last,
                trig_first=None if run.first == run.last else run.first,
                code=run.code,
                at=at,
            )
            for run in lost
        ]

    def _refuse(self, trigger: Trigger | None, code: Code, detail: str, at: Instant, losses: list[Event]) -> bool:
        self.counts["refused"] += 1
        session, trig = (trigger.session, trigger.trig) if trigger else (None, None)
        self._alarms.set(Alarm.TRIGGER, at, f"refused: {detail}", value=self.counts["refused"])
        epoch = self._sessions.epoch
        refused = Refused(epoch=epoch, session=session, trig=trig, code=code, detail=detail[:200], at=at)
        return self._record([*losses, refused], at) is not None

    def _refuse_truth(self, code: Code, detail: str, at: Instant) -> None:
        self.counts["truth_refused"] += 1
        self._alarms.set(Alarm.TRUTH, at, f"refused: {detail}", value=self.counts["truth_refused"])
        epoch = self._sessions.epoch
        refused = Refused(epoch=epoch, session=None, trig=None, code=code, detail=f"truth: {detail}"[:200], at=at)
        self._record([refused], at)

    def _record_own(self, events: list[Event], recipe: int | None, at: Instant) -> bool:
        """Record the newest own trigger's event, if any, after one loss for those before that the ledger did not take.

        No PLC counts these: nothing else would ever reveal that they were there.
        """
        first, last = self._auto_recorded + 1, self._auto_trig - len(events)
        if first <= last:
            loss = Loss(
                epoch=self._sessions.epoch,
                session=0,
                trig=last,
                trig_first=None if first == last else first,
                code=Code.STORE_FAILED,
                at=at,
                recipe=recipe,
            )
            events = [loss, *events]
        if events and self._record(events, at) is None:
            return False
        self._auto_recorded = self._auto_trig
        return True

    def _record(self, events: list[Event], at: Instant) -> Ticket | None:
        """Queue events for the ledger and return their ticket; None, and an alarm, where it takes no more."""
        try:
            ticket = self._ledger.append(*events)
        except LedgerError as error:
            self.counts["unrecorded"] += 1
            self._alarms.set(Alarm.LEDGER, at, str(error), value=self.counts["unrecorded"])
            _LOG.error("not taken on: %s", error)
            return None
        losses = [event for event in events if isinstance(event, Loss)]
        self.counts["lost"] += len(losses)
        self.counts["missed"] += sum(_numbers(loss) for loss in losses if loss.code in MISSED)
        return ticket


def _numbers(loss: Loss) -> int:
    """Return how many triggers a loss stands for."""
    return 1 if loss.trig_first is None else loss.trig - loss.trig_first + 1
