"""The encrypted link: certificates of both sides, and what is said when they do not fit."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.line.broker import EmbeddedBroker
from edge.line.link import LinkError
from edge.line.mqtt import MqttLink
from edge.line.settings import LinkSettings
from tests.integration.line.test_mqtt import mosquitto_with, opened
from tests.support.certificates import Authority, Pair
from tests.support.links import Heard
from tests.support.waiting import wait_until

# paho leaves the socket of a failed handshake to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path, "plant")


@pytest.fixture
def broker(tmp_path, authority: Authority) -> Iterator[EmbeddedBroker]:
    server = authority.issue("broker", address="127.0.0.1")
    extra = [
        f"cafile {authority.ca}",
        f"certfile {server.cert}",
        f"keyfile {server.key}",
        "require_certificate true",
        "use_identity_as_username true",
    ]
    with mosquitto_with(tmp_path, extra) as broker:
        yield broker


def encrypted(broker: EmbeddedBroker, ca: Path, pair: Pair | None, host: str = "127.0.0.1") -> LinkSettings:
    return LinkSettings(
        broker=f"mqtts://{host}:{broker.port}",
        base_topic="linegate/v1/plant1/line3/st07",
        client_id="station",
        subscriptions=("cmd/trigger",),
        ca=ca,
        cert=None if pair is None else pair.cert,
        key=None if pair is None else pair.key,
    )


def test_both_sides_prove_who_they_are(broker, authority):
    pair = authority.issue("st07")
    with opened(encrypted(broker, authority.ca, pair)) as (link, heard):
        wait_until(lambda: link.connected)
        for number in range(20):
            assert link.publish("cmd/trigger", b"x" * 1000, qos=1, token=number)
        wait_until(lambda: len(heard.messages) == 20 and len(heard.acknowledged) == 20)


def test_a_broker_of_another_authority_is_not_trusted(broker, authority, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    other = Authority(tmp_path, "stranger")
    with opened(encrypted(broker, other.ca, authority.issue("st07"))) as (link, _):
        wait_until(lambda: "check line.ca" in caplog.text)
        assert not link.connected


def test_a_broker_of_another_name_is_not_trusted(broker, authority, caplog):
    caplog.set_level(logging.INFO)
    with opened(encrypted(broker, authority.ca, authority.issue("st07"), host="localhost")) as (link, _):
        wait_until(lambda: "Hostname mismatch" in caplog.text and "check line.ca" in caplog.text)
        assert not link.connected


@pytest.mark.parametrize("kind", ["none", "stranger"])
def test_a_refused_client_certificate_is_told(broker, authority, tmp_path, caplog, kind):
    caplog.set_level(logging.INFO)
    pair = None if kind == "none" else Authority(tmp_path, "stranger").issue("st07")
    with opened(encrypted(broker, authority.ca, pair)) as (link, _):
        wait_until(lambda: "check line.ca, line.cert" in caplog.text)
        assert not link.connected


@pytest.mark.parametrize("missing", ["ca", "cert", "key"])
def test_a_missing_file_is_named(broker, authority, missing):
    settings = encrypted(broker, authority.ca, authority.issue("st07"))
    getattr(settings, missing).unlink()
    with pytest.raises(LinkError, match=rf"line\.{missing}: cannot read .* \(No such file or directory\)"):
        MqttLink(settings, Heard().events())


def test_a_file_that_is_no_certificate_is_named(broker, authority):
    settings = encrypted(broker, authority.ca, authority.issue("st07"))
    assert settings.cert is not None
    settings.cert.write_text("nonsense")
    with pytest.raises(LinkError, match=r"are no pair of PEM certificate and unencrypted key"):
        MqttLink(settings, Heard().events())
    authority.ca.write_text("nonsense")
    with pytest.raises(LinkError, match=r"line\.ca: .* holds no certificate"):
        MqttLink(settings, Heard().events())


def test_an_encrypted_key_is_refused_without_asking_for_its_password(broker, authority):
    settings = encrypted(broker, authority.ca, authority.issue("st07", password=b"secret"))
    with pytest.raises(LinkError, match="unencrypted key"):
        MqttLink(settings, Heard().events())


def test_a_renewed_certificate_is_used_without_a_restart(broker, authority, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    pair = Authority(tmp_path, "stranger").issue("st07")
    with opened(encrypted(broker, authority.ca, pair)) as (link, _):
        wait_until(lambda: "check line.ca, line.cert" in caplog.text)
        authority.issue("st07")
        wait_until(lambda: link.connected)
