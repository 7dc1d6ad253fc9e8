"""Addresses and settings that can never work are refused before anything is dialled, with what to change."""

from pathlib import Path

import pytest

from edge.line.link import LinkError
from edge.line.settings import BrokerAddress, LinkSettings, check, parse_broker, station_client_id


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("mqtt://127.0.0.1:1884", BrokerAddress(host="127.0.0.1", port=1884, tls=False)),
        ("mqtt://broker", BrokerAddress(host="broker", port=1883, tls=False)),
        ("mqtts://broker.plant/", BrokerAddress(host="broker.plant", port=8883, tls=True)),
        ("mqtt://[::1]:1883", BrokerAddress(host="::1", port=1883, tls=False)),
    ],
)
def test_addresses_are_taken_apart(address, expected):
    assert parse_broker(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("", "broker:1883", "http://broker", "mqtt://", "mqtt://broker:0", "mqtt://broker:99999", "mqtt://broker:x"),
        *("mqtt://user:word@broker", "mqtt://broker/topic", "mqtt://broker?x=1", "mqtt://[::1"),
    ],
)
def test_other_addresses_are_refused_with_advice(address):
    with pytest.raises(LinkError, match="use mqtt://HOST:PORT"):
        parse_broker(address)


def settings(**changes) -> LinkSettings:
    fields = {"broker": "mqtt://broker", "base_topic": "b", "client_id": "c", "subscriptions": ("cmd/ack",)}
    return LinkSettings(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ca": Path("ca.crt")}, r"line\.ca is set but mqtt://broker is not encrypted"),
        ({"broker": "mqtts://broker", "cert": Path("x")}, r"line\.key is missing"),
        ({"broker": "mqtts://broker", "key": Path("x")}, r"line\.cert is missing"),
        ({"subscriptions": ("cmd/#",)}, "knows no wildcards"),
        ({"subscriptions": ("",)}, "knows no wildcards"),
    ],
)
def test_contradictions_are_named(changes, message):
    with pytest.raises(LinkError, match=message):
        check(settings(**changes))


def test_the_client_id_is_fixed_by_the_stations_names():
    assert station_client_id("plant1", "line3", "st07") == "linegate-plant1-line3-st07"
    with pytest.raises(ValueError, match="station name"):
        station_client_id("plant1", "line3", "ST07")
