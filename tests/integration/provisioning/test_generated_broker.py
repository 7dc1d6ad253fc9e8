"""The generated mosquitto configuration: who gets in at all, what survives, and what changes without a restart."""

import datetime as dt
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from deploy.provisioning import authority as authorities
from deploy.provisioning import steps
from deploy.provisioning.names import parse_member
from edge.core import wire
from edge.line.mqtt import MqttLink
from edge.line.settings import LinkSettings
from tests.support.links import Heard
from tests.support.provisioned import Ear, Plant, now
from tests.support.waiting import wait_until

STATION = "station.plant1.line3.st07"
OTHER = "station.plant1.line3.st08"
PLC = "plc.plant1.line3.st07"
STATE = "linegate/v1/plant1/line3/st07/state"
DAY = dt.timedelta(days=1)

# paho leaves the socket of a failed handshake to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def plant(tmp_path) -> Iterator[Plant]:
    plant = Plant(tmp_path, [STATION, PLC])
    with plant.broker:
        yield plant


@contextmanager
def opened(settings: LinkSettings) -> Iterator[tuple[MqttLink, Heard]]:
    heard = Heard()
    link = MqttLink(settings, heard.events())
    link.open()
    try:
        yield link, heard
    finally:
        link.close()


def expired(plant: Plant) -> LinkSettings:
    plant.issue(STATION, days=1, at=now() - 10 * DAY, replace=True)
    return plant.link(STATION)


def not_yet_valid(plant: Plant) -> LinkSettings:
    plant.issue(STATION, at=now() + 10 * DAY, replace=True)
    return plant.link(STATION)


def foreign(plant: Plant) -> LinkSettings:
    """Another authority's certificate of the very same name."""
    stranger = authorities.create(plant.folder / "stranger", name="plant 1", days=100, password=None, now=now())
    shutil.rmtree(plant.folder / STATION)
    plant.issue(STATION, authority=stranger)
    return plant.link(STATION)


def brokers_own(plant: Plant) -> LinkSettings:
    return plant.link("broker.plant1")


def without(plant: Plant) -> LinkSettings:
    return replace(plant.link(STATION), cert=None, key=None)


def revoked(plant: Plant) -> LinkSettings:
    settings = plant.link(STATION)
    assert settings.cert is not None
    assert steps.revoke(plant.authority, settings.cert, now()) == (STATION, True)
    reload(plant)
    wait_until(lambda: turned_away(settings), what="the reload")
    return settings


def reload(plant: Plant) -> None:
    assert not turned_away(plant.link(PLC)), "a broker that has only just begun would end at the signal"
    assert plant.broker.pid is not None
    os.kill(plant.broker.pid, signal.SIGHUP)


def turned_away(settings: LinkSettings) -> bool:
    """Make one attempt to connect and tell whether it failed."""
    with opened(settings) as (link, _):
        wait_until(lambda: link.connected or link.trouble)
        return not link.connected


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (expired, "the broker says that the certificate line.cert has expired"),
        (not_yet_valid, "not valid yet by its clock"),
        (foreign, "the broker does not know the authority that issued line.cert"),
        (brokers_own, "it is not a client's"),
        (without, "the broker wants a client certificate"),
        (revoked, "the broker says that the certificate line.cert was revoked"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused_and_the_station_says_why(plant, make, why, caplog):
    settings = make(plant)
    with opened(settings) as (link, heard):
        wait_until(lambda: link.trouble)
        assert why in link.trouble
        assert not link.connected
        assert heard.connects == 0
        wait_until(lambda: why in caplog.text)


def test_nobody_gets_in_without_encryption(plant):
    client = Client(CallbackAPIVersion.VERSION2, client_id="plain")
    answers = []
    client.on_connect = lambda *arguments: answers.append(arguments)
    with suppress(OSError):
        client.connect("127.0.0.1", plant.broker.port, keepalive=5)
        while client.loop(0.1) == 0:
            pass
    assert answers == []
    assert "New client connected" not in (plant.folder / "broker.log").read_text()


def test_retained_messages_survive_a_killed_broker(plant):
    station = Ear(plant.link(STATION))
    for number in range(3):
        state = f"state {number}".encode()
        station.client.publish(STATE, state, qos=1, retain=True)
        station.client.publish(f"linegate/v1/plant1/line3/st07/alarm/a{number}", b"raised", qos=1, retain=True)
    station.say("linegate/v1/plant1/line3/st07/evt/result", b"a part")
    station.close()
    plant.broker.kill()
    plant.broker.start()
    plc = Ear(plant.link(PLC))
    wait_until(lambda: len(plc.heard) == 4)
    assert (STATE, b"state 2") in plc.heard
    plc.close()


def test_a_station_is_added_and_another_removed_without_a_restart(plant):
    plant.issue(OTHER)
    newcomer = Ear(plant.link(OTHER))
    veteran = Ear(plant.link(STATION))
    state_of_other = STATE.replace("st07", "st08")
    assert newcomer.say(state_of_other, b"x") == 0x87
    assert veteran.say(STATE, b"x") != 0x87
    steps.change_access(plant.access_list, add=[parse_member(OTHER)], remove=[parse_member(STATION)])
    reload(plant)
    wait_until(lambda: newcomer.say(state_of_other, b"x") != 0x87, what="the new rights")
    assert veteran.say(STATE, b"x") == 0x87, "who is connected loses its rights at once"
    newcomer.close()
    veteran.close()


def test_a_renewed_certificate_is_used_at_the_next_connection_without_a_restart(plant):
    settings = expired(plant)
    with opened(settings) as (link, _):
        wait_until(lambda: link.trouble)
        key = Path(str(settings.key)).read_bytes()
        (plant.folder / STATION / f"{STATION}.crt").unlink()
        plant.issue(STATION)
        assert Path(str(settings.key)).read_bytes() == key, "the key is used again"
        wait_until(lambda: link.connected)


def test_the_whole_conversation_of_a_part_works_with_these_rights(plant):
    """Station and PLC as they are, each with its own certificate: nothing that they need is missing."""
    station = replace(plant.link(STATION), subscriptions=(wire.TRIGGER, wire.ACK, wire.TRUTH, wire.STATE))
    plc = replace(plant.link(PLC), subscriptions=(wire.RESULT, wire.HEARTBEAT))
    with opened(station) as (inspector, inspector_heard), opened(plc) as (controller, controller_heard):
        wait_until(lambda: inspector.connected and controller.connected)
        assert inspector.publish(wire.HEARTBEAT, b"beat", qos=0)
        assert controller.publish(wire.TRIGGER, b"trigger", qos=1, token="trigger")
        wait_until(lambda: inspector_heard.on(wire.TRIGGER))
        assert inspector.publish(wire.RESULT, b"result", qos=1, token="result")
        wait_until(lambda: controller_heard.on(wire.RESULT) and controller_heard.on(wire.HEARTBEAT))
        assert controller.publish(wire.ACK, b"ack", qos=1, token="ack")
        assert inspector.publish(wire.STATE, b"state", qos=1, retain=True, token="state")
        wait_until(lambda: inspector_heard.on(wire.ACK) and inspector_heard.on(wire.STATE))
        wait_until(lambda: len(inspector_heard.acknowledged) == len(controller_heard.acknowledged) == 2)
    assert {reason for _, reason in inspector_heard.acknowledged + controller_heard.acknowledged} == {0}
