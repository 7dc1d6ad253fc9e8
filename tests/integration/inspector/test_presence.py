"""The presence trigger in the whole inspector: a belt before the camera, a real broker, the ledger."""

from dataclasses import dataclass, replace

import pytest

from edge.core import wire
from edge.core.codes import Code
from edge.core.types import Decision
from edge.line.link import LinkEvents
from edge.line.mqtt import MqttLink
from edge.line.settings import LinkSettings
from tests.support.belts import (
    Belt,
    BeltCamera,
    Visit,
    belt_source,
    learn_the_empty_belt,
    part_picture,
    stop_over,
)
from tests.support.brokers import mosquitto_broker
from tests.support.stations import RunningStation
from tests.support.waiting import wait_until


@dataclass(eq=False)
class OnMosquitto(RunningStation):
    """A station and a witness on a real broker."""

    address: str = ""

    def __post_init__(self):
        super().__post_init__()
        settings = LinkSettings(
            broker=self.address,
            base_topic=wire.base_topic("s", "l", "st"),
            client_id="witness",
            subscriptions=(wire.RESULT, wire.AUTO, wire.HISTORY, wire.HEARTBEAT, wire.STATE),
        )
        events = LinkEvents(
            message=self.messages.append,
            connected=lambda: None,
            disconnected=lambda _reason: None,
            published=lambda _token, _reason: None,
        )
        self.witness = MqttLink(settings, events)

    def _link(self, settings, events):
        return MqttLink(replace(settings, broker=self.address), events)


@pytest.fixture
def broker(tmp_path):
    with mosquitto_broker(tmp_path) as running:
        yield running


def station_on(broker, store, camera):
    return OnMosquitto(store, sources={"top": belt_source(camera)}, trigger="presence", address=broker.address)


def test_parts_that_stand_are_judged_and_parts_that_pass_are_losses(tmp_path, broker):
    store = tmp_path / "store"
    store.mkdir()
    learn_the_empty_belt(store)
    visits = [
        stop_over(part_picture(0), come=0.5, stand=1.2),
        stop_over(part_picture(1), come=4.0, stand=0),
        stop_over(part_picture(2), come=6.0, stand=60),
    ]
    camera = BeltCamera(list(Belt(visits=visits).frames(9, start=-1.0)))
    with station_on(broker, store, camera) as station:
        wait_until(lambda: len(station.results(wire.AUTO)) == 2, timeout=60, what="two results")
        first, last = station.results(wire.AUTO)
        wait_until(lambda: station.state_triggers().get("missed") == 1, what="the missed part in the state")
    assert [(result.sess, result.trig, result.dec) for result in (first, last)] == [
        (0, 1, Decision.ACCEPT),
        (0, 3, Decision.ACCEPT),
    ]
    assert station.results() == []
    records = station.records()
    assert (records[2]["verdict"], records[2]["code"], records[2]["seq"]) == ("loss", Code.PASSED_BY, None)
    assert station.verified().problems == ()

    # The part stands there still when the station starts again: it has been judged, and the numbers go on.
    again = BeltCamera(
        list(Belt(visits=[*visits, stop_over(part_picture(1), come=69.5, stand=9)]).frames(73, start=66.0))
    )
    with station_on(broker, store, again) as station:
        wait_until(lambda: station.results(wire.AUTO), timeout=60, what="the next part's result")
        assert again.over or len(station.results(wire.AUTO)) == 1
    assert [result.trig for result in station.results(wire.AUTO)] == [4]
    assert station.verified().problems == ()


def test_a_part_that_is_gone_before_its_picture_is_not_accepted(tmp_path, broker):
    store = tmp_path / "store"
    store.mkdir()
    learn_the_empty_belt(store)
    camera = BeltCamera(
        list(
            Belt(visits=[Visit(part_picture(0), lambda now: (30, 20) if 1 < now < 1.5 else None)]).frames(4, start=-1.0)
        )
    )
    station = station_on(broker, store, camera)
    slow = station.cameras["top"]
    taken = slow.acquire
    slow.acquire = lambda not_before_ns, deadline_ns: taken(not_before_ns + 600_000_000, deadline_ns)
    with station:
        wait_until(lambda: station.results(wire.AUTO), timeout=60, what="a result")
    (result,) = station.results(wire.AUTO)
    assert (result.dec, result.code) == (Decision.CANNOT_JUDGE, Code.MOVED)
