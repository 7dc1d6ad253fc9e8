"""One look at a source: metadata first, then maybe a bundle; and what the inspector is told of it."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuf.api.metadata import TargetFile

from deploy.repository.layout import POINTER
from deploy.repository.offer import Offer, OfferError
from deploy.updates import trust as memory
from deploy.updates.choice import named, newest
from deploy.updates.clock import Moment, present
from deploy.updates.download import Destination, download, take_unsigned
from deploy.updates.errors import Refusal, UpdateError
from deploy.updates.metadata import refresh
from deploy.updates.trust import Delivered, Told, Trust
from deploy.updates.values import Fetched, Known, Progress, Report, StationFacts, UpdateSettings, no_progress
from edge.objects.errors import RemoteError
from edge.objects.opening import open_reader

Tell = Callable[[Report], bool]
"""Tells the inspector; False where none is there to listen."""

REPEAT_MS: Final = 24 * 3600 * 1000
"""A refusal that stands is put on record again once a day."""

_LOG: Final = logging.getLogger(__name__)


def look(
    settings: UpdateSettings,
    facts: StationFacts,
    tell: Tell,
    go_on: Callable[[], bool],
    *,
    wanted: str | None = None,
    progress: Progress = no_progress,
    clock: Callable[[], Moment] = present,
) -> Fetched | None:
    """Bring the station's metadata up to date and fetch the bundle that is ``wanted``, None: the newest for it.

    Returns:
        None where there is nothing new for this station.

    Raises:
        UpdateError: nothing was taken; the inspector was told if somebody has to look, or will be.
        StoppedError: given up.
    """
    with _remembering(settings.store, settings.source, tell, clock) as trust:
        fetched = _fetch(trust, settings, facts, clock(), Wish(bundle=wanted, go_on=go_on, progress=progress))
        _tell_well(trust, settings.source, fetched, tell, _milliseconds(clock()))
    return fetched


def take_plain(
    path: Path,
    settings: UpdateSettings | None,
    store: Path,
    *,
    live: bool,
    tell: Tell,
    clock: Callable[[], Moment] = present,
) -> Fetched:
    """Take a bundle without a repository: on a station in development, one that trusts no root and is not live.

    Raises:
        UpdateError: this station takes signed bundles only, or it cannot be taken.
    """
    with _remembering(store, str(path), tell, clock) as trust:
        _refuse_unsigned(path, settings, live=live)
        fetched = take_unsigned(path, Destination(store=store, owner=trust.owner))
        _tell_well(trust, str(path), fetched, tell, _milliseconds(clock()))
    return fetched


@contextmanager
def _remembering(store: Path, source: str, tell: Tell, clock: Callable[[], Moment]) -> Iterator[Trust]:
    """Open the station's memory; what is refused meanwhile is told."""
    told = False
    try:
        with memory.opened(store) as trust:
            try:
                yield trust
            except UpdateError as error:
                told = True
                _tell_refusal(trust, source, error, tell, _milliseconds(clock()))
                raise
    except UpdateError as error:  # the memory itself, which then can note nothing
        if not told and error.refusal.alarming:
            at = _milliseconds(clock())
            tell(Report(source=source, refusal=error.refusal, bundle="", text=str(error), at=at, record=True))
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for (None: the newest), until when, and who hears how far it is."""

    bundle: str | None
    go_on: Callable[[], bool]
    progress: Progress


def is_repository(folder: Path) -> bool:
    """Return whether a folder looks like a repository; what is in it is checked later."""
    return (folder / POINTER).exists()


def _refuse_unsigned(path: Path, settings: UpdateSettings | None, *, live: bool) -> None:
    if settings is None and live:
        text = (
            f"{path}: carries no signature, and this is a live line: give the station a root key ([updates] in the "
            "configuration) and install from a repository"
        )
    elif settings is not None:
        text = (
            f"{path}: carries no signature, and this station takes what {settings.root} vouches for: have it published "
            "('linegate publish add'), and install from the repository, a copy of it on a stick will do"
        )
    else:
        return
    raise UpdateError(Refusal.UNSIGNED, text)


def _fetch(
    trust: Trust,
    settings: UpdateSettings,
    facts: StationFacts,
    moment: Moment,
    wish: Wish,
) -> Fetched | None:
    try:
        reader = open_reader(settings.place, wish.go_on)
    except RemoteError as error:
        raise UpdateError(Refusal.UNREACHABLE, str(error)) from error
    try:
        offers = _understood(refresh(trust, settings.root, reader, moment).targets, wish.bundle)
        if wish.bundle is None:
            known = tuple(Known(**one.model_dump()) for one in trust.state.delivered)
            facts = StationFacts(
                station=facts.station,
                products=facts.products,
                software=facts.software,
                present=(*facts.present, *known),
            )
            offer = newest(offers, facts)
        else:
            offer = named(offers, wish.bundle, facts)
        if offer is None:
            return None
        destination = Destination(store=settings.store, owner=trust.owner)
        fetched = download(reader, offer, destination, source=settings.source, progress=wish.progress)
    finally:
        reader.close()
    trust.deliver(Delivered(name=offer.name, version=offer.version, sha256=offer.sha256))
    return fetched


def _understood(targets: Mapping[str, TargetFile], wanted: str | None) -> list[Offer]:
    offers = []
    for path, target in targets.items():
        try:
            offers.append(Offer.from_target(path, target))
        except OfferError as error:
            if wanted is not None and path == f"{wanted}.lgb":
                text = f"{error}: update linegate, or have it published again"
                raise UpdateError(Refusal.SOFTWARE, text, bundle=wanted) from error
            _LOG.warning("passed over: %s", error)
    return offers


def _tell_refusal(trust: Trust, source: str, error: UpdateError, tell: Tell, at: int) -> None:
    """Put a refusal on record once, and again each day that it stands; the alarm is renewed at every look."""
    if not error.refusal.alarming:
        _flush(trust, tell)
        return
    told = Told(source=source, refusal=error.refusal, bundle=error.bundle, text=str(error), at=at)
    before = next((one for one in trust.state.standing if one.source == source), None)
    new = before is None or _differ(before, told) or not 0 <= at - before.at <= REPEAT_MS
    try:
        if new:
            trust.queue(told)
        _flush(trust, tell)
    except UpdateError:  # the disk is full, say: then it is told, but not remembered
        tell(_report(told, record=True))
    else:
        if not new:
            tell(_report(told, record=False))


def _tell_well(trust: Trust, source: str, fetched: Fetched | None, tell: Tell, at: int) -> None:
    ended = any(one.source == source for one in trust.state.standing)
    if fetched is not None or ended:
        signed = "" if fetched is None or fetched.signed else ", UNSIGNED"
        text = "" if fetched is None else f"{fetched.bundle} ({fetched.sha256}) was fetched{signed}"
        trust.queue(Told(source=source, refusal=None, bundle=fetched.bundle if fetched else "", text=text, at=at))
    _flush(trust, tell)


def _flush(trust: Trust, tell: Tell) -> None:
    while trust.state.untold and tell(_report(trust.state.untold[0], record=True)):
        trust.change(untold=trust.state.untold[1:])


def _differ(before: Told, after: Told) -> bool:
    return (before.refusal, before.bundle) != (after.refusal, after.bundle)


def _report(told: Told, *, record: bool) -> Report:
    refusal = None if told.refusal is None else Refusal(told.refusal)
    return Report(source=told.source, refusal=refusal, bundle=told.bundle, text=told.text, at=told.at, record=record)


def _milliseconds(moment: Moment) -> int:
    return round(moment.unix_s * 1000)
