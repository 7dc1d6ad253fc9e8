"""``linegate version``: which software this is."""

import platform

import typer

from edge.cli.common import JsonOption
from edge.core import wire
from edge.inspector.station import software_version


def version(json: JsonOption = False) -> None:
    """Print the versions of linegate, of the line contract and of Python."""
    if json:
        typer.echo(
            wire.encode(
                {
                    "linegate": software_version(),
                    "contract": wire.VERSION,
                    "python": platform.python_version(),
                }
            ).decode()
        )
        return
    typer.echo(f"linegate {software_version()} (line contract {wire.VERSION}, Python {platform.python_version()})")
