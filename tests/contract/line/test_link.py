"""What every line link keeps, in memory and over a real mosquitto under MQTT 5 and 3.1.1."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from edge.line.broker import EmbeddedBroker
from edge.line.delivery import WINDOW
from edge.line.link import Link, LinkEvents, Message
from edge.line.memory import MemoryBroker, MemoryLink
from edge.line.mqtt import MqttLink
from edge.line.settings import LinkSettings
from tests.support.brokers import mosquitto_broker
from tests.support.links import Heard
from tests.support.waiting import wait_until

BASE = "linegate/v1/plant1/line3/st07"


class World(Protocol):
    def build(self, settings: LinkSettings, events: LinkEvents) -> Link: ...
    def address(self) -> str: ...
    def protocols(self) -> tuple[MQTTProtocolVersion, ...]: ...
    def cut(self, link: Link) -> None: ...
    def stop(self) -> None: ...
    def start(self) -> None: ...


class MemoryWorld:
    def __init__(self) -> None:
        self.broker = MemoryBroker()

    def build(self, settings: LinkSettings, events: LinkEvents) -> Link:
        return MemoryLink(self.broker, settings, events)

    def address(self) -> str:
        return "mqtt://memory"

    def protocols(self) -> tuple[MQTTProtocolVersion, ...]:
        return (MQTTProtocolVersion.MQTTv5,)

    def cut(self, link: Link) -> None:
        assert isinstance(link, MemoryLink)
        self.broker.cut(link.settings.client_id)

    def stop(self) -> None:
        self.broker.stop()

    def start(self) -> None:
        self.broker.start()


@dataclass
class MqttWorld:
    broker: EmbeddedBroker
    version: MQTTProtocolVersion

    def build(self, settings: LinkSettings, events: LinkEvents) -> Link:
        return MqttLink(settings, events)

    def address(self) -> str:
        return self.broker.address

    def protocols(self) -> tuple[MQTTProtocolVersion, ...]:
        return (self.version,)

    def cut(self, link: Link) -> None:
        assert isinstance(link, MqttLink)
        assert link._connection is not None
        held = link._connection._client.socket()
        assert held is not None
        held.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self.broker.kill()

    def start(self) -> None:
        self.broker.start()


@pytest.fixture(params=["memory", "mqtt5", "mqtt311"])
def world(request, tmp_path) -> Iterator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    version = {"mqtt5": MQTTProtocolVersion.MQTTv5, "mqtt311": MQTTProtocolVersion.MQTTv311}[request.param]
    with mosquitto_broker(tmp_path) as broker:
        yield MqttWorld(broker, version)


Dial = Callable[..., tuple[Link, Heard]]


@pytest.fixture
def dial(world: World) -> Iterator[Dial]:
    opened: list[Link] = []

    def build(
        client_id: str,
        *subscriptions: str,
        will: tuple[str, bytes] | None = None,
        on_message: Callable[[Message], None] = lambda _message: None,
        wait: bool = True,
    ) -> tuple[Link, Heard]:
        heard = Heard(on_message)
        settings = LinkSettings(
            broker=world.address(),
            base_topic=BASE,
            client_id=client_id,
            subscriptions=subscriptions,
            will=will,
            protocols=world.protocols(),
        )
        link = world.build(settings, heard.events())
        opened.append(link)
        link.open()
        if wait:
            wait_until(lambda: link.connected and heard.connects, what="the connection")
        return link, heard

    yield build
    for link in opened:
        link.close()


def test_a_message_arrives_below_the_base_topic(dial: Dial) -> None:
    _station, heard = dial("station", "cmd/trigger")
    plc, _ = dial("plc")
    before = time.monotonic_ns()
    assert plc.publish("cmd/trigger", b'{"a":1}', qos=1)
    wait_until(lambda: heard.messages)
    message = heard.messages[0]
    assert (message.topic, message.payload, message.retained) == ("cmd/trigger", b'{"a":1}', False)
    assert before < message.received_ns < time.monotonic_ns()


def test_both_qualities_of_service_keep_the_order(dial: Dial) -> None:
    _station, heard = dial("station", "evt/heartbeat")
    plc, _ = dial("plc")
    for number in range(10):
        assert plc.publish("evt/heartbeat", b"%d" % number, qos=0)
    wait_until(lambda: len(heard.messages) == 10)
    assert [message.payload for message in heard.messages] == [b"%d" % number for number in range(10)]


def test_only_what_is_subscribed_arrives(dial: Dial) -> None:
    _station, heard = dial("station", "cmd/ack")
    plc, _ = dial("plc")
    assert plc.publish("cmd/trigger", b"no", qos=1)
    assert plc.publish("cmd/ack", b"yes", qos=1)
    wait_until(lambda: heard.messages)
    assert [message.payload for message in heard.messages] == [b"yes"]


def test_a_retained_message_is_marked_only_for_who_comes_later(dial: Dial) -> None:
    _early, early = dial("early", "state")
    station, _ = dial("station")
    assert station.publish("state", b"on", qos=1, retain=True)
    wait_until(lambda: early.messages)
    _late, late = dial("late", "state")
    wait_until(lambda: late.messages)
    assert not early.messages[0].retained
    assert late.messages[0].retained
    assert late.messages[0].payload == b"on"


def test_an_empty_retained_message_removes_it(dial: Dial) -> None:
    _early, early = dial("early", "state", "evt/auto")
    station, _ = dial("station")
    assert station.publish("state", b"on", qos=1, retain=True)
    assert station.publish("state", b"", qos=1, retain=True)
    wait_until(lambda: len(early.messages) == 2)
    _late, late = dial("late", "state", "evt/auto")
    assert station.publish("evt/auto", b"mark", qos=1)
    wait_until(lambda: late.on("evt/auto"))
    assert not late.on("state")


def test_a_token_comes_back_with_the_brokers_reason(dial: Dial) -> None:
    dial("station", "evt/result")
    plc, heard = dial("plc")
    assert plc.publish("evt/result", b"x", qos=1, token="mine")
    assert plc.publish("evt/result", b"x", qos=1)
    assert plc.publish("evt/result", b"x", qos=1, token="last")
    wait_until(lambda: len(heard.acknowledged) == 2)
    assert heard.acknowledged == [("mine", 0), ("last", 0)]


def test_nobody_subscribed_is_still_a_success(dial: Dial) -> None:
    plc, heard = dial("plc")
    assert plc.publish("evt/result", b"x", qos=1, token=1)
    wait_until(lambda: heard.acknowledged)
    assert heard.acknowledged[0][1] in {0x00, 0x10}


def test_every_token_of_many_threads_comes_back_once(dial: Dial) -> None:
    plc, heard = dial("plc")
    refused = []

    def publish(thread: int) -> None:
        for number in range(100):
            deadline = time.monotonic() + 20
            while not plc.publish("evt/result", b"x", qos=1, token=(thread, number)):
                refused.append(1)
                assert time.monotonic() < deadline
                time.sleep(0.001)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(heard.acknowledged) == 400)
    assert {token for token, _ in heard.acknowledged} == {(t, n) for t in range(4) for n in range(100)}


def test_what_goes_out_is_told_before_anybody_can_answer_it(dial: Dial) -> None:
    order: list[str] = []
    station, heard = dial("station", "evt/result", on_message=lambda _message: order.append(f"{heard.sent}"))
    assert station.publish("evt/result", b"x", qos=1, token="mine")
    assert station.publish("evt/result", b"x", qos=1)
    wait_until(lambda: len(order) == 2 and heard.acknowledged)
    assert order[0] == "['mine']"
    assert heard.sent == ["mine"]


def test_past_its_time_a_message_is_never_sent_and_its_room_is_free_again(dial: Dial) -> None:
    station, heard = dial("station", "evt/result")
    for number in range(WINDOW * 2):
        assert station.publish("evt/result", b"late", qos=1, token=number, not_after_ns=time.monotonic_ns())
        wait_until(lambda number=number: len(heard.expired) == number + 1)
    later = time.monotonic_ns() + 10_000_000_000
    assert station.publish("evt/result", b"in time", qos=1, token="last", not_after_ns=later)
    wait_until(lambda: heard.acknowledged)
    assert [message.payload for message in heard.messages] == [b"in time"]
    assert (heard.expired, heard.sent) == (list(range(WINDOW * 2)), ["last"])


def test_unacknowledged_messages_are_bounded(dial: Dial) -> None:
    entered, release = threading.Event(), threading.Event()

    def block(_message: Message) -> None:
        entered.set()
        release.wait(10)

    station, heard = dial("station", "cmd/trigger", on_message=block)
    plc, _ = dial("plc")
    plc.publish("cmd/trigger", b"x", qos=1)
    assert entered.wait(10)
    replayed = [station.publish("hist/result", b"x", qos=1, token=number) for number in range(WINDOW)]
    taken = [station.publish("evt/result", b"x", qos=1, token=WINDOW + number) for number in range(WINDOW)]
    release.set()
    half = WINDOW // 2
    assert replayed == taken == [True] * half + [False] * half, "a replay leaves room for live results"
    wait_until(lambda: len(heard.acknowledged) == WINDOW)
    assert station.publish("evt/result", b"x", qos=1)


def test_a_failing_callback_does_not_end_the_link(dial: Dial) -> None:
    def fail(_message: Message) -> None:
        raise RuntimeError("the program's fault")

    station, heard = dial("station", "cmd/trigger", on_message=fail)
    plc, _ = dial("plc")
    for count in (1, 2):
        assert plc.publish("cmd/trigger", b"x", qos=1)
        wait_until(lambda count=count: len(heard.messages) == count)
    assert station.connected
    assert not heard.reasons


def test_a_callback_may_publish(dial: Dial) -> None:
    links: list[Link] = []
    station, _ = dial(
        "station", "cmd/trigger", on_message=lambda message: links[0].publish("evt/result", message.payload, qos=1)
    )
    links.append(station)
    plc, heard = dial("plc", "evt/result")
    assert plc.publish("cmd/trigger", b"echo", qos=1)
    wait_until(lambda: heard.messages)
    assert heard.messages[0].payload == b"echo"


def test_the_will_is_told_on_loss_and_the_link_comes_back(world: World, dial: Dial) -> None:
    station, heard = dial("station", will=("state", b"offline"))
    _plc, plc = dial("plc", "state")
    world.cut(station)
    wait_until(lambda: heard.reasons, what="the loss")
    assert heard.reasons[0]
    wait_until(lambda: plc.messages, what="the will")
    assert plc.messages[0].payload == b"offline"
    wait_until(lambda: station.connected and heard.connects == 2, what="the way back")
    _late, late = dial("late", "state")
    wait_until(lambda: late.messages)
    assert late.messages[0].retained


def test_a_farewell_replaces_the_will(dial: Dial) -> None:
    station, _ = dial("station", will=("state", b"offline"))
    _plc, plc = dial("plc", "state", "evt/auto")
    station.close(("state", b"bye"))
    assert not station.connected
    other, _ = dial("other")
    assert other.publish("evt/auto", b"mark", qos=1)
    wait_until(lambda: plc.on("evt/auto"))
    assert [message.payload for message in plc.on("state")] == [b"bye"]
    _late, late = dial("late", "state")
    wait_until(lambda: late.messages)
    assert (late.messages[0].payload, late.messages[0].retained) == (b"bye", True)


def test_nothing_is_published_while_disconnected_nor_later(world: World, dial: Dial) -> None:
    world.stop()
    station, heard = dial("station", wait=False)
    _plc, plc = dial("plc", "evt/result", wait=False)
    assert not station.connected
    assert not station.publish("evt/result", b"too early", qos=1, token=1)
    world.start()
    wait_until(lambda: station.connected and plc.connects)
    assert station.publish("evt/result", b"in time", qos=1, token=2)
    wait_until(lambda: plc.messages and heard.acknowledged)
    assert [message.payload for message in plc.messages] == [b"in time"]
    assert [token for token, _ in heard.acknowledged] == [2]


def test_a_broker_that_went_away_is_found_again(world: World, dial: Dial) -> None:
    station, heard = dial("station", "cmd/trigger")
    world.stop()
    wait_until(lambda: heard.reasons and not station.connected)
    assert station.trouble
    assert not station.publish("evt/result", b"x", qos=1)
    world.start()
    wait_until(lambda: station.connected and heard.connects == 2)
    assert station.trouble is None
    assert station.alive
    plc, _ = dial("plc")
    assert plc.publish("cmd/trigger", b"x", qos=1)
    wait_until(lambda: heard.messages)


def test_close_may_be_called_early_and_twice(world: World, dial: Dial) -> None:
    never_opened = world.build(
        LinkSettings(broker=world.address(), base_topic=BASE, client_id="never", subscriptions=()), Heard().events()
    )
    never_opened.close()
    station, _ = dial("station")
    station.close()
    station.close(("state", b"bye"))
    assert not station.connected
    assert not station.publish("state", b"x", qos=1)
