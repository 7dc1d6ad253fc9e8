"""``linegate sync``: the daemon that sends kept pictures to the object store."""

from pathlib import Path
from typing import Annotated

import typer

from edge.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    Exit,
    explained,
    fail,
    load_or_exit,
    log_to_stderr,
    stop_event,
)
from edge.config import LoadedConfig
from edge.config.notify import Notifier
from sync.errors import StateError
from sync.service import PassResult, run, run_once
from sync.settings import SyncSettings


def sync(
    config: ConfigOption = DEFAULT_CONFIG,
    once: Annotated[bool, typer.Option("--once", help="Send what is there, then end: 0 if all went well.")] = False,
) -> None:
    """Send the pictures of the spool to the object store of [sync], now and as they come."""
    log_to_stderr()
    settings = _settings(load_or_exit(config))
    stopping = stop_event()
    notifier = Notifier.from_environment()
    try:
        with explained():
            if once:
                _report(run_once(settings, stopping, notifier=notifier), settings.spool)
            else:
                run(settings, stopping, notifier=notifier)
    except StateError as error:
        fail(str(error))


def _settings(loaded: LoadedConfig) -> SyncSettings:
    store, remote = loaded.config.store, loaded.config.sync
    if remote is None:
        fail(f'{loaded.path} has no [sync]: add one with bucket = "s3://NAME/PREFIX" to send pictures', Exit.USAGE)
    try:
        return SyncSettings.from_url(store.path, remote.bucket, endpoint=remote.endpoint, region=remote.region)
    except ValueError as error:
        fail(f"{loaded.path}: [sync]: {error}", Exit.USAGE)


def _report(result: PassResult, spool: Path) -> None:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(result.outcomes.items()))
    typer.echo(f"{spool}: {counts or 'nothing to send'}")
    if result.failed:
        fail(result.problem or "some pictures were not sent, see above")
