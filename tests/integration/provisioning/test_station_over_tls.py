"""The whole inspector on a provisioned broker: parts are judged, and a certificate that ends soon is told to all."""

import datetime as dt
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli.main import app
from edge.config import LoadedConfig
from edge.config.load import parse_config
from edge.core import wire
from edge.inspector.build import Adapters
from edge.inspector.daemon import run
from edge.ledger.export import export
from tests.support.provisioned import Ear, Plant, now
from tests.support.stations import RunningStation, passed
from tests.support.waiting import wait_until

STATION, PLC, SCADA = "station.plant1.line3.st07", "plc.plant1.line3.st07", "scada.plant1"
BASE = wire.base_topic("plant1", "line3", "st07")


@pytest.fixture
def plant(tmp_path) -> Iterator[Plant]:
    plant = Plant(tmp_path / "plant", [STATION, PLC, SCADA])
    plant.issue(STATION, days=10, replace=True)
    with plant.broker:
        yield plant


def configuration(plant: Plant, store: Path) -> str:
    link = plant.link(STATION)
    return f"""
[station]
site = "plant1"
line = "line3"
name = "st07"
[[camera]]
name = "top"
source = "virtual:"
[line]
broker = "{plant.address}"
ca = "{link.ca}"
cert = "{link.cert}"
key = "{link.key}"
[store]
path = "{store}"
"""


def heard(ear: Ear, below: str) -> list[dict[str, object]]:
    return [json.loads(payload) for topic, payload in list(ear.heard) if topic == f"{BASE}/{below}"]


def test_a_part_is_judged_and_a_certificate_that_ends_soon_is_told(plant, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    parts = RunningStation(store)
    loaded = LoadedConfig(config=parse_config(configuration(plant, store)), sha256="c" * 64, path=Path("x"))
    adapters, stopping = Adapters(sources=parts._sources, recipes=parts._recipes, test=passed), threading.Event()
    inspector = threading.Thread(target=run, args=(loaded, stopping, adapters))
    plc, display = Ear(plant.link(PLC)), Ear(plant.link(SCADA))
    inspector.start()
    try:
        wait_until(lambda: any(beat["ready"] for beat in heard(plc, wire.HEARTBEAT)), timeout=30, what="a heartbeat")
        epoch = heard(plc, wire.HEARTBEAT)[-1]["epoch"]
        trigger = {"sess": 5, "epoch": epoch, "trig": 1, "tick": 0, "part": "A", "recipe": 0, "dl_ms": 0}
        assert plc.say(f"{BASE}/{wire.TRIGGER}", wire.encode(trigger)) == 0
        wait_until(lambda: heard(plc, wire.RESULT), what="the result")
        (result,) = heard(plc, wire.RESULT)
        assert (result["trig"], result["dec"]) == (1, 1)
        wait_until(lambda: any(one["raised"] for one in heard(display, "alarm/cert")), what="alarm cert")
        alarm = heard(display, "alarm/cert")[-1]
        assert "in 10 days: renew it" in str(alarm["text"])
        plant.issue(STATION, days=300, replace=True)
        wait_until(lambda: not heard(display, "alarm/cert")[-1]["raised"], what="the end of the alarm")
    finally:
        stopping.set()
        inspector.join(30)
    wait_until(lambda: heard(display, wire.STATE)[-1]["online"] == 0, what="the farewell")
    assert [record["verdict"] for record in export(store)] == ["accept"]
    plc.close()
    display.close()


def test_status_says_why_the_station_is_turned_away_and_which_certificate_has_ended(plant, tmp_path):
    plant.issue(STATION, days=1, at=now() - dt.timedelta(days=10), replace=True)
    path = tmp_path / "linegate.toml"
    path.write_text(configuration(plant, tmp_path))
    done = CliRunner().invoke(app, ["status", "--config", str(path)])
    assert done.exit_code == 1
    assert "cannot be reached: the broker says that the certificate line.cert has expired" in done.stdout
    assert f"certificate: line.cert ({STATION}) has expired on" in done.stdout
    as_json = CliRunner().invoke(app, ["status", "--config", str(path), "--json"])
    told = json.loads(as_json.stdout)
    assert "line.cert has expired" in told["trouble"]
    assert [one["key"] for one in told["certificates"]] == ["line.cert", "line.ca"]
