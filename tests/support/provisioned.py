"""A plant with its own authority, and a real mosquitto that runs on exactly what 'linegate provision' writes."""

import datetime as dt
import getpass
import threading
from collections.abc import Sequence
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from deploy.provisioning import authority as authorities
from deploy.provisioning import steps
from deploy.provisioning.authority import Authority
from deploy.provisioning.credentials import KeyKind
from deploy.provisioning.names import parse_member
from edge.core import wire
from edge.line.broker import EmbeddedBroker, find_mosquitto
from edge.line.settings import LinkSettings
from tests.support.waiting import wait_until

SITE, LINE = "plant1", "line3"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Plant:
    """An authority, a folder of credentials for each name, and a broker that knows the given users."""

    def __init__(self, folder: Path, users: Sequence[str], *, authority: Authority | None = None) -> None:
        self.folder = folder
        self.users = users
        self.authority = authority or authorities.create(
            folder / "authority", name="plant 1", days=3650, password=None, now=now()
        )
        self.certificate = self.issue("broker.plant1", hosts=("127.0.0.1", "localhost"))
        for user in users:
            self.issue(user)
        self.broker = EmbeddedBroker(folder, command=self._command)

    def issue(
        self,
        name: str,
        *,
        hosts: Sequence[str] = (),
        days: int = 30,
        at: dt.datetime | None = None,
        authority: Authority | None = None,
        replace: bool = False,
    ) -> Path:
        """Make key and certificate of a member in a folder of its own, and return the certificate's path."""
        made = steps.issue(
            authority or self.authority,
            parse_member(name),
            self.folder / name,
            hosts=hosts,
            kind=KeyKind.EC,
            days=days,
            owner=None,
            replace=replace,
            now=at or now(),
        )
        assert made.certificate is not None
        return made.certificate

    def link(self, name: str, station: str = "st07", *, client_id: str | None = None) -> LinkSettings:
        """Return link settings with a member's credentials."""
        certificate = self.folder / name / f"{name}.crt"
        return LinkSettings(
            broker=self.address,
            base_topic=wire.base_topic(SITE, LINE, station),
            client_id=client_id or name,
            subscriptions=(),
            ca=self.folder / "broker.plant1" / "authority.crt",
            cert=certificate,
            key=certificate.with_suffix(".key"),
        )

    @property
    def address(self) -> str:
        return f"mqtts://127.0.0.1:{self.broker.port}"

    @property
    def access_list(self) -> Path:
        return self.folder / "broker" / steps.ACCESS_LIST

    @property
    def revoked(self) -> Path:
        return self.authority.folder / authorities.REVOKED

    def _command(self, port: int) -> list[str]:
        executable = find_mosquitto()
        assert executable is not None, "mosquitto is not installed: make test does it as root"
        plan = steps.BrokerPlan(
            certificate=self.certificate,
            key=self.certificate.with_suffix(".key"),
            authority=self.certificate.with_name("authority.crt"),
            revoked=self.revoked,
            port=port,
            address="127.0.0.1",
            data=self.folder / "data",
            account=getpass.getuser(),
        )
        members = [parse_member(user) for user in self.users]
        configuration = steps.broker(plan, members, self.folder / "broker", replace=True, now=now())
        return [executable, "-c", str(configuration)]


class Ear:
    """A raw client that subscribes to everything: what arrives is what the broker lets through."""

    def __init__(
        self,
        settings: LinkSettings,
        *,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.reasons: dict[int, int] = {}
        self._subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=settings.client_id, protocol=version)
        self.client.tls_set(str(settings.ca), str(settings.cert), str(settings.key))
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_arguments: self._subscribed.set()
        self.client.on_publish = lambda _client, _data, mid, reason, _properties: self.reasons.update(
            {mid: reason.value}
        )
        if will is not None:
            self.client.will_set(will[0], will[1], qos=1, retain=True)
        host, _, port = settings.broker.removeprefix("mqtts://").partition(":")
        self.client.connect(host, int(port), keepalive=30)
        self.client.subscribe("#", qos=1)
        self.client.loop_start()
        assert self._subscribed.wait(10)

    def say(self, topic: str, payload: bytes, *, qos: int = 1) -> int | None:
        """Publish on a complete topic; return the broker's reason code for QoS 1."""
        sent = self.client.publish(topic, payload, qos=qos)
        if qos == 0:
            return None
        wait_until(lambda: sent.mid in self.reasons, what="the acknowledgement")
        return self.reasons[sent.mid]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self) -> None:
        """End without a word, so that the broker tells the will."""
        held = self.client.socket()
        assert held is not None
        self.client.loop_stop()
        held.close()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))
