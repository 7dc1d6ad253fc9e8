"""``linegate sync``: the daemon that sends kept pictures to the object store, and fetches new bundles."""

import logging
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

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
from edge.cli.updates import station_facts, teller, update_settings
from edge.config import LoadedConfig
from edge.config.notify import Notifier
from edge.objects.errors import StoppedError
from sync.daemon import run_daemon
from sync.errors import StateError
from sync.service import PassResult, run_once
from sync.settings import SyncSettings
from sync.updating import UpdatePolling, look_once

_LOG: Final = logging.getLogger(__name__)


def sync(
    config: ConfigOption = DEFAULT_CONFIG,
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do, then end: 0 if all went well.")] = False,
) -> None:
    """Send the pictures of the spool to the object store of [sync], and fetch new bundles from [updates]."""
    log_to_stderr()
    loaded = load_or_exit(config)
    pictures, bundles = _settings(loaded), _polling(loaded)
    if pictures is None and bundles is None:
        fail(
            f'{loaded.path} has neither [sync] nor [updates]: add [sync] with bucket = "s3://NAME/PREFIX" to send '
            "pictures, or [updates] with source and root to fetch bundles",
            Exit.USAGE,
        )
    stopping = stop_event()
    notifier = Notifier.from_environment()
    try:
        with explained():
            if once:
                _once(pictures, bundles, stopping, notifier)
            else:
                run_daemon(pictures, bundles, stopping, notifier=notifier)
    except StateError as error:
        fail(str(error))


def _settings(loaded: LoadedConfig) -> SyncSettings | None:
    store, remote = loaded.config.store, loaded.config.sync
    if remote is None:
        return None
    try:
        return SyncSettings.from_url(store.path, remote.bucket, endpoint=remote.endpoint, region=remote.region)
    except ValueError as error:
        fail(f"{loaded.path}: [sync]: {error}", Exit.USAGE)


def _polling(loaded: LoadedConfig) -> UpdatePolling | None:
    settings = update_settings(loaded)
    if settings is None:
        return None
    return UpdatePolling(
        settings=settings,
        facts=lambda: station_facts(loaded.config),
        tell=teller(settings.store, lambda reason: _LOG.warning("the inspector was not told: %s", reason)),
    )


def _once(
    pictures: SyncSettings | None, bundles: UpdatePolling | None, stopping: threading.Event, notifier: Notifier
) -> None:
    """Look for bundles first: they are few."""
    looked = None
    if bundles is not None:
        with suppress(StoppedError):
            looked = look_once(bundles, lambda: not stopping.is_set())
    if looked is not None and not looked.problem:
        typer.echo(f"{looked.fetched.bundle}: {looked.fetched.path}" if looked.fetched else "no new bundle")
    if pictures is not None:
        _report(run_once(pictures, stopping, notifier=notifier), pictures.spool)
    if looked is not None and looked.problem:
        refused = looked.refusal is not None and looked.refusal.refused
        fail(looked.problem, Exit.REFUSED if refused else Exit.FAILED)


def _report(result: PassResult, spool: Path) -> None:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(result.outcomes.items()))
    typer.echo(f"{spool}: {counts or 'nothing to send'}")
    if result.failed:
        fail(result.problem or "some pictures were not sent, see above")
