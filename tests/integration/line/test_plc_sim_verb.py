"""The verb plc-sim: one plain line a part, JSON where asked for, exit codes."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from edge.cli.plc_sim import plc_sim
from edge.core import wire
from edge.core.types import Trigger
from edge.line.mqtt import MqttLink
from edge.line.plc import plc_link_settings
from tests.support.brokers import mosquitto_broker
from tests.support.links import STATION_SUBSCRIPTIONS, ScriptedStation, result_for

NAMES = ["--site", "plant1", "--line", "line3", "--station", "st07"]
SILENT_RECIPE = 9

app = typer.Typer()
app.command()(plc_sim)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def broker(tmp_path) -> Iterator[str]:
    def simulated(trigger: Trigger, epoch: int, seq: int) -> wire.Result | None:
        if trigger.recipe == SILENT_RECIPE:
            return None
        return result_for(trigger, epoch=epoch, seq=seq, sim=1)

    with mosquitto_broker(tmp_path) as broker:
        link = replace(
            plc_link_settings("plant1", "line3", "st07", broker.address),
            client_id="station",
            subscriptions=STATION_SUBSCRIPTIONS,
        )
        with ScriptedStation(lambda events: MqttLink(link, events), simulated):
            yield broker.address


def test_one_plain_line_a_part_and_the_counts_at_the_end(broker):
    outcome = CliRunner().invoke(app, [*NAMES, "--broker", broker, "--parts", "3", "--rate", "0"])
    assert outcome.exit_code == 0, outcome.output
    lines = outcome.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("part P000001 (trig 1): ACCEPT after ")
    assert lines[3].startswith("parts=3 verdicts=3 accept=3 reject=0 cannot_judge=0 late=0")


def test_a_live_line_refuses_simulated_results_and_says_so(broker):
    outcome = CliRunner().invoke(app, [*NAMES, "--broker", broker, "--parts", "1", "--live-line"])
    assert outcome.exit_code == 0
    assert "reject after" in outcome.stdout
    assert "sim is 1 on a live line" in outcome.stdout


def test_json_only_and_exit_code_1_where_a_part_was_late(broker):
    arguments = ["--broker", broker, "--parts", "2", "--timer-ms", "100", "--recipe", str(SILENT_RECIPE), "--json"]
    outcome = CliRunner().invoke(app, [*NAMES, *arguments, "--rate", "0"])
    assert outcome.exit_code == 1
    first, second, counts = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert (first["act"], first["decision"], second["act"]) == (3, None, 3)
    assert (first["session"], first["epoch"], first["seq"]) == (second["session"], 0, 0)
    assert (counts["parts"], counts["verdicts"], counts["late"]) == (2, 0, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --site, --line, --station, or --config FILE"),
        (["--site", "X", *NAMES[2:]], "site name 'X'"),
    ],
)
def test_unusable_options_exit_with_2(arguments, message):
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 2
    assert message in outcome.stderr


@pytest.mark.parametrize("address", ["http://x", "foo", "mqtt://h:99999999"])
def test_a_bad_address_exits_with_2_and_advice(address):
    outcome = CliRunner().invoke(app, [*NAMES, "--broker", address])
    assert outcome.exit_code == 2
    assert "use mqtt://HOST:PORT" in outcome.stderr


@pytest.mark.parametrize("option", ["ca", "cert", "key"])
def test_a_missing_certificate_file_is_named_by_its_option(tmp_path, option):
    there = tmp_path / "line.ca.pem"
    there.write_bytes(b"")
    given = {"cert": there, "key": there} | {option: tmp_path / "line.ca"}
    arguments = [word for name, path in given.items() for word in (f"--{name}", str(path))]
    outcome = CliRunner().invoke(app, [*NAMES, "--broker", "mqtts://h", *arguments])
    assert outcome.exit_code == 2
    assert f"--{option}: cannot read {tmp_path}/line.ca (" in outcome.stderr


def test_an_option_for_encryption_without_it_is_named():
    outcome = CliRunner().invoke(app, [*NAMES, "--broker", "mqtt://h", "--ca", "ca.pem"])
    assert outcome.exit_code == 2
    assert "--ca is set" in outcome.stderr


def test_ended_before_its_parts_were_done_it_exits_with_1():
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    outcome = CliRunner().invoke(app, [*NAMES, "--broker", "mqtt://127.0.0.1:9", "--parts", "2"])
    assert outcome.exit_code == 1
    assert outcome.stdout.startswith("parts=0 ")
    assert "ended after 0 of 2 parts" in outcome.stderr
