"""The MQTT link against real brokers and real failures."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from edge.line import connection
from edge.line.broker import EmbeddedBroker, find_mosquitto, mosquitto_command
from edge.line.link import Message
from edge.line.mqtt import MqttLink
from edge.line.settings import MQTT5_FIRST, MQTT311_ONLY, LinkSettings
from tests.support.brokers import amqtt_broker, mosquitto_broker
from tests.support.fake_broker import DeafServer, OldBroker
from tests.support.links import Heard
from tests.support.waiting import wait_until

BASE = "linegate/v1/plant1/line3/st07"


def settings(broker: str, client_id: str = "station", **changes) -> LinkSettings:
    return replace(
        LinkSettings(broker=broker, base_topic=BASE, client_id=client_id, subscriptions=("cmd/trigger",)), **changes
    )


@contextmanager
def opened(
    link_settings: LinkSettings, on_message: Callable[[Message], None] = lambda _message: None
) -> Iterator[tuple[MqttLink, Heard]]:
    heard = Heard(on_message)
    link = MqttLink(link_settings, heard.events())
    link.open()
    try:
        yield link, heard
    finally:
        link.close()


@contextmanager
def mosquitto_with(directory: Path, extra: list[str]) -> Iterator[EmbeddedBroker]:
    executable = find_mosquitto()
    assert executable is not None, "mosquitto is not installed: make test does it as root"

    def command(port: int) -> list[str]:
        built = mosquitto_command(executable, port, directory)
        configuration = Path(built[-1])
        configuration.write_text(configuration.read_text() + "\n".join([*extra, ""]))
        return built

    with EmbeddedBroker(directory, command=command) as broker:
        yield broker


def test_an_absent_broker_is_no_error_and_is_found_when_it_comes(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    broker = mosquitto_broker(tmp_path)
    with opened(settings(broker.address)) as (link, heard):
        wait_until(lambda: "Connection refused" in caplog.text)
        assert not link.connected
        assert link.protocol is None
        with broker:
            wait_until(lambda: link.connected)
            assert link.protocol is MQTTProtocolVersion.MQTTv5
            assert heard.connects == 1


def test_a_killed_broker_is_found_again_and_nothing_is_sent_twice(tmp_path):
    with (
        mosquitto_broker(tmp_path) as broker,
        opened(settings(broker.address)) as (link, heard),
        opened(settings(broker.address, "plc", subscriptions=("evt/result",))) as (plc, plc_heard),
    ):
        wait_until(lambda: link.connected and plc.connected)
        broker.kill()
        wait_until(lambda: heard.reasons and plc_heard.reasons)
        assert not link.publish("evt/result", b"lost", qos=1, token="lost")
        broker.start()
        wait_until(lambda: heard.connects == 2 and plc_heard.connects == 2)
        assert link.publish("evt/result", b"new", qos=1, token="new")
        wait_until(lambda: heard.acknowledged)
        wait_until(lambda: plc_heard.messages)
    assert [message.payload for message in plc_heard.messages] == [b"new"]
    assert [token for token, _ in heard.acknowledged] == ["new"]


def test_retained_messages_survive_a_persistent_brokers_restart(tmp_path):
    with mosquitto_broker(tmp_path, persistent=True) as broker:
        with opened(settings(broker.address)) as (link, heard):
            wait_until(lambda: link.connected)
            link.publish("state", b"on", qos=1, retain=True, token=1)
            wait_until(lambda: heard.acknowledged)
        broker.stop()
        broker.start()
        with opened(settings(broker.address, "late", subscriptions=("state",))) as (_late, late):
            wait_until(lambda: late.messages)
    assert late.messages[0].payload == b"on"


@pytest.mark.parametrize(
    ("protocols", "marked"), [(MQTT5_FIRST, {"cmd/trigger"}), (MQTT311_ONLY, set())], ids=["MQTT 5", "3.1.1"]
)
def test_a_trigger_that_is_published_retained_is_known_for_it_at_once_where_the_protocol_can_tell(
    tmp_path, protocols, marked
):
    topics = ("cmd/trigger", "cmd/ack", "state")
    with (
        mosquitto_broker(tmp_path) as broker,
        opened(settings(broker.address, subscriptions=topics, protocols=protocols)) as (link, heard),
        opened(settings(broker.address, "plc", subscriptions=())) as (plc, _),
    ):
        wait_until(lambda: link.connected and plc.connected)
        for topic in topics:
            assert plc.publish(topic, b"x", qos=1, retain=True)
        wait_until(lambda: len(heard.messages) == len(topics))
    assert {message.topic for message in heard.messages if message.retained} == marked


CLIENT = """
import sys, threading
from edge.line.link import LinkEvents
from edge.line.link import Message
from edge.line.mqtt import MqttLink
from edge.line.settings import LinkSettings
up = threading.Event()
events = LinkEvents(message=print, connected=up.set, disconnected=print, published=print)
link = MqttLink(LinkSettings(broker=sys.argv[1], base_topic=sys.argv[2], client_id="doomed", subscriptions=(),
                             will=("state", b"offline")), events)
