"""The daemon's parts made from a configuration, in the order in which they must be there."""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from camera.factory import create_source
from camera.source import Frame, Source, Timing
from deploy.slots.store import SlotStore
from edge.config import Config, LoadedConfig
from edge.core import wire
from edge.core.admission import Sessions
from edge.core.codes import Code
from edge.core.presence import PresenceRules
from edge.inspector import clock
from edge.inspector.ack_audit import STANDS_MS, AckAudit
from edge.inspector.alarms import Alarms
from edge.inspector.broker_word import LinkAlarm
from edge.inspector.camera_watch import CameraWatch
from edge.inspector.capture import Cameras
from edge.inspector.certificates import CertificateWatch
from edge.inspector.dispatch import Dispatch
from edge.inspector.guard import DeadlineGuard
from edge.inspector.keeping import Keeping
from edge.inspector.loop import Inspected, InspectionLoop
from edge.inspector.operator_desk import OperatorDesk
from edge.inspector.operator_socket import OperatorSocket
from edge.inspector.outbox import HistoryItem
from edge.inspector.presence import PresenceActions, PresenceTrigger, watchable
from edge.inspector.provenance import author_of, found_models
from edge.inspector.reception import Reception
from edge.inspector.recipes import Recipes, judging_hash, load_recipes, probe
from edge.inspector.retained import Retained
from edge.inspector.selftest import SelfTest, self_test
from edge.inspector.service.requests import SelfTestRequests
from edge.inspector.service.service import ModelService
from edge.inspector.service.starting import LoadRecipes, Test, load_for_start
from edge.inspector.service.watch import ModelWatch
from edge.inspector.service.workshop import Parts
from edge.inspector.serving import Gaps, Serving
from edge.inspector.station import Identity, Station, offline_state, software_version
from edge.inspector.timer import TimerTrigger
from edge.inspector.trial.candidate import Candidate, CandidateProcess
from edge.inspector.trial.protocol import Order
from edge.inspector.trigger_counts import TriggerCounts
from edge.inspector.update_watch import UpdateWatch
from edge.inspector.verdicts import Author
from edge.ledger import EpochOpening, Ledger
from edge.ledger.archiver import Archiver
from edge.ledger.reader import last_unearned
from edge.ledger.retention import Retention
from edge.line.link import Link, LinkEvents, Message
from edge.line.mqtt import MqttLink
from edge.line.settings import LinkSettings, check, station_client_id
from edge.spool import SPOOL_FOLDER
from edge.spool.sidecar import StationName
from edge.spool.store import Spool
from models.detector import no_pause

_LOG: Final = logging.getLogger(__name__)


class UnsafeStartError(Exception):
    """The configuration asks for what a station must not do; the command line exits with 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector:
    """The daemon's parts, built and not yet started."""

    ledger: Ledger
    station: Station
    reception: Reception
    loop: InspectionLoop
    guard: DeadlineGuard
    link: Link
    keeping: Keeping
    own_trigger: TimerTrigger | PresenceTrigger | None
    triggers: TriggerCounts
    alarms: Alarms
    audit: AckAudit
    link_alarm: LinkAlarm
    cameras: CameraWatch
    certificates: CertificateWatch
    archiver: Archiver
    operators: OperatorSocket
    models: ModelWatch
    updates: UpdateWatch


def refuse_unsafe(config: Config, sources: Mapping[str, Source]) -> None:
    """Refuse a live line that would be judged on simulated pictures.

    Raises:
        UnsafeStartError: names the camera.
    """
    for view, source in sources.items():
        if config.line.live and source.timing is Timing.SIMULATED:
            raise UnsafeStartError(
                f"[line] live = true, but camera {view!r} is simulated ({source.identity}): "
                "set live = false, or give the camera a physical source"
            )


def create_sources(config: Config) -> dict[str, Source]:
    """Return the closed source of every camera.

    Raises:
        SourceSettingError: an address cannot be understood.
    """
    return {camera.name: create_source(camera.name, camera.source, camera.latency_ms) for camera in config.camera}


