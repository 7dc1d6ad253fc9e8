"""The wheel as a user installs it: the whole line runs from it, far from this source tree."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder that holds what the wheel installs, and nothing else of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*build, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def linegate(installed: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_the_wheel_holds_the_five_packages_and_no_tests(installed):
    assert {path.name for path in installed.iterdir() if path.suffix != ".dist-info"} == {
        "camera",
        "deploy",
        "edge",
        "models",
        "sync",
    }


def test_the_demo_runs_from_the_wheel_and_its_last_line_adds_up(installed, tmp_path):
    done = linegate(installed, "demo", "--parts", "12", "--rate", "4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    last = dict(pair.split("=") for pair in done.stdout.splitlines()[-1].split())
    assert (last["parts"], last["verdicts"], last["late"], last["ledger"]) == ("12", "12", "0", "ok")
    assert sum(int(last[name]) for name in ("accept", "reject", "cannot_judge")) == 12


def test_the_version_names_the_contract(installed, tmp_path):
    done = linegate(installed, "version", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["contract"] == 1
