"""The PLC simulator: a line controller that follows the PLC rule, or breaks it in a named way, over any link."""

import logging
import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.core import wire
from edge.core.types import Trigger
from edge.line import plc_misbehave, plc_rules
from edge.line.link import Link, LinkEvents, Message
from edge.line.mqtt import MqttLink
from edge.line.plc_misbehave import Misbehaviour
from edge.line.plc_report import Actuation, PlcSummary
from edge.line.settings import MQTT311_ONLY, LinkSettings

LOGGER: Final = logging.getLogger(__name__)

SUBSCRIPTIONS: Final = (wire.RESULT, wire.HEARTBEAT)
SCAN_S: Final = 0.02
UNSENT_ACKS: Final = 1000
NS: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlcSettings:
    """What the simulated PLC does.

    Attributes:
        rate: parts per second; 0: the next part as soon as the one before is done.
        parts: how many parts; None: until told to stop.
        deadline_ms: ``dl_ms`` of the triggers; 0: the recipe's own deadline.
        timer_ms: the PLC's own timer; longer than the station's deadline by the way there and back.
        recipe: the recipe of all parts.
        outstanding: how many parts may wait for their results at once.
        test_line: accept results with ``sim`` 1; only where parts go nowhere.
        part_prefix: part names are this and the part's count, six digits.
        misbehave: how to break the rules.
    """

    rate: float = 0.0
    parts: int | None = None
    deadline_ms: int = 0
    timer_ms: int = 1000
    recipe: int = 0
    outstanding: int = 1
    test_line: bool = False
    part_prefix: str = "P"
    misbehave: frozenset[Misbehaviour] = frozenset()


def plc_link_settings(site: str, line: str, station: str, broker: str) -> LinkSettings:
    """Return the settings of the simulator's own MQTT 3.1.1 link, without encryption.

    Raises:
        ValueError: a name does not match ``[a-z0-9-]{1,12}``.
    """
    return LinkSettings(
        broker=broker,
        base_topic=wire.base_topic(site, line, station),
        client_id=f"plc-{site}-{line}-{station}",
        subscriptions=SUBSCRIPTIONS,
        protocols=MQTT311_ONLY,
    )


