"""docs/line-contract.md taken apart: its sections, examples and tables."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "line-contract.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return a section's text, from its heading to the next of any level."""
    match = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert match, f"no section {title!r}"
    return match[1]


def examples(title: str) -> list[bytes]:
    return [found.encode() for found in re.findall(r"```json\n(.*?)\n```", section(title), re.DOTALL)]


def rows(title: str) -> list[list[str]]:
    """Return the cells of a section's first table, without its two heading lines."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
