"""docs/publishing.md: its commands, in their order, and what its tables name."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer.testing

from deploy.publishing.ceremony import ROOT_DAYS
from deploy.publishing.committing import CONTENT_DAYS, LEAST_TIMESTAMP_DAYS, TIMESTAMP_DAYS
from deploy.publishing.describe import WARN_DAYS
from deploy.updates.download import RESERVE
from deploy.updates.errors import Refusal
from edge.cli.main import app
from tests.support.repositories import write_bundle

PAGE = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text("utf-8")
BLOCKS = re.findall(r"<!-- tested -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
CONFIG = """
[station]
site = "plant1"
line = "line3"
name = "st07"
[[camera]]
name = "top"
source = "virtual:?seed=1"
[line]
broker = "mqtt://127.0.0.1:1883"
[store]
path = "{store}"
[updates]
source = "{repository}"
root = "{root}"
"""


class Walk:
    """Runs the page's commands in a folder, whose parts stand in for the places that the page names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self._runner = typer.testing.CliRunner()

    def run(self, line: str, code: int = 0) -> str:
        words = shlex.split(self._moved(line), comments=True)
        if words[0] == "cp":
            shutil.copytree(words[2], words[3], dirs_exist_ok=True)
            return ""
        assert words[0] == "linegate", line
        if words[1] == "model":
            words += ["--config", str(self.folder / "linegate.toml")]
        done = self._runner.invoke(app, words[1:])
        assert done.exit_code == code, f"{line}\n{done.output}"
        self.said.append(done.output)
        return done.output

    def _moved(self, line: str) -> str:
        for place in ("/srv/models", "/media/stick", "/etc/linegate"):
            line = line.replace(place, str(self.folder / place[1:]))
        return line


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text("a long password\n")
    for version in (4, 5):
        write_bundle(tmp_path, name="phones", version=version)
    (tmp_path / "store").mkdir()
    config = CONFIG.format(
        store=tmp_path / "store",
        repository=tmp_path / "srv/models",
        root=tmp_path / "etc/linegate/models-root.json",
    )
    (tmp_path / "linegate.toml").write_text(config)
    return Walk(tmp_path)


def test_the_page_s_commands_work_in_their_order(walk: Walk) -> None:
    assert len(BLOCKS) == 8
    for block in BLOCKS:
        lines = block.splitlines()
        if "cp -rT" in lines[0]:
            for version in (4, 5):
                walk.run(f"linegate publish add /srv/models phones-{version}.lgb --share 100 --key online")
        for line in lines:
            walk.run(line)
    status = json.loads(walk.run("linegate publish status /srv/models --files --json"))
    assert [bundle["version"] for bundle in status["bundles"]] == [4, 5]
    assert status["roles"]["root"]["version"] == 2
    assert status["problems"] == []
    incoming = walk.folder / "store/models/incoming/phones-5.lgb"
    assert incoming.read_bytes() == (walk.folder / "phones-5.lgb").read_bytes()
    assert "nothing new" in walk.run("linegate model install /srv/models")
    assert "wrong key" not in "".join(walk.said)


def test_whoever_signs_is_shown_every_key_that_he_vouches_for(walk: Walk) -> None:
    for line in (line for block in BLOCKS[:3] for line in block.splitlines()):
        walk.run(line)
    ids = {found for said in walk.said for found in re.findall(r": key ([0-9a-f]{16}), ", said)}
    assert len(ids) == 6
    shown = [said for said in walk.said if "signed with" in said]
    assert len(shown) == 2
    for said in shown:
        assert all(keyid in said for keyid in ids)
        assert "root version 1, until" in said
    assert "root.json: fully signed" in shown[1].replace("root-1", "root")


def test_a_share_that_is_no_share_is_a_usage_error(walk: Walk) -> None:
    for share in ("nan", "0.05", "101", "-1"):
        said = walk.run(f"linegate publish add /srv/models phones-4.lgb --share {share} --key online", code=2)
        assert "--share" in said


def test_what_is_refused_exits_with_three_and_says_what_to_do(walk: Walk) -> None:
    for block in BLOCKS[:4]:
        for line in block.splitlines():
            walk.run(line)
    walk.run("linegate publish add /srv/models phones-5.lgb --share 0 --key online")
    plain = walk.run("linegate model install phones-5.lgb", code=3)
    assert "carries no signature" in plain
    assert "publish add" in plain
    assert "not this station's turn" in walk.run("linegate model install /srv/models --bundle phones-5", code=3)
    assert "not on offer" in walk.run("linegate model install /srv/models --bundle phones-9", code=1)
    assert "is no repository" in walk.run("linegate model install /media/stick", code=1)
    assert "no place" in walk.run("linegate model install ftp://host/x", code=2)
    assert "is no valid root" in walk.run("linegate provision models --root password --out x.json", code=3)
    (walk.folder / "srv/models/metadata/timestamp.json").write_text("{}")
    assert "error: tampered: " in walk.run("linegate model install /srv/models", code=3)
    (walk.folder / "etc/linegate/models-root.json").unlink()
    assert "provision models" in walk.run("linegate model install /srv/models", code=3)
    assert not (walk.folder / "store/models/incoming").exists()


def test_a_station_without_a_root_key_takes_a_plain_file_and_says_so(walk: Walk) -> None:
    path = walk.folder / "linegate.toml"
    path.write_text(path.read_text().partition("[updates]")[0])
    assert "UNSIGNED: nobody vouches for phones-5.lgb" in walk.run("linegate model install phones-5.lgb")
    assert "trusts nobody" in walk.run("linegate model install /srv/models", code=3)
    (walk.folder / "broken-1.lgb").write_bytes(b"PK")
    assert "damaged bundle" in walk.run("linegate model install broken-1.lgb", code=3)
    assert sorted(each.name for each in (walk.folder / "store/models/incoming").iterdir()) == [
        "phones-5.lgb",
        "phones-5.lgb.json",
    ]
    path.write_text(path.read_text().replace("[line]", "[line]\nlive = true"))
    assert "unsigned" in walk.run("linegate model install phones-5.lgb", code=3)


def test_the_page_names_every_refusal_and_the_figures_of_the_code() -> None:
    for refusal in Refusal:
        assert f"`{refusal.value}`" in PAGE, refusal
    for text in (
        f"{TIMESTAMP_DAYS} days (`--days`, {LEAST_TIMESTAMP_DAYS} at least)",
        f"| snapshot, targets | {CONTENT_DAYS} days |",
        f"| root | {ROOT_DAYS} days",
        f"{WARN_DAYS['timestamp']} days before a timestamp, {WARN_DAYS['targets']} before snapshot and targets",
        f"and {WARN_DAYS['root']}\nbefore a root ends",
        f"{RESERVE >> 20} MB of the disk stay free",
    ):
        assert text in PAGE, text