def configured_recipes(
    config: Config, active: Path, *, prove: bool = True, pause: Callable[[], None] = no_pause
) -> Recipes:
    """Load the bundles of every recipe of a configuration; arguments and errors as of :func:`load_recipes`."""
    return load_recipes(config.recipes, live=config.line.live, active=active, prove=prove, pause=pause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """What touches the world, exchangeable as a whole: cameras, models and the line link."""

    sources: Callable[[Config], Mapping[str, Source]] = create_sources
    recipes: LoadRecipes = configured_recipes
    test: Test = self_test
    candidate: Callable[[Order], Candidate] = CandidateProcess
    link: Callable[[LinkSettings, LinkEvents], Link] = MqttLink


def build(loaded: LoadedConfig, stack: ExitStack, adapters: Adapters) -> Inspector:
    """Open store, models, cameras and epoch; what is opened is closed by ``stack``.

    What can be known to fail for good fails before the epoch is started, so that it uses up none.

    Raises:
        UnsafeStartError, RecipeError, ModelError, SlotsError, CameraError, LedgerError, SpoolError, LinkError: what is
            wrong.
    """
    config = loaded.config
    settings = _link_settings(config)
    check(settings)
    sources = adapters.sources(config)
    refuse_unsafe(config, sources)
    if config.line.trigger == "presence":
        watchable(sources[config.recipes[0].views[0].camera])
    ledger = Ledger.open(config.store.path)
    stack.callback(lambda: ledger.close("the start failed", clock.now(), {}))
    bundles = stack.enter_context(SlotStore.open(config.store.path))
    loaded_models = load_for_start(config, bundles, adapters.recipes, adapters.test)
    recipes = Serving(loaded_models.recipes)
    spool = Spool.open(
        config.store.path / SPOOL_FOLDER,
        limit_bytes=int(config.store.spool_limit),
        jpeg_quality=config.store.jpeg_quality,
    )
    for source in sources.values():
        stack.callback(source.close)
        source.open()

    # No camera can be commissioned yet, so every verdict says sim = 1 and no PLC of a live line acts on an accept.
    author = Author(config_hash=judging_hash(loaded.sha256, recipes), software=software_version(), simulated=True)
    opening = _start_epoch(ledger, author, loaded.path, recipes)
    settings = replace(settings, will=(wire.STATE, offline_state(opening.epoch)))
    parts = _Opened(
        sources=sources,
        recipes=recipes,
        bundles=bundles,
        tested=loaded_models.tested,
        ledger=ledger,
        spool=spool,
        author=author,
        opening=opening,
    )
    return _compose(config, parts, adapters, partial(adapters.link, settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What the daemon's parts share, open and ready."""

    sources: Mapping[str, Source]
    recipes: Serving
    bundles: SlotStore
    tested: SelfTest
    ledger: Ledger
    spool: Spool
    author: Author
    opening: EpochOpening


def _start_epoch(ledger: Ledger, author: Author, configuration: Path, recipes: Recipes) -> EpochOpening:
    who, origin = author_of(configuration)
    opening = ledger.start_epoch(
        software=author.software,
        config_hash=author.config_hash,
        at=clock.now(),
        author=who,
        origin=origin,
        models=found_models(recipes),
    )
    if opening.clean is False:
        _LOG.warning("the last epoch did not end in order; %d parts without a verdict are losses now", opening.orphans)
    return opening


def _compose(config: Config, opened: _Opened, adapters: Adapters, make_link: Callable[[LinkEvents], Link]) -> Inspector:
    """Join the parts; nothing is opened or started."""
    ledger, recipes, author, opening = opened.ledger, opened.recipes, opened.author, opened.opening
    alarms = Alarms(clock.now())
    identity = Identity(epoch=opening.epoch, live=config.line.live, software=author.software)
    station = Station(identity, sources=opened.sources, recipes=recipes, ledger=ledger, alarms=alarms)
    gaps = Gaps()
    models = ModelWatch(
        Parts(
            config=config,
            store=opened.bundles,
            serving=recipes,
            gaps=gaps,
            station=station,
            ledger=ledger,
            alarms=alarms,
            load=adapters.recipes,
            test=adapters.test,
            candidate=adapters.candidate,
        ),
        opened.tested,
    )
    link_alarm = LinkAlarm(alarms)
    dispatch = Dispatch(ledger, link_alarm.answered)
    dispatch.add_history(_left_over(opening))
    guard = DeadlineGuard(
        ledger=ledger,
        dispatch=dispatch,
        author=author,
        beat=station.heartbeat,
        retained=Retained(
            lambda: [(wire.STATE, station.state()), *alarms.messages()],
            will=offline_state(opening.epoch),
            alarms=alarms,
            answered=link_alarm.answered,
        ),
    )
    present = clock.now()
    audit = AckAudit(alarms, last_unearned(config.store.path, present.utc_ms - STANDS_MS), present)
    reception = Reception(
        sessions=Sessions.resume(opening.epoch, opening.sessions),
        auto_trig=opening.last_auto_trig,
        recipes=recipes,
        slack_ms=config.line.trigger_slack_ms,
        ledger=ledger,
        alarms=alarms,
        ready=station.ready,
        watch=guard.watch,
        answer_now=guard.answer_now,
        audit=audit,
        found=models.service.truth,
    )
    own_trigger = _own_trigger(config, opened.sources, reception, station)
    keeping = Keeping(opened.spool, station=_station_name(config), author=author, ledger=ledger, alarms=alarms)
    loop = InspectionLoop(
        parts=reception.parts,
        cameras=Cameras(opened.sources, _witness(config, own_trigger)),
        ledger=ledger,
        author=author,
        alarms=alarms,
        deliver=guard.send,
        afterwards=_afterwards(keeping, models.service),
        probe=lambda: probe(recipes),
        gaps=gaps,
        second=models.service,
    )
    store = config.store
    updates = UpdateWatch(alarms)
    archiver = Archiver(ledger, store.path, Retention(days=store.ledger_days, events=store.ledger_events))
    return Inspector(
        ledger=ledger,
        station=station,
        reception=reception,
        loop=loop,
        guard=guard,
        link=make_link(_link_events(reception, guard, link_alarm, SelfTestRequests(models, opening.epoch, guard.say))),
        keeping=keeping,
        own_trigger=own_trigger,
        triggers=TriggerCounts(reception.counts, alarms),
        alarms=alarms,
        audit=audit,
        link_alarm=link_alarm,
        cameras=CameraWatch(opened.sources, alarms),
        certificates=CertificateWatch(_link_settings(config), alarms),
        archiver=archiver,
        updates=updates,
        operators=OperatorSocket(store.path, OperatorDesk(ledger, archiver, updates, models.service).serve),
        models=models,
    )


def _afterwards(keeping: Keeping, models: ModelService) -> Callable[[Inspected], None]:
    """Return what follows a part's verdict: its pictures to the spool, what it tells to those who keep the models."""

    def follow(inspected: Inspected) -> None:
        keeping.keep(inspected)
        models.seen(inspected)

    return follow


def _own_trigger(
    config: Config, sources: Mapping[str, Source], reception: Reception, station: Station
) -> TimerTrigger | PresenceTrigger | None:
    """Return what triggers beside the PLC, always by the first recipe; presence watches the first of its views."""
    recipe, period_s = config.recipes[0], config.line.timer_seconds
    if period_s is not None:
        return TimerTrigger(period_s, trigger=lambda: reception.own_trigger(recipe.id, "timer"), ready=station.ready)
    if config.line.trigger != "presence":
        return None
    view = recipe.views[0]
    return PresenceTrigger(
        watchable(sources[view.camera]),
        PresenceRules(area=config.line.presence_area, still_ms=config.line.presence_still_ms),
        PresenceActions(
            trigger=lambda: reception.own_trigger(recipe.id, "presence"),
            missed=lambda: reception.own_loss(recipe.id, Code.PASSED_BY),
            disturbed=reception.disturbed,
        ),
        roi=view.roi,
        memory=config.store.path / f"empty-view-{view.camera}.npz",
    )


def _witness(config: Config, own_trigger: TimerTrigger | PresenceTrigger | None) -> dict[str, Callable[[Frame], bool]]:
    if not isinstance(own_trigger, PresenceTrigger):
        return {}
    return {config.recipes[0].views[0].camera: own_trigger.still_there}


def _station_name(config: Config) -> StationName:
    return StationName(site=config.station.site, line=config.station.line, name=config.station.name)


def _link_settings(config: Config) -> LinkSettings:
    """Return all that is known before there is an epoch, which the will has to tell."""
    station = config.station
    return LinkSettings(
        broker=config.line.broker,
        base_topic=wire.base_topic(station.site, station.line, station.name),
        client_id=station_client_id(station.site, station.line, station.name),
        subscriptions=(wire.TRIGGER, wire.ACK, wire.TRUTH, wire.TEST, wire.STATE),
        ca=config.line.ca,
        cert=config.line.cert,
        key=config.line.key,
    )


def _link_events(
    reception: Reception, guard: DeadlineGuard, link_alarm: LinkAlarm, tests: SelfTestRequests
) -> LinkEvents:
    def message(arrived: Message) -> None:
        match arrived.topic:
            case wire.TRIGGER:
                reception.trigger(arrived)
            case wire.ACK:
                reception.ack(arrived)
            case wire.TRUTH:
                reception.truth(arrived)
            case wire.TEST:
                tests.arrived(arrived)
            case wire.STATE:
                guard.state_arrived(arrived)

    def connected() -> None:
        _LOG.info("line link is up")
        link_alarm.connected()
        guard.link_up()

    def disconnected(reason: str) -> None:
        _LOG.warning("line link is down: %s", reason)
        guard.link_down()

    return LinkEvents(
        message=message,
        connected=connected,
        disconnected=disconnected,
        published=guard.acknowledged,
        sent=guard.sent,
        expired=guard.expired,
    )


def _left_over(opening: EpochOpening) -> list[HistoryItem]:
    """Return what earlier epochs decided and never sent; ``t`` is the time of the decision."""
    return [
        HistoryItem(
            key=unsent.key,
            result=wire.Result(
                sess=unsent.key.session,
                epoch=unsent.key.epoch,
                seq=unsent.key.seq,
                trig=unsent.key.trig,
                part=unsent.part,
                dec=unsent.decision,
                code=unsent.code,
                score=unsent.score,
                n=unsent.defects,
                recipe=unsent.recipe,
                model=unsent.model,
                age_ms=wire.MAX_U16,
                t=unsent.decided_utc_ms,
                sim=int(unsent.simulated),
            ),
        )
        for unsent in opening.unsent
    ]
