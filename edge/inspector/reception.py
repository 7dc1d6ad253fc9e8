"""What arrives from the line: triggers taken on or refused, acks recorded, gaps turned into losses.

Runs in the link's network thread; nothing here waits for disk, camera or model.
"""

import itertools
import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from edge.core import wire
from edge.core.admission import Admission, Admitted, Duplicate, Lost, Rejected, Sessions, account_for_ack, admit
from edge.core.codes import Code
from edge.core.events import Event, Instant, Loss, PartKey, PlcAcked, Received, Refused
from edge.core.lateness import TickClock
from edge.core.types import Trigger
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.part import Order, Origin, Part
from edge.inspector.recipes import Recipes
from edge.ledger import Ledger
from edge.line.link import Message

QUEUE_PARTS: Final = 32
"""Parts that wait for the loop at most; one more is answered cannot-judge (busy) at once."""

DEFAULT_DEADLINE_MS: Final = 400
"""For a trigger whose recipe is unknown and which names no deadline."""

_LOG: Final = logging.getLogger(__name__)


class Reception:
    """Takes triggers and acks. ``watch`` hands a part to the deadline guard, ``answer_now`` without a wait."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        auto_trig: int,
        recipes: Recipes,
        slack_ms: int,
        ledger: Ledger,
        alarms: Alarms,
        watch: Callable[[Part], None],
        answer_now: Callable[[Part], None],
    ) -> None:
        self._sessions = sessions
        self._auto_trigs = itertools.count(auto_trig + 1)
        self._seqs = itertools.count(1)
        self._recipes = recipes
        self._slack_ms = slack_ms
        self._ledger = ledger
        self._alarms = alarms
        self._watch = watch
        self._answer_now = answer_now
        self._ticks = TickClock()
        self._lock = threading.Lock()
        self._closed = False
        self.parts: queue.Queue[Part] = queue.Queue(QUEUE_PARTS)
        self.counts: Counter[str] = Counter(received=0, duplicate=0, refused=0, lost=0, late=0)

    def close(self) -> None:
        """Take on no more: a later trigger is answered cannot-judge (stopping)."""
        with self._lock:
            self._closed = True

    def trigger(self, message: Message) -> None:
        """Handle ``cmd/trigger``."""
        received = clock.at(message.received_ns)
        with self._lock:
            try:
                trigger = wire.parse_trigger(message.payload)
            except wire.WireError as error:
                self._refuse(None, error.code, str(error), received)
                return
            admission = admit(self._sessions, trigger, retained=message.retained)
            self._settle(admission, trigger, received)
            if isinstance(admission.outcome, Admitted):
                excess_ms = self._ticks.excess_ms(trigger.session, trigger.tick, message.received_ns // clock.NS_PER_MS)
                self._take_on(trigger, "plc", received, excess_ms)

    def ack(self, message: Message) -> None:
        """Handle ``cmd/ack``."""
        received = clock.at(message.received_ns)
        with self._lock:
            try:
                ack = wire.parse_ack(message.payload)
            except wire.WireError as error:
                self._refuse(None, error.code, f"ack: {error}", received)
                return
            admission = account_for_ack(self._sessions, ack)
            self._sessions = admission.sessions
            self._record(self._losses(admission.lost, received))
            key = PartKey(session=ack.session, trig=ack.trig, epoch=ack.epoch, seq=ack.seq)
            self._record([PlcAcked(key=key, act=ack.act, at=received)])

    def own_trigger(self, recipe: int, origin: Origin) -> None:
        """Take on a part that the station itself triggers (timer, presence); its session is 0."""
        with self._lock:
            trigger = Trigger(
                session=0,
                epoch=self._sessions.epoch,
                trig=next(self._auto_trigs),
                tick=0,
                part="",
                recipe=recipe,
                deadline_ms=0,
            )
            self._take_on(trigger, origin, clock.now(), 0)

    def _settle(self, admission: Admission, trigger: Trigger, received: Instant) -> None:
        self._sessions = admission.sessions
        self._record(self._losses(admission.lost, received))
        if isinstance(admission.outcome, Duplicate):
            self.counts["duplicate"] += 1
        elif isinstance(admission.outcome, Rejected):
            self._refuse(trigger, admission.outcome.code, admission.outcome.detail, received)

    def _take_on(self, trigger: Trigger, origin: Origin, received: Instant, excess_ms: int) -> None:
        recipe = self._recipes.get(trigger.recipe)
        deadline_ms = trigger.deadline_ms or (recipe.deadline_ms if recipe else DEFAULT_DEADLINE_MS)
        key = PartKey(session=trigger.session, trig=trigger.trig, epoch=trigger.epoch, seq=next(self._seqs))
        order = Order(
            key=key,
            trigger=trigger,
            origin=origin,
            received=received,
            deadline_ns=received.mono_ns + deadline_ms * clock.NS_PER_MS,
            recipe=recipe,
            refusal=self._refusal(known=recipe is not None, excess_ms=excess_ms),
        )
        self.counts["received"] += 1
        part = Part(order)
        self._record(
            [
                Received(
                    key=key,
                    part=trigger.part,
                    recipe=trigger.recipe,
                    deadline_ms=deadline_ms,
                    at=received,
                    origin=origin,
                )
            ]
        )
        self._hand_over(part)

    def _hand_over(self, part: Part) -> None:
        if part.order.refusal:
            self._answer_now(part)
            return
        try:
            self.parts.put_nowait(part)
        except queue.Full:
            self._answer_now(part)
        else:
            self._watch(part)

    def _refusal(self, *, known: bool, excess_ms: int) -> Code:
        if self._closed:
            return Code.STOPPING
        if not known:
            return Code.RECIPE_UNKNOWN
        if excess_ms > self._slack_ms:
            self.counts["late"] += 1
            return Code.LATE_TRIGGER
        return Code.NONE

    def _losses(self, lost: Iterable[Lost], at: Instant) -> list[Event]:
        events: list[Event] = []
        for run in lost:
            self.counts["lost"] += run.last - run.first + 1
            first = None if run.first == run.last else run.first
            epoch = self._sessions.epoch
            events.append(Loss(epoch=epoch, session=run.session, trig=run.last, trig_first=first, code=run.code, at=at))
        return events

    def _refuse(self, trigger: Trigger | None, code: Code, detail: str, at: Instant) -> None:
        self.counts["refused"] += 1
        session, trig = (trigger.session, trigger.trig) if trigger else (None, None)
        self._record(
            [Refused(epoch=self._sessions.epoch, session=session, trig=trig, code=code, detail=detail[:200], at=at)]
        )
        self._alarms.set(Alarm.TRIGGER, at, f"refused: {detail}", value=self.counts["refused"])

    def _record(self, events: list[Event]) -> None:
        if events:
            self._ledger.append(*events)
