"""Who saw it: PLC simulators whose every message and movement is written down, and a listener beside them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from edge.core import wire
from edge.core.types import Act, Decision
from edge.line.link import Link, LinkEvents, Message
from edge.line.mqtt import MqttLink
from edge.line.plc import PlcSettings, PlcSimulator
from edge.line.plc_report import Actuation
from edge.line.settings import LinkSettings
from tests.support.books import Actuated, BeatHeard, ResultHeard, Seen, TriggerSent
from tests.support.waiting import wait_until

BESIDE: Final = "beside"
RESULTS: Final = (wire.RESULT, wire.AUTO, wire.HISTORY)


class Witness:
    """The list, in the order in which each party saw things; may be written from any thread.

    ``triggers`` counts those handed to a link, ``answers`` the live results heard beside the PLCs; ``ready`` is what
    the last heartbeat heard there said.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.acts: dict[Act, int] = dict.fromkeys(Act, 0)
        self.triggers = 0
        self.answers = 0
        self.ready = False
        self._lock = threading.Lock()

    def note(self, seen: Seen) -> None:
        """Write one thing down."""
        with self._lock:
            self.seen.append(seen)
            match seen:
                case Actuated():
                    self.acts[seen.act] += 1
                case TriggerSent():
                    self.triggers += 1
                case ResultHeard(listener="beside", topic=wire.RESULT):
                    self.answers += 1
                case BeatHeard(plc="beside"):
                    self.ready = seen.ready

    @property
    def accepted(self) -> int:
        """How often a gate opened."""
        return self.acts[Act.ACCEPTED]

    @property
    def parts(self) -> int:
        """How many parts are done."""
        return sum(self.acts.values())

    def results(self, topic: str = wire.RESULT) -> list[wire.Result]:
        """Return what the listener beside the PLCs heard."""
        return [
            seen.result
            for seen in list(self.seen)
            if isinstance(seen, ResultHeard) and seen.listener == BESIDE and seen.topic == topic
        ]

    def heard(self, listener: str, message: Message) -> None:
        """Write down a message that arrived, where it is one that counts."""
        with suppress(wire.WireError):
            if message.topic in RESULTS:
                result = wire.parse_result(message.payload)
                retained = message.retained
                self.note(ResultHeard(listener=listener, topic=message.topic, retained=retained, result=result))
            elif message.topic == wire.HEARTBEAT and not message.retained:
                beat = wire.parse_heartbeat(message.payload)
                self.note(BeatHeard(plc=listener, epoch=beat.epoch, ready=beat.ready))


class WitnessedLink:
    """A PLC's link whose triggers and messages are written down; ``before`` is called before anything is published."""

    def __init__(
        self, settings: LinkSettings, events: LinkEvents, witness: Witness, before: Callable[[str], None]
    ) -> None:
        self._witness = witness
        self._before = before
        self._name = settings.client_id
        self._message = events.message
        self._link: Link = MqttLink(settings, replace(events, message=self._receive))

    @property
    def connected(self) -> bool:
        """As the link's."""
        return self._link.connected

    def open(self) -> None:
        """As the link's."""
        self._link.open()

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False, token: object = None) -> bool:
        """Publish, and write down a trigger that can be read."""
        self._before(topic)
        if topic != wire.TRIGGER:
            return self._link.publish(topic, payload, qos=qos, retain=retain, token=token)
        # Written down first: its result may be heard before publish() returns.
        with suppress(wire.WireError):
            trigger = wire.parse_trigger(payload)
            self._witness.note(TriggerSent(trigger=trigger, published=self._link.connected))
        return self._link.publish(topic, payload, qos=qos, retain=retain, token=token)

    def close(self, farewell: tuple[str, bytes] | None = None) -> None:
        """As the link's."""
        self._link.close(farewell)

    def _receive(self, message: Message) -> None:
        self._witness.heard(self._name, message)
        self._message(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a test does at a certain point: before a PLC publishes (topic), and when a part is done."""

    before: Callable[[str], None] = lambda _topic: None
    done: Callable[[Actuation], None] = lambda _done: None


def witnessed_plc(
    settings: PlcSettings, link: LinkSettings, witness: Witness, hooks: Hooks | None = None
) -> PlcSimulator:
    """Return a PLC simulator that writes down what it sends, hears and does."""
    hooks = hooks or Hooks()

    def actuated(done: Actuation) -> None:
        witness.note(
            Actuated(
                plc=link.client_id,
                session=done.session,
                trig=done.trig,
                part=done.part,
                epoch=done.epoch,
                seq=done.seq,
                act=done.act,
                latency_ms=done.latency_ms,
                timer_ms=settings.timer_ms,
            )
        )
        hooks.done(done)

    return PlcSimulator(settings, lambda events: WitnessedLink(link, events, witness, hooks.before), actuated)


@contextmanager
def listening_beside(link: LinkSettings, witness: Witness) -> Iterator[MqttLink]:
    """Listen to results and heartbeats on a connection of one's own, straight at the broker."""
    listener = MqttLink(
        replace(link, client_id=BESIDE, subscriptions=(*RESULTS, wire.HEARTBEAT)),
        LinkEvents(
            message=lambda message: witness.heard(BESIDE, message),
            connected=lambda: None,
            disconnected=lambda _reason: None,
            published=lambda _token, _reason: None,
        ),
    )
    listener.open()
    try:
        wait_until(lambda: listener.connected, timeout=20, what="the listener beside the PLC")
        yield listener
    finally:
        listener.close()


def decisions(results: list[wire.Result]) -> dict[Decision, int]:
    """Count results by decision."""
    return {decision: sum(result.dec is decision for result in results) for decision in Decision}
