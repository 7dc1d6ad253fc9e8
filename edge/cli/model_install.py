"""``linegate model install``: bring a bundle to this station, from a repository or a copy of one on a stick."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from deploy.slots.store import read_slots
from deploy.updates.errors import Refusal
from deploy.updates.looking import is_repository, look, take_plain
from deploy.updates.values import Fetched, UpdateSettings
from edge.cli.common import DEFAULT_CONFIG, ConfigOption, Exit, explained, fail, load_or_exit
from edge.cli.progress import counted_in
from edge.cli.updates import station_facts, teller, update_settings, warn
from edge.config import LoadedConfig
from edge.config.schema import BUNDLE_SUFFIX
from edge.core.slots import Stage
from edge.inspector.operating import ModelRequest, OperatingError, State
from edge.inspector.operator_client import ask, says
from edge.objects.errors import StoppedError
from edge.objects.place import Bucket, WebAddress, parse_place


def install(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help="A repository: a folder (a USB stick), https://…, s3://…  [the configured one]",
        ),
    ] = None,
    bundle: Annotated[
        str | None, typer.Option("--bundle", metavar="NAME-VERSION", help="This one.  [the newest for this station]")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Fetch a bundle, prove that trusted keys have signed it, and stage it. It decides nothing yet.

    Exit code 3: refused; what decides on this station is untouched.
    """
    loaded = load_or_exit(config)
    fetched = _fetch(loaded, source, bundle)
    if fetched is None:
        typer.echo("nothing new for this station; what there is: linegate publish status SOURCE")
        return
    if not fetched.signed:
        typer.echo(f"UNSIGNED: nobody vouches for {fetched.path.name}; taken because this station has no root key")
    typer.echo(f"{fetched.bundle} for product {fetched.product} from {fetched.source}: {fetched.path}")
    if fetched.notes:
        typer.echo(fetched.notes)
    with explained():
        typer.echo(_stage(loaded.config.store.path, fetched))


def _stage(store: Path, fetched: Fetched) -> str:
    """Have the running station take the bundle in now; it does so by itself too. Return what came of it."""
    try:
        replies = list(ask(store, ModelRequest(action="install", says=says())))
    except OperatingError:
        return f"the station takes it in at its next start; then: linegate model verify {fetched.bundle}"
    told = [reply.text for reply in replies if fetched.bundle in reply.text]
    slot = read_slots(store).known(fetched.sha256)
    if slot is not None and slot.stage not in {Stage.REFUSED, Stage.WITHDRAWN}:
        return told[-1] if told else f"{fetched.bundle} is staged; next is linegate model verify {fetched.bundle}"
    last = replies[-1]
    if last.state is State.FAILED:  # a full disk, say: the bundle stays where it came, and the station tries again
        fail(last.text)
    if last.state is State.REFUSED:
        fail(last.text, Exit.REFUSED)
    text = f"{fetched.bundle} was not taken in: see alarm/bundles (linegate status)"
    return fail(told[-1] if told else text, Exit.REFUSED)


def _fetch(loaded: LoadedConfig, source: str | None, bundle: str | None) -> Fetched | None:
    settings = update_settings(loaded, source)
    store = loaded.config.store.path
    plain = _plain_bundle(source)
    try:
        with explained():
            if plain is not None:
                live = loaded.config.line.live
                return take_plain(plain, update_settings(loaded), store, live=live, tell=teller(store, warn))
            usable = _usable(settings, source)
            facts = station_facts(loaded.config)
            console = Console(stderr=True)
            with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
                tell, show = teller(store, warn), counted_in(bars)
                return look(usable, facts, tell, lambda: True, wanted=_named(bundle), progress=show)
    except StoppedError:
        fail("given up")


def _usable(settings: UpdateSettings | None, source: str | None) -> UpdateSettings:
    if settings is None:
        fail(
            f"{Refusal.UNTRUSTED}: this station trusts nobody's bundles yet: write [updates] with source and root into "
            "its configuration (linegate provision models makes the root's file)",
            Exit.REFUSED,
        )
    if isinstance(settings.place, Path) and not is_repository(settings.place):
        fail(
            f"{settings.place}: is no repository (it holds no metadata/timestamp.json): give the folder that holds "
            f"'metadata' and 'targets'{'' if source else ', or correct updates.source'}"
        )
    return settings


def _plain_bundle(source: str | None) -> Path | None:
    """Return the path where somebody names a bundle instead of a repository."""
    if source is None or not source.endswith(BUNDLE_SUFFIX):
        return None
    try:
        place = parse_place(source)
    except ValueError as error:
        fail(str(error), Exit.USAGE)
    if isinstance(place, Bucket | WebAddress):
        fail(f"{source}: name the repository, and the bundle with --bundle NAME-VERSION", Exit.USAGE)
    return place


def _named(bundle: str | None) -> str | None:
    return None if bundle is None else bundle.removesuffix(BUNDLE_SUFFIX)
