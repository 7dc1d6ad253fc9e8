"""What a line link is told: where the broker is, who the station is, what it listens to and what its last word is."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from paho.mqtt.enums import MQTTProtocolVersion

from edge.core import wire
from edge.line.link import LinkError

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_S: Final = 5
"""The keep-alive of the line contract, in seconds. The broker tells the Last Will after one and a half of it."""

MQTT5_FIRST: Final = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)
MQTT311_ONLY: Final = (MQTTProtocolVersion.MQTTv311,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """The settings of one link.

    Attributes:
        broker: ``mqtt://host[:port]`` or ``mqtts://host[:port]``.
        base_topic: what :func:`edge.core.wire.base_topic` returns; every other topic is below it.
        client_id: fixed for a station: a second client of the same id throws the first one out.
        subscriptions: topics below the base topic, without wildcards, all subscribed with QoS 1.
        will: topic and payload that the broker publishes (QoS 1, retained) when the link is lost without a farewell.
        ca: PEM file of the authorities that may vouch for the broker; None: those of the system.
        cert: PEM file of the client certificate, with ``key``.
        key: PEM file of its private key, not encrypted.
        protocols: MQTT versions in the order in which they are tried.
    """

    broker: str
    base_topic: str
    client_id: str
    subscriptions: tuple[str, ...]
    will: tuple[str, bytes] | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    protocols: tuple[MQTTProtocolVersion, ...] = MQTT5_FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where a broker is, taken apart."""

    host: str
    port: int
    tls: bool


def station_client_id(site: str, line: str, station: str) -> str:
    """Return the fixed MQTT client id of a station, ``linegate-{site}-{line}-{station}``.

    Raises:
        ValueError: a name does not match ``[a-z0-9-]{1,12}``.
    """
    wire.base_topic(site, line, station)
    return f"linegate-{site}-{line}-{station}"


def parse_broker(address: str) -> BrokerAddress:
    """Take ``mqtt://host[:port]`` or ``mqtts://host[:port]`` apart.

    Raises:
        LinkError: it is neither.
    """
    advice = "use mqtt://HOST:PORT, or mqtts://HOST:PORT for an encrypted link"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise LinkError(f"broker address {address!r}: {error}; {advice}") from error
    if parts.scheme not in PORTS or not host or port == 0:
        raise LinkError(f"broker address {address!r} is not understood; {advice}")
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise LinkError(f"broker address {address!r} holds more than a host and a port; {advice}")
    return BrokerAddress(host=host, port=port or PORTS[parts.scheme], tls=parts.scheme == "mqtts")


def tls_context(settings: LinkSettings) -> ssl.SSLContext:
    """Build the TLS side of an ``mqtts://`` link: TLS 1.2 or newer, host name checked, files read afresh.

    Raises:
        LinkError: a file is missing, unreadable or not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if settings.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(_readable(settings.ca, "ca"))
    except (ssl.SSLError, ValueError) as error:
        raise LinkError(f"line.ca: {settings.ca} holds no certificate in PEM form ({error})") from error
    if settings.cert is None or settings.key is None:
        return context
    cert, key = _readable(settings.cert, "cert"), _readable(settings.key, "key")
    try:
        context.load_cert_chain(cert, key, password="")  # an encrypted key must fail here, not ask at a terminal
    except (ssl.SSLError, ValueError) as error:
        raise LinkError(
            f"line.cert {cert} and line.key {key} are no pair of PEM certificate and unencrypted key ({error}); "
            "issue them again with 'linegate provision'"
        ) from error
    return context


def check(settings: LinkSettings) -> BrokerAddress:
    """Check everything that can be checked without a broker, and return where the broker is.

    Raises:
        LinkError: the settings can never work; the message says what to change.
    """
    address = parse_broker(settings.broker)
    files = [name for name in ("ca", "cert", "key") if getattr(settings, name) is not None]
    if files and not address.tls:
        raise LinkError(f"line.{files[0]} is set but {settings.broker} is not encrypted; write mqtts://, or remove it")
    if (settings.cert is None) != (settings.key is None):
        missing = "key" if settings.key is None else "cert"
        raise LinkError(f"line.{missing} is missing: a client certificate needs both line.cert and line.key")
    for topic in settings.subscriptions:
        if not topic or set("+#") & set(topic):
            raise LinkError(f"subscription {topic!r}: the line contract knows no wildcards")
    if address.tls:
        tls_context(settings)
    return address


def _readable(path: Path, key: str) -> str:
    try:
        with path.open("rb"):
            return str(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LinkError(f"line.{key}: cannot read {path} ({reason}); correct the path or its permissions") from error
