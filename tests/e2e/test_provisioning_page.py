"""docs/provisioning.md, typed line by line: it ends with a broker's configuration and a station's that fit together."""

import getpass
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.provisioning.names import parse_member
from edge.cli.main import app

PAGE = Path(__file__).parents[2] / "docs" / "provisioning.md"
TEXT = PAGE.read_text(encoding="utf-8")
STATION = """
[station]
site = "plant1"
line = "line3"
name = "st07"
[[camera]]
name = "top"
source = "virtual:"
"""


@pytest.fixture
def root(tmp_path) -> Path:
    for folder in ("root", "etc/linegate", "etc/mosquitto/linegate", "media/stick"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/linegate/linegate.toml").write_text(STATION + '[line]\nbroker = "mqtt://127.0.0.1"\n')
    return tmp_path


def moved(text: str, root: Path) -> str:
    """Return commands with the machine's folders moved into another root."""
    return re.sub(r"(?<=[\s\"])/(?=(root|etc|media|var)/)", f"{root}/", text)


def type_in(line: str) -> None:
    program, *arguments = shlex.split(line, comments=True)
    if program == "cp":
        for source in arguments[:-1]:
            shutil.copy(source, arguments[-1])
        return
    assert program == "linegate"
    if "broker" in arguments[:2]:
        arguments += ["--owner", getpass.getuser()]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, f"{line}: {done.output}"


def test_the_lines_of_the_page_lead_to_a_broker_and_a_station_that_fit_together(root):
    blocks = re.findall(r"<!-- tested: these lines are run -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 3
    for line in moved("\n".join(blocks), root).splitlines():
        if line and not line.startswith("#"):
            type_in(line)
    access = (root / "etc/mosquitto/linegate/access.acl").read_text()
    assert access.count("user ") == 5
    (link,) = re.findall(r"```toml\n(\[line\].*?)```", TEXT, re.DOTALL)
    (root / "etc/linegate/linegate.toml").write_text(STATION + moved(link, root))
    done = CliRunner().invoke(app, ["config", "check", "--config", str(root / "etc/linegate/linegate.toml")])
    assert done.exit_code == 0, done.output


def test_every_name_on_the_page_is_one(root):
    names = re.findall(r"`((?:station|plc|mes|scada|broker)\.[a-z0-9.-]+[a-z0-9])`", TEXT)
    assert len(names) > 5
    for name in names:
        if not name.endswith((".key", ".crt")):
            parse_member(name)
