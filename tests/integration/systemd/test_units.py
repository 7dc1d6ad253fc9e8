"""The unit files, as systemd's own tools read them; no running systemd is needed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[3] / "systemd"
SERVICES = ("linegate-inspect.service", "linegate-sync.service")
COMMAND = "/opt/linegate/bin/linegate"
MAX_EXPOSURE = 20  # tenths, on a scale of 0 to 100
TOOL_S = 60


def tool(*command: str | Path) -> subprocess.CompletedProcess[str]:
    found = shutil.which(str(command[0]))
    assert found, f"{command[0]} is missing: install the package systemd"
    return subprocess.run(
        [found, *command[1:]],
        capture_output=True,
        text=True,
        timeout=TOOL_S,
        check=False,
        env=os.environ | {"SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"},
    )


@pytest.fixture(params=SERVICES)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the unit whose command exists."""
    stub = tmp_path / "linegate"
    stub.write_text("#!/bin/sh\n")
    stub.chmod(0o755)
    text = (UNITS / request.param).read_text()
    assert f"ExecStart={COMMAND} " in text
    copy: Path = tmp_path / request.param
    copy.write_text(text.replace(COMMAND, str(stub)))
    return copy


def settings(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", (UNITS / name).read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_the_unit_is_valid_without_a_word_of_complaint(unit: Path) -> None:
    done = tool("systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", unit)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_a_misspelt_key_would_be_found(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in tool("systemd-analyze", "verify", "--man=no", unit).stderr


def test_the_unit_is_hardened(unit: Path) -> None:
    done = tool("systemd-analyze", "security", "--offline=yes", f"--threshold={MAX_EXPOSURE}", unit)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_the_service_manager_watches_and_restarts(name: str) -> None:
    found = settings(name)
    assert found["Type"] == ["notify"]
    assert found["Restart"] == ["always"]
    assert "WatchdogSec" in found
    assert found["RestartPreventExitStatus"] == ["2 3"]
    assert found["StateDirectory"] == found["ConfigurationDirectory"] == found["User"] == ["linegate"]


def test_the_inspector_sees_cameras_and_the_processor() -> None:
    found = settings("linegate-inspect.service")
    assert "char-video4linux rw" in found["DeviceAllow"]
    assert found["SupplementaryGroups"] == ["video"]
    assert "PrivateDevices" not in found
    assert "ProcSubset" not in found


def test_the_inspector_ends_the_process_of_a_trial_itself() -> None:
    assert settings("linegate-inspect.service")["KillMode"] == ["mixed"]


def test_sync_may_not_touch_the_spool_and_comes_last() -> None:
    found = settings("linegate-sync.service")
    assert found["ReadOnlyPaths"] == ["-/var/lib/linegate/spool"]
    assert int(found["Nice"][0]) > 0 > int(settings("linegate-inspect.service")["Nice"][0])
    assert found["StartLimitIntervalSec"] == ["0"]


def test_the_user_is_made_in_an_empty_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    conf = UNITS / "linegate.sysusers.conf"
    planned = tool("systemd-sysusers", f"--root={tmp_path}", "--dry-run", conf)
    assert planned.returncode == 0, planned.stderr
    assert not (tmp_path / "etc" / "passwd").exists()
    assert tool("systemd-sysusers", f"--root={tmp_path}", conf).returncode == 0
    assert "/var/lib/linegate:/usr/sbin/nologin" in (tmp_path / "etc" / "passwd").read_text()
    assert re.search(r"^video:.*:linegate$", (tmp_path / "etc" / "group").read_text(), re.MULTILINE)


def test_the_folders_are_made_in_an_empty_root(tmp_path: Path) -> None:
    assert os.geteuid() == 0, "this test creates folders of other owners: run it as root"
    (tmp_path / "etc").mkdir()
    assert tool("systemd-sysusers", f"--root={tmp_path}", UNITS / "linegate.sysusers.conf").returncode == 0
    done = tool("systemd-tmpfiles", f"--root={tmp_path}", "--create", UNITS / "linegate.tmpfiles.conf")
    assert (done.returncode, done.stderr) == (0, "")
    modes = {path: (tmp_path / path).stat().st_mode & 0o777 for path in ("etc/linegate", "var/lib/linegate")}
    assert modes == {"etc/linegate": 0o750, "var/lib/linegate": 0o750}
    assert (tmp_path / "etc/credstore").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var/lib/linegate").stat().st_uid != 0


def test_the_udev_rules_are_well_formed() -> None:
    """Every line is a comment or comma-separated KEY OPERATOR "value"; every GOTO has its LABEL."""
    text = (UNITS / "60-linegate-camera.rules").read_text()
    term = r'[A-Z_]+(\{\w+\})?(==|!=|=|\+=|:=)"[^"]*"'
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(rf"{term}(, {term})*", line), line
    assert set(re.findall(r'GOTO="(\w+)"', text)) == set(re.findall(r'LABEL="(\w+)"', text))
