"""How a command line is made and run, whichever verbs it has."""

import os
import sys
from contextlib import suppress
from typing import Final

import typer

from edge.cli.common import Exit

READER_GONE: Final = 141
"""The exit code where the reader of the output has left, as a shell gives it: 128 + SIGPIPE."""


def new_app() -> typer.Typer:
    """Return the command ``linegate``, without any verb."""
    return typer.Typer(
        name="linegate",
        help="The inspection appliance beside the line: accept, reject or cannot judge.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def run_app(app: typer.Typer) -> None:
    """Run the command line; output that cannot be written ends it with one line, or silently if nobody reads it."""
    try:
        app(prog_name="linegate")
    except SystemExit as ending:
        if isinstance(ending.__context__, BrokenPipeError):  # typer makes it a plain 1
            _discard_output()
            sys.exit(READER_GONE)
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        text = (
            f"{error.filename}: {reason}" if error.filename else f"writing failed ({reason}): see where the output goes"
        )
        with suppress(OSError):
            typer.echo(f"error: {text}", err=True)
        _discard_output()
        sys.exit(Exit.FAILED)


def _discard_output() -> None:
    """Lead standard output and error to nowhere, lest what is still buffered complain once more at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
