"""``linegate provision`` as an integrator types it: the whole way, and what is said where something is wrong."""

import getpass
import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli.main import app

STATION = "station.plant1.line3.st07"
CONFIG = """
[station]
site = "plant1"
line = "line3"
name = "st07"
[[camera]]
name = "top"
source = "virtual:"
[line]
broker = "mqtt://127.0.0.1:1883"
"""


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["provision", *(str(argument) for argument in arguments)])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done.stdout if code == 0 else done.output


@pytest.fixture
def authority(tmp_path) -> Path:
    run("authority", "--out", tmp_path / "ca", "--name", "Plant 1")
    return tmp_path / "ca"


@pytest.fixture
def configuration(tmp_path) -> Path:
    path = tmp_path / "linegate.toml"
    path.write_text(CONFIG)
    return path


def test_the_way_without_a_plant_authority(authority, configuration, tmp_path):
    asked = run("request", "--config", configuration, "--out", tmp_path / "tls")
    assert f"{tmp_path}/tls/{STATION}.key: it stays here" in asked
    assert f'cert = "{tmp_path}/tls/{STATION}.crt"' in asked
    signed = run("sign", tmp_path / "tls" / f"{STATION}.csr", "--authority", authority, "--out", tmp_path / "tls")
    assert f"{STATION}, by Plant 1, until" in signed
    assert "825 days left" in signed
    run("issue", "broker.plant1", "--authority", authority, "--out", tmp_path / "b", "--host", "broker.lan")
    run("issue", "plc.plant1.line3", "--authority", authority, "--out", tmp_path / "p", "--kind", "rsa")
    written = run(
        *("broker", "--out", tmp_path / "conf", "--user", STATION, "--user", "plc.plant1.line3"),
        *("--ca", tmp_path / "b" / "authority.crt", "--cert", tmp_path / "b" / "broker.plant1.crt"),
        *("--key", tmp_path / "b" / "broker.plant1.key", "--crl", authority / "revoked.crl"),
        *("--data", tmp_path / "data", "--owner", getpass.getuser()),
    )
    assert "mosquitto -c" in written
    listed = run("access", tmp_path / "conf" / "access.acl", "--add", "scada.plant1", "--remove", "plc.plant1.line3")
    assert listed.splitlines()[:2] == [
        f"{STATION}: linegate/v1/plant1/line3/st07/…",
        "scada.plant1: linegate/v1/plant1/+/+/…",
    ]
    assert "systemctl reload mosquitto" in listed


def test_the_stations_configuration_takes_what_is_printed(authority, configuration, tmp_path):
    run("request", "--config", configuration, "--out", tmp_path / "tls")
    run("sign", tmp_path / "tls" / f"{STATION}.csr", "--authority", authority, "--out", tmp_path / "tls")
    asked = run("request", "--config", configuration, "--out", tmp_path / "tls")
    printed = asked[asked.index("broker =") :].replace("  ", "").replace("BROKER", "broker.lan")
    configuration.write_text(CONFIG.replace('broker = "mqtt://127.0.0.1:1883"', printed))
    done = CliRunner().invoke(app, ["config", "check", "--config", str(configuration)])
    assert done.exit_code == 0, done.output


def test_keys_are_private_and_said_to_be_kept(tmp_path):
    run("request", STATION, "--out", tmp_path)
    key = tmp_path / f"{STATION}.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "(kept as it was)" in run("request", STATION, "--out", tmp_path)


def test_show_tells_whose_and_how_long_and_fails_for_what_has_expired(authority, tmp_path):
    run("request", "broker.plant1", "--host", "b.lan", "--host", "10.0.0.5", "--out", tmp_path)
    said = run("show", tmp_path / "broker.plant1.csr", authority / "authority.crt")
    assert "request of broker.plant1 for b.lan, 10.0.0.5" in said
    assert "Plant 1, by Plant 1" in said
    (asked, root) = json.loads(run("show", tmp_path / "broker.plant1.csr", authority / "authority.crt", "--json"))
    assert (asked["kind"], asked["role"], asked["ends"]) == ("request", "broker", None)
    assert (root["kind"], root["role"], root["name"]) == ("certificate", None, "Plant 1")


def test_revoking_says_what_to_do_next(authority, tmp_path):
    run("issue", "mes.plant1", "--authority", authority, "--out", tmp_path)
    said = run("revoke", tmp_path / "mes.plant1.crt", "--authority", authority)
    assert "mes.plant1: revoked" in said
    assert str(authority / "revoked.crl") in said
    assert "was revoked before" in run("revoke", tmp_path / "mes.plant1.crt", "--authority", authority)


def test_a_password_is_read_from_a_file(tmp_path):
    words = tmp_path / "password"
    words.write_text("correct horse\nnot this\n")
    run("authority", "--out", tmp_path / "ca", "--password-file", words)
    assert b"ENCRYPTED" in (tmp_path / "ca" / "authority.key").read_bytes()
    run("issue", "mes.plant1", "--authority", tmp_path / "ca", "--out", tmp_path / "m", "--password-file", words)
    said = run("issue", "mes.plant2", "--authority", tmp_path / "ca", "--out", tmp_path / "n", code=1)
    assert "--password-file" in said
    words.write_text("\n")
    assert "first line is empty" in run("authority", "--out", tmp_path / "x", "--password-file", words, code=2)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("request", "--out", "{}"), 2, "whose? give a name"),
        (("request", STATION, "--config", "{}/linegate.toml", "--out", "{}"), 2, "whose? give a name"),
        (("request", "robot.plant1", "--out", "{}"), 2, "names no taker of part"),
        (("request", "--config", "{}/nowhere.toml", "--out", "{}"), 2, "cannot be read"),
        (("request", "broker.plant1", "--out", "{}"), 1, "say by which --host"),
        (("request", STATION, "--out", "{}/ca/authority.crt"), 1, "cannot be written"),
        (("sign", "{}/nowhere.csr", "--authority", "{}/ca", "--out", "{}"), 1, "nowhere.csr: cannot be read"),
        (("sign", "{}/ca/authority.crt", "--authority", "{}/ca", "--out", "{}"), 1, "no signing request"),
        (("issue", "mes.plant1", "--authority", "{}/nowhere", "--out", "{}"), 1, "cannot be read"),
        (("revoke", "{}/ca/revoked.crl", "--authority", "{}/ca"), 1, "holds no certificate"),
        (("show", "{}/linegate.toml"), 1, "holds no certificate"),
        (("access", "{}/linegate.toml"), 1, "is not an access list of linegate's"),
        (("authority", "--out", "{}/ca"), 1, "an authority is made once"),
        (("authority", "--out", "{}/new", "--name", ""), 1, "give 1 to 64 printable characters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
@pytest.mark.usefixtures("authority", "configuration")
def test_what_cannot_be_done_says_what_and_where(tmp_path, arguments, code, said):
    assert said in run(*(word.replace("{}", str(tmp_path)) for word in arguments), code=code)
