"""Writes docs/commands.md: the help of every command, as the command itself prints it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import typer

from edge.cli.main import app

HEAD = """# Commands

What `linegate --help` and `linegate COMMAND --help` print (`make docs` writes this page, a test compares it).
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 refused for safety. With `--json` only JSON goes to
standard output.
"""
PAGE = Path(__file__).with_name("commands.md")


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command below one, with its words."""
    yield path, command
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from walk(child, (*path, name))


def page() -> str:
    """Return the page's text."""
    parts = [HEAD]
    for path, command in walk(typer.main.get_command(app), ("linegate",)):
        words = " ".join(path)
        context = click.Context(command, info_name=words, max_content_width=100, terminal_width=100)
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"## {words}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
