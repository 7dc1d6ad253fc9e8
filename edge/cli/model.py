"""``linegate model``: the bundles of a station, from the moment they come to the moment they go."""

import json as json_format
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from deploy.active import shipped_bundle
from deploy.slots.store import models_folder, read_slots
from edge.cli.common import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, explained, fail, load_or_exit
from edge.cli.model_diff import difference, lines
from edge.core.slots import IllegalMoveError, Slot, Slots, Stage, find
from edge.inspector.operating import ModelRequest, OperatingError, State
from edge.inspector.operator_client import ask, says
from models.bundle import Bundle, read_bundle

app = typer.Typer(help="The models of this station: try them, use them, take them back.", no_args_is_help=True)

StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="The store's folder, instead of the configuration's.")
]
BundleArgument = Annotated[str, typer.Argument(metavar="BUNDLE", help="NAME-VERSION, or 8 digits of its hash.")]
ORDER: Final = (
    Stage.ACTIVE,
    Stage.PREVIOUS,
    Stage.CANARY,
    Stage.SHADOW,
    Stage.VERIFIED,
    Stage.STAGED,
    Stage.WITHDRAWN,
    Stage.REFUSED,
)


@app.command("list")
def list_bundles(config: ConfigOption = DEFAULT_CONFIG, store: StoreOption = None, json: JsonOption = False) -> None:
    """List the bundles of the station and what each of them is; also while it is stopped."""
    slots = _slots(_store(config, store))
    with explained():
        shipped = read_bundle(shipped_bundle())
    rows = sorted(
        [_shipped_fields(shipped, slots), *(_fields(slot) for slot in slots.bundles)],
        key=lambda row: (ORDER.index(Stage(row["stage"])), row["bundle"]),
    )
    if json:
        typer.echo(json_format.dumps({"revision": slots.revision, "bundles": rows}))
        return
    for row in rows:
        typer.echo(f"{row['stage']:<9}  {row['bundle']:<20}  {row['sha256'][:12]}  {row['product']}{_more(row)}")


@app.command()
def verify(
    bundle: BundleArgument, config: ConfigOption = DEFAULT_CONFIG, store: StoreOption = None, json: JsonOption = False
) -> None:
    """Check a bundle on this machine: hash, schema, product, golden pictures, latency, memory. Judges no part yet."""
    _ask(_store(config, store), _request(action="verify", bundle=bundle), json=json)


@app.command()
def shadow(
    bundle: BundleArgument, config: ConfigOption = DEFAULT_CONFIG, store: StoreOption = None, json: JsonOption = False
) -> None:
    """Have a verified bundle judge every part after its verdict, never acted upon."""
    _ask(_store(config, store), _request(action="shadow", bundle=bundle), json=json)


