"""What fetching bundles needs of the configuration, and how the inspector hears of it."""

from collections.abc import Callable
from pathlib import Path

import typer

from deploy.active import active_bundle, bundle_path
from deploy.slots.store import read_slots
from deploy.updates.looking import Tell
from deploy.updates.values import Known, Report, StationFacts, UpdateSettings
from edge.cli.common import Exit, fail
from edge.config import Config, LoadedConfig
from edge.inspector.operating import LAST_MS, MAX_NOTE, MAX_SAYS, OperatingError, State, UpdateRequest
from edge.inspector.operator_client import ask
from edge.inspector.station import software_version
from edge.objects.place import parse_place
from models.bundle import read_bundle


def update_settings(loaded: LoadedConfig, source: str | None = None) -> UpdateSettings | None:
    """Return where bundles come from: ``source``, else the configured one; None without ``[updates]``."""
    updates = loaded.config.updates
    if updates is None:
        return None
    text = source or updates.source
    try:
        place = parse_place(text, endpoint=updates.endpoint, region=updates.region, ca=updates.ca)
    except ValueError as error:
        fail(f"{loaded.path}: [updates]: {error}" if source is None else str(error), Exit.USAGE)
    return UpdateSettings(
        store=loaded.config.store.path, root=updates.root, source=text, place=place, interval_s=updates.interval_s
    )


def station_facts(config: Config) -> StationFacts:
    """Return who the station is and what it runs now.

    Raises:
        ModelError: a bundle that a recipe names cannot be read.
        SlotsError: what the store's bundles are is lost.
    """
    store = config.store.path
    active = active_bundle(store)
    paths = {bundle_path(view.bundle, active) for recipe in config.recipes for view in recipe.views}
    bundles = [read_bundle(path) for path in sorted(paths)]
    wanted = config.models.product
    return StationFacts(
        station=f"{config.station.site}/{config.station.line}/{config.station.name}",
        products=frozenset([wanted] if wanted else [bundle.manifest.product for bundle in bundles]),
        software=software_version(),
        present=tuple(
            Known(name=bundle.manifest.name, version=bundle.manifest.version, sha256=bundle.sha256)
            for bundle in bundles
        )
        + tuple(Known(name=slot.name, version=slot.version, sha256=slot.sha256) for slot in read_slots(store).bundles),
    )


def teller(store: Path, silent: Callable[[str], None] = lambda _reason: None) -> Tell:
    """Return what tells the inspector of a store; why one did not listen goes to ``silent``."""

    def tell(report: Report) -> bool:
        request = UpdateRequest(
            source=_fit(report.source, MAX_SAYS),
            refusal="" if report.refusal is None else report.refusal.value,
            bundle=report.bundle and _fit(report.bundle, 100),
            text=report.text and _fit(report.text, MAX_NOTE),
            at=min(max(0, report.at), LAST_MS - 1),
            record=report.record,
        )
        try:
            *_, last = ask(store, request)
        except OperatingError as error:
            silent(str(error))
            return False
        if last.state is not State.DONE:
            silent(last.text)
        return last.state is State.DONE

    return tell


def warn(reason: str) -> None:
    """Tell a person that the inspector did not hear of it; it will, once it runs."""
    typer.echo(f"note: not on record yet: {reason}", err=True)


def _fit(text: str, longest: int) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:longest]
