"""``linegate buffer``: the pictures that the station keeps."""

import json
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from edge.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, explained, load_or_exit
from edge.spool import SPOOL_FOLDER
from edge.spool.reader import SpooledImage, list_spool

app = typer.Typer(help="The pictures that the station keeps.", no_args_is_help=True)


@app.callback()
def buffer() -> None:
    """Keep the verbs below one name, even while there is a single one."""


@app.command("list")
def list_pictures(
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many, oldest first.")] = None,
) -> None:
    """List the pictures in the spool, oldest day first; a broken one with what is wrong. JSON: one object a line."""
    directory = load_or_exit(config).config.store.path / SPOOL_FOLDER
    with explained():
        for entry in islice(list_spool(directory), limit):
            typer.echo(json.dumps(_fields(entry)) if as_json else _line(entry))


def _fields(entry: SpooledImage) -> dict[str, Any]:
    sidecar = None if entry.sidecar is None else entry.sidecar.model_dump(mode="json")
    return {"path": entry.path, "problem": entry.problem, "sidecar": sidecar}


def _line(entry: SpooledImage) -> str:
    if entry.sidecar is None:
        return f"{entry.path}  {entry.problem}"
    seen = entry.sidecar
    received = datetime.fromtimestamp(seen.received_at / 1000, UTC).isoformat(timespec="seconds")
    score = "-" if seen.score is None else f"{seen.score:.3f}"
    return (
        f"{entry.path}  {received}  {seen.decision}  code {seen.code}  score {score}  part {seen.part or '-'}  "
        f"{seen.image.size} bytes"
    )