class PlcSimulator:
    """A simulated PLC. ``run`` blocks until its parts are done or it is told to stop, and may be called once."""

    def __init__(
        self,
        settings: PlcSettings,
        link: LinkSettings | Callable[[LinkEvents], Link],
        on_actuation: Callable[[Actuation], None] = lambda _done: None,
    ) -> None:
        """Prepare a PLC.

        Args:
            settings: what it does.
            link: where its broker is (see :func:`plc_link_settings`), or what makes a link with its subscriptions.
            on_actuation: called with each part's outcome, in the thread of ``run``.

        Raises:
            LinkError: the link's settings cannot work.
        """
        self._settings = settings
        self._rules = plc_rules.Rules(
            timer_ns=settings.timer_ms * NS_PER_MS,
            test_line=settings.test_line,
            accept_anything=Misbehaviour.ACCEPT_ANYTHING in settings.misbehave,
        )
        self._state = plc_rules.State(session=_new_session())
        self._on_actuation = on_actuation
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._acks: deque[bytes] = deque(maxlen=UNSENT_ACKS)
        self._tick_origin_ms = secrets.randbelow(wire.MAX_U32)
        self._sent = 0
        self._trig = 0
        self._next_ns = 0
        self._awaiting_ready = True
        self._leaving = False
        self.summary = PlcSummary()
        events = LinkEvents(
            message=self._inbox.put,
            connected=lambda: None,
            disconnected=self._disconnected,
            published=lambda _token, _reason: None,
        )
        self._link: Link = MqttLink(link, events) if isinstance(link, LinkSettings) else link(events)

    @property
    def session(self) -> int:
        """The session of the triggers that go out now."""
        return self._state.session

    def run(self, stop: threading.Event) -> PlcSummary:
        """Trigger parts, judge their results, acknowledge them; return the counts.

        Raises:
            LinkError: a certificate file has become unreadable.
        """
        self._link.open()
        try:
            while not stop.is_set() and not self._finished():
                self._scan()
            self._leave()
        finally:
            self._link.close()
        return self.summary

    def _finished(self) -> bool:
        return self.summary.parts == self._settings.parts and not (self._acks and self._link.connected)

    def _scan(self) -> None:
        """One cycle: inputs, timers, acknowledgements that could not be sent, triggers."""
        try:
            message = self._inbox.get(timeout=self._pause_s())
        except queue.Empty:
            pass
        else:
            self._take(message)
        self._apply(plc_rules.Elapsed(now_ns=time.monotonic_ns()))
        while self._acks and self._link.publish(wire.ACK, self._acks[0], qos=1):
            self._acks.popleft()
        for _ in range(self._due()):
            self._trigger()

    def _pause_s(self) -> float:
        until_next = (self._next_ns - time.monotonic_ns()) / NS
        return min(SCAN_S, until_next) if until_next > 0 else SCAN_S

    def _take(self, message: Message) -> None:
        if message.retained:
            return  # an old word, whatever it says
        now_ns = time.monotonic_ns()
        try:
            if message.topic == wire.HEARTBEAT:
                self._apply(plc_rules.Beat(now_ns=now_ns, heartbeat=wire.parse_heartbeat(message.payload)))
            elif message.topic == wire.RESULT:
                self._apply(plc_rules.Answer(now_ns=now_ns, result=wire.parse_result(message.payload)))
        except wire.WireError as error:
            LOGGER.warning("the station sent an unreadable %s: %s", message.topic, error)

    def _apply(self, event: plc_rules.Input) -> None:
        self._state, outputs = plc_rules.step(self._rules, self._state, event)
        for output in outputs:
            match output:
                case plc_rules.Actuated():
                    self._actuate(output)
                case plc_rules.FaultChanged():
                    self.summary.faults += output.fault
                case plc_rules.Ignored():
                    self.summary.ignored += 1

    def _actuate(self, done: plc_rules.Actuated) -> None:
        ack = done.ack()
        actuation = Actuation(
            session=ack.session,
            epoch=ack.epoch,
            seq=ack.seq,
            trig=ack.trig,
            part=done.trigger.part,
            decision=None if done.result is None else done.result.dec,
            code=None if done.result is None else done.result.code,
            act=done.act,
            reason=done.reason.value,
            latency_ms=(done.at_ns - done.sent_ns) / NS_PER_MS,
        )
        self.summary.count(actuation)
        forgotten = done.reason is plc_rules.Reason.REBOOTED
        if not forgotten and Misbehaviour.NO_ACK not in self._settings.misbehave:
            self._acks.append(wire.encode_ack(ack))
        self._on_actuation(actuation)

    def _due(self) -> int:
        """Return how many parts are in front of the camera now."""
        left = None if self._settings.parts is None else self._settings.parts - self._sent
        if left == 0 or time.monotonic_ns() < self._next_ns:
            return 0
        if self._awaiting_ready and not (self._link.connected and plc_rules.may_trigger(self._state)):
            return 0
        if plc_misbehave.strikes(self._settings.misbehave, Misbehaviour.BURST, self._sent + 1):
            return plc_misbehave.BURST if left is None else min(plc_misbehave.BURST, left)
        return int(len(self._state.outstanding) < self._settings.outstanding)

    def _trigger(self) -> None:
        self._awaiting_ready = False
        self._sent += 1
        now_ns = time.monotonic_ns()
        if self._settings.rate:
            self._next_ns = max(self._next_ns, now_ns - NS) + int(NS / self._settings.rate)
        kinds = self._settings.misbehave
        self._trig = plc_misbehave.next_number(kinds, self._trig, self._sent)
        wrong_recipe = plc_misbehave.strikes(kinds, Misbehaviour.WRONG_RECIPE, self._sent)
        trigger = Trigger(
            session=self._state.session,
            epoch=0 if self._state.beat is None else self._state.beat.epoch,
            trig=self._trig,
            tick=(self._tick_origin_ms + now_ns // NS_PER_MS) % wire.MAX_U32 + 1,
            part=f"{self._settings.part_prefix}{self._sent:06d}",
            recipe=plc_misbehave.UNKNOWN_RECIPE if wrong_recipe else self._settings.recipe,
            deadline_ms=self._settings.deadline_ms,
        )
        self._apply(plc_rules.Triggered(now_ns=now_ns, trigger=trigger))
        for payload in plc_misbehave.payloads(kinds, trigger, self._sent):
            self._link.publish(wire.TRIGGER, payload.data, qos=1, retain=payload.retain)
        if plc_misbehave.strikes(kinds, Misbehaviour.REBOOT, self._sent):
            self._apply(plc_rules.Rebooted(now_ns=now_ns, session=_new_session()))
            self._awaiting_ready, self._trig = True, 0

    def _disconnected(self, reason: str) -> None:
        if not self._leaving:
            LOGGER.warning("the PLC lost its broker: %s", reason)

    def _leave(self) -> None:
        self._leaving = True
        if Misbehaviour.RETAINED in self._settings.misbehave:
            self._link.publish(wire.TRIGGER, b"", qos=1, retain=True)


def _new_session() -> int:
    return secrets.randbelow(wire.MAX_U32) + 1
