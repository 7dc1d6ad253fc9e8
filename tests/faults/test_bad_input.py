"""Whatever anybody sends: no crash, only the layer's own errors, and nothing accepted (``make soak``: 10^5 each)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from camera.errors import CameraError
from camera.scripted import ScriptedSource
from camera.source import Timing
from edge.config import Config, ConfigError
from edge.config.load import load_config_file
from edge.core import wire
from edge.core.types import Decision, Trigger
from edge.inspector.build import UnsafeStartError, create_sources, refuse_unsafe
from edge.ledger.export import export
from edge.line.settings import station_client_id
from models.bundle import Bundle
from models.bundle.archive import parse_bundle
from models.bundle.writing import pack
from models.errors import BundleError
from tests.support import bad_input, bundles
from tests.support.stations import RunningStation, pictures

pytestmark = pytest.mark.timeout(0)  # the soak's examples take as long as they take

ANY_TIME = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
PARSERS: dict[str, tuple[dict[str, Any], Callable[[bytes], object]]] = {
    "cmd/trigger": (bad_input.TRIGGER, wire.parse_trigger),
    "cmd/ack": (bad_input.ACK, wire.parse_ack),
    "cmd/truth": (bad_input.TRUTH, wire.parse_truth),
}
ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "cmd/trigger": wire.encode_trigger,
    "cmd/ack": wire.encode_ack,
    "cmd/truth": wire.encode_truth,
}


@pytest.mark.parametrize("topic", PARSERS)
def test_a_payload_is_read_whole_or_refused_by_name(topic: str) -> None:
    good, parse = PARSERS[topic]
    assert parse(json.dumps(good).encode())

    @ANY_TIME
    @given(bad_input.payloads(good))
    def check(payload: bytes) -> None:
        try:
            parsed = parse(payload)
        except wire.WireError as error:
            assert len(str(error)) < 300
            assert error.code
            return
        written = json.loads(payload)
        assert {name: written[name] for name in good} == json.loads(ENCODERS[topic](parsed))

    check()


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStation]:
    store = tmp_path_factory.mktemp("store")
    cameras = {"top": ScriptedSource("top", pictures(2), repeat=True)}
    with RunningStation(store, sources=cameras) as station:
        yield station


FIRST_SESSION = 1_000_000


class Line:
    """Good parts between the bad input, each of a session of its own."""

    def __init__(self, station: RunningStation) -> None:
        self.station = station
        self.epoch = station.epoch
        self.session = FIRST_SESSION

    def good_part(self) -> wire.Result:
        self.session += 1
        self.station.messages.clear()
        trigger = Trigger(session=self.session, epoch=self.epoch, trig=1, tick=0, part="good", recipe=0, deadline_ms=0)
        self.station.send(wire.TRIGGER, wire.encode_trigger(trigger))
        return self.station.result(1)


def test_no_payload_is_answered_but_a_good_trigger(station: RunningStation) -> None:
    line = Line(station)
    topics = {wire.TRIGGER: bad_input.TRIGGER, wire.ACK: bad_input.ACK, wire.TRUTH: bad_input.TRUTH}
    sent: list[bytes] = []

    @ANY_TIME
    @given(st.sampled_from(sorted(topics)).flatmap(lambda t: st.tuples(st.just(t), bad_input.payloads(topics[t]))))
    def check(message: tuple[str, bytes]) -> None:
        topic, payload = message
        assume(topic != wire.TRIGGER or not bad_input.is_good_trigger(payload, line.epoch))
        station.send(topic, payload)
        sent.append(payload)
        if len(sent) % 100 == 0:
            # Everything before it has been dealt with when the good part's result is there.
            assert line.good_part().dec is Decision.ACCEPT
            assert {result.sess for result in station.results()} == {line.session}

    check()
    assert line.good_part().dec is Decision.ACCEPT
    assert station.failure is None
    accepted = [record for record in export(station.store) if record["verdict"] == "accept"]
    assert len(accepted) == line.session - FIRST_SESSION
    assert all(record["sess"] > FIRST_SESSION for record in accepted)


GOOD_CONFIGURATION = """[station]
site = "plant1"
line = "line3"
name = "st07"

[[camera]]
name = "top"
source = "virtual:?seed=1"