link.open()
up.wait()
print("up", flush=True)
threading.Event().wait()
"""


def test_the_will_of_a_killed_process_is_told(tmp_path):
    with (
        mosquitto_broker(tmp_path) as broker,
        opened(settings(broker.address, "mes", subscriptions=("state",))) as (mes, heard),
    ):
        wait_until(lambda: mes.connected)
        arguments = [sys.executable, "-c", CLIENT, broker.address, BASE]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as doomed:
            assert doomed.stdout is not None
            assert doomed.stdout.readline() == "up\n"
            doomed.kill()
        wait_until(lambda: heard.messages)
    assert heard.messages[0].payload == b"offline"


@pytest.mark.parametrize("refusal", [b"", b"\x20\x02\x00\x01"], ids=["closes", "unacceptable-protocol"])
def test_it_falls_back_where_the_broker_turns_mqtt_5_away(refusal):
    with OldBroker(refusal) as broker, opened(settings(broker.address)) as (link, heard):
        wait_until(lambda: link.connected)
        assert link.protocol is MQTTProtocolVersion.MQTTv311
        assert broker.levels == [5, 4]
        broker.drop_all()
        wait_until(lambda: heard.connects == 2)
        assert broker.levels == [5, 4, 4], "what worked is tried first"


def test_it_falls_back_for_amqtt(tmp_path):
    with (
        amqtt_broker(tmp_path) as broker,
        opened(settings(broker.address)) as (link, heard),
        opened(settings(broker.address, "plc", protocols=MQTT311_ONLY)) as (plc, _),
    ):
        wait_until(lambda: link.connected and plc.connected)
        assert link.protocol is MQTTProtocolVersion.MQTTv311
        assert plc.publish("cmd/trigger", b"x", qos=1)
        wait_until(lambda: heard.messages)


def test_a_deaf_broker_is_given_up_and_tried_again(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(connection, "KEEPALIVE_S", 1)
    with DeafServer() as broker, opened(settings(broker.address)) as (link, _):
        wait_until(lambda: "(MQTT 3.1.1)" in caplog.text)
        assert not link.connected


@pytest.mark.parametrize("publishing", [True, False], ids=["publishing", "idle"])
def test_a_stuck_broker_is_noticed(tmp_path, monkeypatch, publishing):
    monkeypatch.setattr(connection, "KEEPALIVE_S", 1)
    with mosquitto_broker(tmp_path) as broker, opened(settings(broker.address)) as (link, heard):
        wait_until(lambda: link.connected)
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            if publishing:
                assert link.publish("evt/result", b"x", qos=1, token=1)
            wait_until(lambda: heard.reasons, what="the notice")
            assert not link.connected
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        wait_until(lambda: link.connected)
    if publishing:
        assert "not acknowledged" in heard.reasons[0]


def test_the_socket_sends_at_once_and_gives_a_dead_peer_up(tmp_path):
    with mosquitto_broker(tmp_path) as broker, opened(settings(broker.address)) as (link, _):
        wait_until(lambda: link.connected)
        assert link._connection is not None
        held = link._connection._client.socket()
        assert isinstance(held, socket.socket)
        assert held.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert held.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000


def test_a_failure_in_the_network_thread_leads_to_a_new_connection(tmp_path, monkeypatch):
    with mosquitto_broker(tmp_path) as broker, opened(settings(broker.address)) as (link, heard):
        wait_until(lambda: link.connected)
        sabotaged = link._connection
        assert sabotaged is not None

        def explode() -> None:
            raise RuntimeError("inside the network thread")

        monkeypatch.setattr(sabotaged._client, "loop_misc", explode)
        wait_until(lambda: heard.connects == 2)
        assert link.connected
    assert heard.reasons[0] == "inside the network thread"


def test_two_clients_of_one_id_are_told_so(tmp_path, caplog):
    with mosquitto_broker(tmp_path) as broker, opened(settings(broker.address)) as (first, heard):
        wait_until(lambda: first.connected)
        with opened(settings(broker.address)) as (second, _):
            wait_until(lambda: second.connected)
            wait_until(lambda: heard.reasons)
    assert "same client id" in heard.reasons[0]


def test_a_refused_subscription_is_told_and_asked_for_again(monkeypatch, caplog):
    monkeypatch.setattr(connection, "RESUBSCRIBE_S", 0.1)
    with OldBroker() as broker:
        broker.granted = 0x80
        with opened(settings(broker.address)) as (link, heard):
            wait_until(lambda: "refuses to let station subscribe to cmd/trigger" in caplog.text)
            assert not link.connected
            assert not link.publish("evt/result", b"x", qos=1)
            broker.granted = 1
            wait_until(lambda: link.connected)
            assert heard.connects == 1
    assert broker.levels == [5, 4]


def test_a_publish_that_the_access_list_forbids_is_told_under_mqtt_5(tmp_path):
    rules = tmp_path / "acl"
    rules.write_text(f"topic read {BASE}/cmd/trigger\n")
    with mosquitto_with(tmp_path, [f"acl_file {rules}"]) as broker, opened(settings(broker.address)) as (link, heard):
        wait_until(lambda: link.connected)
        assert link.publish("evt/result", b"x", qos=1, token=1)
        wait_until(lambda: heard.acknowledged)
    assert heard.acknowledged == [(1, 0x87)]


def test_what_waits_behind_a_busy_network_thread_expires_there(tmp_path):
    entered, release = threading.Event(), threading.Event()

    def block(_message: Message) -> None:
        entered.set()
        release.wait(10)

    with (
        mosquitto_broker(tmp_path) as broker,
        opened(settings(broker.address, subscriptions=("cmd/trigger", "evt/result")), on_message=block) as (
            link,
            heard,
        ),
    ):
        wait_until(lambda: link.connected)
        assert link.publish("cmd/trigger", b"x", qos=1)
        assert entered.wait(10)
        not_after_ns = time.monotonic_ns() + 20_000_000
        assert link.publish("evt/result", b"stale", qos=1, token="stale", not_after_ns=not_after_ns)
        wait_until(lambda: time.monotonic_ns() >= not_after_ns)
        assert link.publish("evt/result", b"fresh", qos=1, token="fresh")
        release.set()
        wait_until(lambda: heard.on("evt/result"))
        assert [message.payload for message in heard.on("evt/result")] == [b"fresh"]
        assert heard.expired == ["stale"]


def test_behind_a_stalled_broker_results_wait_where_they_can_expire(tmp_path, monkeypatch):
    """A broker that reads no more: what the kernel does not take is not handed to it later, past its time."""
    with mosquitto_broker(tmp_path) as broker, opened(settings(broker.address)) as (link, heard):
        wait_until(lambda: link.connected)
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            filler = b"x" * 4_000_000
            assert link.publish("evt/auto", filler, qos=0)
            not_after_ns = time.monotonic_ns() + 50_000_000
            assert link.publish("evt/result", b"stale", qos=1, token="stale", not_after_ns=not_after_ns)
            wait_until(lambda: time.monotonic_ns() >= not_after_ns)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        wait_until(lambda: heard.expired or heard.sent)
        assert (heard.expired, heard.sent) == (["stale"], [])


def test_why_there_is_no_connection_is_logged_once_and_kept(caplog):
    caplog.set_level(logging.DEBUG)

    def told(level: int) -> list[str]:
        return [
            record.message for record in caplog.records if record.levelno == level and "no line link" in record.message
        ]

    with opened(settings("mqtt://127.0.0.1:9")) as (link, _):
        wait_until(lambda: len(told(logging.DEBUG)) >= 2)
        assert link.trouble is not None
        assert "Connection refused" in link.trouble
    (warning,) = told(logging.WARNING)
    assert "Connection refused" in warning
