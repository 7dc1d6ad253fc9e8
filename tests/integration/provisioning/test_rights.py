"""Who may say and hear what, on a real mosquitto with the generated configuration, as docs/line-contract.md says."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from edge.core import wire
from tests.support.contract_document import rows
from tests.support.provisioned import Ear, Plant
from tests.support.waiting import wait_until

STATIONS = ("st07", "st08")
USERS = {
    "station.plant1.line3.st07": ("station", ("st07",)),
    "station.plant1.line3.st08": ("station", ("st08",)),
    "plc.plant1.line3.st07": ("plc", ("st07",)),
    "plc.plant1.line3": ("plc", STATIONS),
    "mes.plant1": ("mes", STATIONS),
    "mes.plant1.line3.st08": ("mes", ("st08",)),
    "scada.plant1": ("scada", STATIONS),
    "scada.plant2": ("scada", ()),
}
STRANGER = "station.plant1.line3.st09"
"""Has a valid certificate, and stands in no access list."""

FORBIDDEN = 0x87
THE_END = b"the end"
COLUMNS = ("station", "plc", "mes", "scada")
TABLE = {
    row[0].strip("`").replace("{name}", "link"): dict(zip(COLUMNS, row[1:5], strict=True)) for row in rows("Rights")
}
OTHERS = ("cmd/other", "evt/other", "nonsense", "state/more", "alarm/link/more", "")
"""Topics below the base that the contract does not know."""


@pytest.fixture(scope="module")
def plant(tmp_path_factory) -> Iterator[Plant]:
    plant = Plant(tmp_path_factory.mktemp("plant"), list(USERS))
    plant.issue(STRANGER)
    with plant.broker:
        yield plant


def topic_of(station: str, below: str) -> str:
    return "/".join(part for part in (wire.base_topic("plant1", "line3", station), below) if part)


def may(user: str, verb: str, station: str, below: str) -> bool:
    role, stations = USERS.get(user, ("station", ()))
    return station in stations and verb in TABLE.get(below, {}).get(role, "")


@pytest.mark.parametrize(
    "version", [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311], ids=["mqtt5", "mqtt311"]
)
def test_each_may_do_what_the_table_says_and_nothing_else(plant, version):
    with ExitStack() as stack:
        ears = {}
        for user in (*USERS, STRANGER):
            ears[user] = Ear(plant.link(user), version=version)
            stack.callback(ears[user].close)
        said = {
            (writer, station, below): ears[writer].say(topic_of(station, below), words(writer, station, below))
            for writer, station, below in itertools.product(ears, STATIONS, (*TABLE, *OTHERS))
        }
        for station in STATIONS:
            ears[f"station.plant1.line3.{station}"].say(topic_of(station, wire.HEARTBEAT), THE_END)
        for user, (_, stations) in USERS.items():
            wait_until(
                lambda user=user, stations=stations: ended(ears[user]) == set(stations), what=f"the end at {user}"
            )
        heard = {user: {word for word in ear.heard if word[1] != THE_END} for user, ear in ears.items()}
    assert heard == {user: meant_for(user) for user in heard}
    if version is MQTTProtocolVersion.MQTTv5:
        assert {what for what, reason in said.items() if reason == FORBIDDEN} == {
            what for what in said if not may(what[0], "writes", what[1], what[2])
        }


def words(writer: str, station: str, below: str) -> bytes:
    return f"{writer} {station} {below}".encode()


def meant_for(reader: str) -> set[tuple[str, bytes]]:
    """Return what a reader is to hear of all that was said."""
    return {
        (topic_of(station, below), words(writer, station, below))
        for writer, station, below in itertools.product(USERS, STATIONS, TABLE)
        if may(writer, "writes", station, below) and may(reader, "reads", station, below)
    }


def ended(ear: Ear) -> set[str]:
    return {topic.split("/")[4] for topic, payload in list(ear.heard) if payload == THE_END}


@pytest.mark.parametrize(
    ("user", "station", "below"),
    [
        ("station.plant1.line3.st08", "st07", wire.RESULT),
        ("station.plant1.line3.st08", "st07", wire.STATE),
        ("station.plant1.line3.st08", "st07", wire.HEARTBEAT),
        ("scada.plant1", "st07", wire.TRIGGER),
        ("mes.plant1", "st07", wire.TRIGGER),
        ("plc.plant1.line3.st07", "st07", wire.RESULT),
        ("station.plant1.line3.st07", "st07", wire.TRIGGER),
        ("plc.plant1.line3.st07", "st08", wire.TRIGGER),
    ],
)
def test_what_would_harm_most_is_forbidden_in_the_table_itself(user, station, below):
    assert not may(user, "writes", station, below)


def test_a_last_will_is_no_way_around_the_rights(plant):
    state = topic_of("st07", wire.STATE)
    listener = Ear(plant.link("scada.plant1", client_id="listener"))
    witness = Ear(plant.link("station.plant1.line3.st07", client_id="witness"))
    Ear(plant.link("station.plant1.line3.st08"), will=(state, b"another's")).vanish()
    own = Ear(plant.link("station.plant1.line3.st07", client_id="own"), will=(state, b"own"))
    own.vanish()
    wait_until(lambda: (state, b"own") in listener.heard, what="the own will")
    assert (state, b"another's") not in listener.heard
    listener.close()
    witness.close()


def test_what_is_forbidden_is_not_kept_for_later_either(plant):
    trigger = topic_of("st07", wire.TRIGGER)
    scada = Ear(plant.link("scada.plant1"))
    scada.client.publish(trigger, b"planted", qos=1, retain=True)
    scada.say(topic_of("st07", wire.ACK), b"after it")
    scada.close()
    station = Ear(plant.link("station.plant1.line3.st07"))
    station.say(topic_of("st07", wire.HEARTBEAT), b"mark")
    wait_until(lambda: (topic_of("st07", wire.HEARTBEAT), b"mark") in station.heard)
    assert trigger not in {topic for topic, _ in station.heard}
    station.close()
