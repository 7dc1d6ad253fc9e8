"""Whatever arrives on the command topics: nothing is raised, and only what the contract says becomes a part."""

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edge.core import wire
from edge.core.admission import Sessions
from edge.core.codes import Code
from edge.core.events import PlcAcked, Received, Refused, Truth, UnearnedAccept
from edge.inspector import clock
from edge.inspector.ack_audit import AckAudit
from edge.inspector.alarms import Alarms
from edge.inspector.reception import Reception
from edge.ledger import Ticket
from edge.line.link import Message

TOPICS = ("trigger", "ack", "truth")
KEYS = ("sess", "epoch", "seq", "trig", "tick", "part", "recipe", "dl_ms", "act", "truth", "source")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 5),
    st.integers(),
    st.floats(),
    st.sampled_from(["P1", "accept", "reject", "", "x" * 50, "ä", "\n"]),
    st.text(max_size=30),
    st.lists(st.integers(), max_size=3),
)
PAYLOADS = st.one_of(
    st.binary(max_size=1200),
    st.dictionaries(st.sampled_from(KEYS), VALUES).map(lambda fields: json.dumps(fields).encode()),
    st.fixed_dictionaries(dict.fromkeys(KEYS, VALUES)).map(lambda fields: json.dumps(fields).encode()),
)


class Book:
    """Stands for the ledger, and takes everything."""

    waiting = 0

    def __init__(self) -> None:
        self.events = []

    def append(self, *events, owed=False):
        self.events += events
        return Ticket()


class World:
    def __init__(self) -> None:
        self.book = Book()
        self.alarms = Alarms(clock.now())
        self.answered, self.watched = [], []
        self.reception = Reception(
            sessions=Sessions(epoch=3),
            auto_trig=0,
            recipes={},
            slack_ms=50,
            ledger=self.book,
            alarms=self.alarms,
            ready=lambda: True,
            watch=self.watched.append,
            answer_now=self.answered.append,
            audit=AckAudit(self.alarms, None, clock.now()),
            found=lambda _truth: None,
        )

    def take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        message = Message(topic=f"cmd/{topic}", payload=payload, retained=retained, received_ns=clock.now().mono_ns)
        getattr(self.reception, topic)(message)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(TOPICS), PAYLOADS, st.booleans()), max_size=8))
@example([("truth", b'{"part":"P1","truth":["accept"],"source":"x"}', False)])
@example([("ack", b'{"sess":1,"epoch":1e3,"seq":1,"trig":1,"act":1}', False)])
def test_no_bytes_raise_and_none_but_a_readable_trigger_becomes_a_part(said):
    world, readable = World(), 0
    for topic, payload, retained in said:
        if topic == "trigger" and not retained:
            with suppress(wire.WireError):
                readable += wire.parse_trigger(payload).epoch == 3
        world.take(topic, payload, retained=retained)
    parts = [event for event in world.book.events if isinstance(event, Received)]
    assert len(parts) == len(world.answered) <= readable, "recipes are unknown here: nothing is watched, none imaged"
    assert world.watched == []
    known = (Received, PlcAcked, Truth, Refused, UnearnedAccept)
    assert all(isinstance(event, known) or type(event).__name__ == "Loss" for event in world.book.events)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("trigger", b'{"sess":1,"epoch":3,"trig":1,"tick":0,"part":"P","recipe":0,"dl_ms":0}'),
        ("ack", b'{"sess":1,"epoch":3,"seq":1,"trig":1,"act":1}'),
        ("truth", b'{"part":"P","truth":"accept","source":"x"}'),
    ],
)
def test_no_command_is_taken_that_the_broker_had_kept(topic, payload):
    world = World()
    world.take(topic, payload, retained=True)
    (refused,) = [event for event in world.book.events if isinstance(event, Refused)]
    assert refused.code is Code.RETAINED
    assert not [event for event in world.book.events if isinstance(event, Received | PlcAcked | Truth)]
