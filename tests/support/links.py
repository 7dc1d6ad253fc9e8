"""What a link told its owner, kept for a test to look at; and a small scripted station at the other end of a PLC."""

import threading
import time
from collections.abc import Callable
from typing import Self

from edge.core import wire
from edge.core.types import Ack, Decision, Trigger
from edge.line.link import Link, LinkEvents, Message

STATION_SUBSCRIPTIONS = (wire.TRIGGER, wire.ACK)


class Heard:
    """Collects every callback of a link."""

    def __init__(self, on_message: Callable[[Message], None] = lambda _message: None) -> None:
        self.messages: list[Message] = []
        self.connects = 0
        self.reasons: list[str] = []
        self.acknowledged: list[tuple[object, int]] = []
        self.sent: list[object] = []
        self.expired: list[object] = []
        self._on_message = on_message

    def events(self) -> LinkEvents:
        return LinkEvents(
            message=self._message,
            connected=self._connected,
            disconnected=self.reasons.append,
            published=lambda token, reason: self.acknowledged.append((token, reason)),
            sent=self.sent.append,
            expired=self.expired.append,
        )

    def on(self, topic: str) -> list[Message]:
        return [message for message in self.messages if message.topic == topic]

    def _message(self, message: Message) -> None:
        self.messages.append(message)
        self._on_message(message)

    def _connected(self) -> None:
        self.connects += 1


def result_for(trigger: Trigger, *, epoch: int, seq: int, dec: Decision = Decision.ACCEPT, sim: int = 0) -> wire.Result:
    return wire.Result(
        sess=trigger.session,
        epoch=epoch,
        seq=seq,
        trig=trigger.trig,
        part=trigger.part,
        dec=dec,
        code={Decision.ACCEPT: 0, Decision.REJECT: 1001, Decision.CANNOT_JUDGE: 303}[dec],
        score=10,
        n=0,
        recipe=trigger.recipe,
        model="0a1b2c3d",
        age_ms=5,
        t=1_700_000_000_000,
        sim=sim,
    )


class ScriptedStation:
    """Beats and answers every trigger of its own epoch as ``answer`` says (None: silence)."""

    def __init__(
        self,
        make_link: Callable[[LinkEvents], Link],
        answer: Callable[[Trigger, int, int], wire.Result | None],
        *,
        epoch: int = 7,
    ) -> None:
        self.epoch = epoch
        self.ready = True
        self.beating = True
        self.triggers: list[Trigger] = []
        self.acks: list[Ack] = []
        self.unreadable: list[wire.WireError] = []
        self._answer = answer
        self._seq = 0
        self._stop = threading.Event()
        self.heard = Heard(self._receive)
        self.link = make_link(self.heard.events())
        self._beat = threading.Thread(target=self._beats, daemon=True)

    def __enter__(self) -> Self:
        self.link.open()
        self._beat.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._beat.join()
        self.link.close()

    def _beats(self) -> None:
        count = 0
        while not self._stop.wait(0.1):
            count += 1
            beat = wire.Heartbeat(epoch=self.epoch, n=count, ready=self.ready, fault=0, recipe=0)
            if self.beating:
                self.link.publish(wire.HEARTBEAT, wire.encode_heartbeat(beat), qos=0)

    def _receive(self, message: Message) -> None:
        try:
            if message.topic == wire.ACK:
                self.acks.append(wire.parse_ack(message.payload))
                return
            trigger = wire.parse_trigger(message.payload)
        except wire.WireError as error:
            self.unreadable.append(error)
            return
        self.triggers.append(trigger)
        self._seq += 1
        result = self._answer(trigger, self.epoch, self._seq)
        if result is not None:
            self.link.publish(wire.RESULT, wire.encode_result(result), qos=1, token=time.monotonic_ns())