@app.command()
def canary(
    bundle: BundleArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    store: StoreOption = None,
    share: Annotated[
        float | None, typer.Option("--share", help="Share of the parts, 0 to 1; models.canary_share by default.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Have an accept of a share of the parts need the shadow's accept too."""
    if share is not None and not 0.0 < share <= 1.0:
        fail("--share: give more than 0 and at most 1, such as 0.1", Exit.USAGE)
    _ask(_store(config, store), _request(action="canary", bundle=bundle, share=share), json=json)


@app.command()
def promote(
    bundle: BundleArgument, config: ConfigOption = DEFAULT_CONFIG, store: StoreOption = None, json: JsonOption = False
) -> None:
    """Make the canary the active bundle, between two parts; the one before is kept ready."""
    _ask(_store(config, store), _request(action="promote", bundle=bundle), json=json)


@app.command()
def rollback(
    bundle: Annotated[
        str, typer.Argument(metavar="[BUNDLE]", help="By default the one on trial, else the active one.")
    ] = "",
    config: ConfigOption = DEFAULT_CONFIG,
    store: StoreOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
    json: JsonOption = False,
) -> None:
    """Take the bundle on trial back; or the active one, in favour of the one before."""
    _ask(_store(config, store), _request(action="rollback", bundle=bundle, reason=reason), json=json)


@app.command()
def selftest(config: ConfigOption = DEFAULT_CONFIG, store: StoreOption = None, json: JsonOption = False) -> None:
    """Judge the golden pictures of what is in use; the station is not ready for a second, and stays so if it fails."""
    _ask(_store(config, store), _request(action="selftest"), json=json)


@app.command()
def history(config: ConfigOption = DEFAULT_CONFIG, store: StoreOption = None, json: JsonOption = False) -> None:
    """List what became of the bundles, when, by whom and why; also while the station is stopped."""
    moves = _slots(_store(config, store)).moves
    if json:
        rows = [
            {
                "revision": move.revision,
                "at": move.at,
                "bundle": move.bundle,
                "sha256": move.sha256,
                "before": move.before,
                "after": move.after,
                "who": move.who,
                "reason": move.reason,
            }
            for move in moves
        ]
        typer.echo(json_format.dumps({"moves": rows}))
        return
    for move in moves:
        why = f": {move.reason}" if move.reason else ""
        typer.echo(f"{_local(move.at)}  {move.bundle:<20}  {move.before or 'new'} -> {move.after}  by {move.who}{why}")


@app.command()
def diff(
    first: BundleArgument,
    second: BundleArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Compare two bundles: manifests, limits, classes, figures of both reports. Also files, and "shipped"."""
    with explained():
        one, two = (_read(name, config, store) for name in (first, second))
    found = difference(one, two)
    typer.echo(json_format.dumps(found) if json else "\n".join(lines(found)))


def _read(name: str, config: Path, store: Path | None) -> Bundle:
    if name == "shipped":
        return read_bundle(shipped_bundle())
    path = Path(name)
    if path.suffix == ".lgb" and path.exists():
        return read_bundle(path)
    directory = _store(config, store)
    try:
        slot = find(_slots(directory), name)
    except IllegalMoveError as error:
        shipped = read_bundle(shipped_bundle())
        if name == shipped.manifest.label:
            return shipped
        fail(f'{error}; or name a file, or "shipped"', Exit.REFUSED)
    return read_bundle(models_folder(directory) / slot.file_name)


def _request(**fields: Any) -> ModelRequest:
    try:
        return ModelRequest(says=says(), **fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        fail(f"{first['loc'][0]}: {first['msg']}", Exit.USAGE)


def _ask(store: Path, request: ModelRequest, *, json: bool) -> None:
    """Ask the running station; exit code 3 where it refuses, 1 where it tried in vain or is not there."""
    told: list[str] = []
    state = State.FAILED
    try:
        for reply in ask(store, request):
            told.append(reply.text)
            state = reply.state
            if not json and state in {State.WORKING, State.DONE}:
                typer.echo(reply.text)
    except OperatingError as error:
        told.append(str(error))
        state = State.FAILED
    if json:
        typer.echo(json_format.dumps({"state": state.value, "text": told[-1] if told else "", "lines": told}))
    if state is State.DONE:
        return
    code = Exit.REFUSED if state is State.REFUSED else Exit.FAILED
    if json:
        raise typer.Exit(code)
    fail(f"refused: {told[-1]}" if code is Exit.REFUSED else told[-1], code)


def _store(config: Path, store: Path | None) -> Path:
    directory = load_or_exit(config).config.store.path if store is None else store
    if not directory.is_dir():
        code = Exit.FAILED if store is None else Exit.USAGE
        fail(f"{directory}: is not a folder; name the store with --store, or its configuration with --config", code)
    return directory


def _slots(directory: Path) -> Slots:
    with explained():
        return read_slots(directory)


def _fields(slot: Slot) -> dict[str, Any]:
    return {
        "bundle": slot.label,
        "stage": slot.stage.value,
        "sha256": slot.sha256,
        "product": slot.product,
        "since": slot.since,
        "share": slot.share or None,
        "reason": slot.reason or None,
        "origin": slot.origin or None,
        "shipped": False,
    }


def _shipped_fields(bundle: Bundle, slots: Slots) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "bundle": manifest.label,
        "stage": slots.shipped.value,
        "sha256": bundle.sha256,
        "product": manifest.product,
        "since": None,
        "share": None,
        "reason": None,
        "origin": "the software",
        "shipped": True,
    }


def _more(row: dict[str, Any]) -> str:
    told = [
        "shipped with the software" if row["shipped"] else f"from {row['origin']}" if row["origin"] else "",
        f"{row['share']:.1%} of the parts" if row["share"] else "",
        f"since {_local(row['since'])}" if row["since"] else "",
        row["reason"] or "",
    ]
    return "".join(f"; {text}" for text in told if text)


def _local(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone().isoformat(sep=" ", timespec="seconds")