[[recipe]]
id = 0
name = "phone"
revision = 1
deadline_ms = 400
capture_ms = 100
views = [{ camera = "top", bundle = "active", accept_below = 0.1 }]

[line]
broker = "mqtts://127.0.0.1:1883"
trigger = "mqtt"
trigger_slack_ms = 50
live = false
ca = "/etc/ca.pem"
cert = "/etc/cert.pem"
key = "/etc/key.pem"

[store]
path = "/var/lib/linegate"
spool_limit = "8 GB"
jpeg_quality = 95

[sync]
bucket = "s3://name/prefix"
endpoint = "http://127.0.0.1:9000"
region = "us-east-1"

[hmi]
listen = "127.0.0.1:8088"
"""


def test_a_configuration_is_right_or_its_faults_have_lines(tmp_path: Path) -> None:
    path = tmp_path / "linegate.toml"
    path.write_text(GOOD_CONFIGURATION, encoding="utf-8")
    assert load_config_file(path).config

    @ANY_TIME
    @given(bad_input.configurations(GOOD_CONFIGURATION) | st.binary(max_size=400))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            config = load_config_file(path).config
        except ConfigError as error:
            assert error.faults
            # A file may end its last line with its end only; a fault beyond that has no place.
            assert all(0 <= fault.line <= len(data) + 1 for fault in error.faults)
            assert all(fault.text for fault in error.faults)
            return
        assert_usable(config)

    check()


def assert_usable(config: Config) -> None:
    """What was let through is within all bounds, and judges nothing live on simulated pictures."""
    assert station_client_id(config.station.site, config.station.line, config.station.name)
    names = {camera.name for camera in config.camera}
    for recipe in config.recipes:
        assert 0 < recipe.capture_ms <= recipe.deadline_ms
        assert recipe.views
        assert {view.camera for view in recipe.views} <= names
    assert config.store.path.is_absolute()
    try:
        sources = create_sources(config)
    except CameraError:
        return
    if config.line.live and any(source.timing is Timing.SIMULATED for source in sources.values()):
        with pytest.raises(UnsafeStartError):
            refuse_unsafe(config, sources)


PACKED = bundles.packed()
GOOD_BUNDLE = parse_bundle(PACKED, "good.lgb")
MANIFEST = json.loads(bundles.manifest().model_dump_json())
WITHOUT_MEMBERS = {name: value for name, value in MANIFEST.items() if name != "members"}


def parsed_or_refused(data: bytes) -> Bundle | None:
    try:
        return parse_bundle(data, "mutated.lgb")
    except BundleError as error:
        assert str(error).startswith("mutated.lgb: ")
        assert len(str(error)) < 2000
        return None


@ANY_TIME
@given(bad_input.mutations(PACKED) | st.binary(max_size=600))
def test_a_bundle_of_other_bytes_is_refused(data: bytes) -> None:
    assume(data != PACKED)
    assert parsed_or_refused(data) is None


@ANY_TIME
@given(bad_input.archives(PACKED))
def test_a_bundle_put_together_otherwise_is_refused(data: bytes) -> None:
    bundle = parsed_or_refused(data)
    # The same members in another order say the same.
    assert bundle is None or replace(bundle, sha256=GOOD_BUNDLE.sha256) == GOOD_BUNDLE


@ANY_TIME
@given(bad_input.json_mutations(WITHOUT_MEMBERS))
def test_a_manifest_within_valid_hashes_is_valid_or_refused(manifest: dict[str, Any]) -> None:
    bundle = parsed_or_refused(bundles.packed_as(manifest))
    if bundle is not None:
        limits = bundle.manifest.decision.limits()
        assert 0.0 <= limits.accept_below <= limits.reject_above <= 1.0
        assert bundle.manifest.input.width > 0
        assert bundle.manifest.input.height > 0
        bundle.manifest.quality.limits()


def test_the_strategies_come_near_what_is_good() -> None:
    """The manifests that pass are those that differ in what anybody may choose, such as a name."""
    assert parsed_or_refused(bundles.packed_as(WITHOUT_MEMBERS)) is not None
    assert parsed_or_refused(pack(bundles.manifest(), bundles.members())) == GOOD_BUNDLE
