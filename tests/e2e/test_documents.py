"""What the documents tell people to type and to write is what the software takes."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.config.load import parse_config
from edge.ledger.verify import verify
from tests.support.ledgers import archive, key, whole_part, write

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_configuration_in_the_operators_guide_is_usable_and_shows_the_defaults():
    (block,) = re.findall(r"```toml\n(.*?)```", text_of(ROOT / "docs" / "operating.md"), re.DOTALL)
    shown = parse_config(block)
    least = [line for line in block.splitlines() if not line.startswith(("spool", "jpeg", "path", "trigger", "live"))]
    assert parse_config("\n".join(least)) == shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_into_this_tree_leads_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text_of(page))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_and_verb_that_is_named_exists(page):
    text = text_of(page)
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    known = set(re.findall(r"^## linegate ([a-z-]+)", text_of(ROOT / "docs" / "commands.md"), re.MULTILINE))
    assert set(re.findall(r"`(?:/opt/linegate/bin/)?linegate ([a-z][a-z-]*)", text)) <= known


def test_the_auditor_s_program_follows_the_chain_and_finds_a_change(tmp_path):
    (program,) = re.findall(r"is run -->\n```python\n(.*?)```", text_of(ROOT / "docs" / "operating.md"), re.DOTALL)
    store = tmp_path / "store"
    store.mkdir()
    write(store, [event for trig in range(1, 30) for event in whole_part(key(trig))])
    archive(store, keep=30, file_events=40)
    report = verify(store)

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, str(store)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert run().stdout.strip() == f"{report.head_event}:{report.head}"
    first = min((store / "archive").glob("events-*"))
    first.write_bytes(gzip.compress(gzip.decompress(first.read_bytes()).replace(b",7,3,", b",7,4,", 1)))
    assert "does not fit" in run().stderr
