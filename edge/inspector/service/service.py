"""Models in service on a running station: tried beside, promoted, taken back, one move at a time."""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from edge.config import ACTIVE_BUNDLE
from edge.core import slots as rules
from edge.core.events import Operator, PartKey, Truth
from edge.core.paired_evidence import Advice, EvidenceRule, weigh
from edge.core.slots import AUTOMATIC, By, Slot, Slots, Stage
from edge.core.trial import Opinion, Tally
from edge.core.types import Decision, ViewJudgement
from edge.core.wire import MODEL_NONE
from edge.inspector import clock
from edge.inspector.alarms import Alarm
from edge.inspector.capture import View
from edge.inspector.loop import Inspected
from edge.inspector.recipes import LoadedRecipe, Recipes, of_active
from edge.inspector.selftest import SelfTest
from edge.inspector.service.errors import ModelMoveError, ModelRefusedError
from edge.inspector.service.golden import GoldenTest
from edge.inspector.service.health import Health
from edge.inspector.service.past import past_trial
from edge.inspector.service.starting import mark_running
from edge.inspector.service.truths import Truths
from edge.inspector.service.workshop import TRIAL_NICE, Parts, Workshop, by
from edge.inspector.trial.candidate import CandidateError
from edge.inspector.trial.running import SILENT, Asked, Trial, compared
from edge.ledger import LedgerError
from edge.ledger.comparisons import last_revision

PATIENCE_S: Final = 10.0
"""So long an install waits: most likely the station itself takes in the very bundle."""
DISK_S: Final = 60.0
"""So long nothing is written to a disk that did not take a bundle: the record of the parts needs what room there is."""
_LOG: Final = logging.getLogger(__name__)

Told = Generator[str, None, str]
"""What there is to tell while something is done, as soon as it is known; returns how it ended."""


class ModelService:
    """Keeps the bundles of a running station. Moves are made one at a time, whoever asks.

    ``ask``, ``model_of``, ``seen`` and ``truth`` are for the path of a part and never wait. Verbs of operators raise
    :class:`ModelRefusedError` and :class:`ModelMoveError`.
    """

    def __init__(self, parts: Parts, tested: SelfTest, *, fell: Callable[[Trial, str], None]) -> None:
        """Take over; ``fell`` is told, from any thread, that a candidate must not go on and why."""
        self._parts = parts
        self._fell = fell
        self._settings = parts.config.models
        self._rule = EvidenceRule(alpha=self._settings.alpha)
        self._workshop = Workshop(parts)
        self._concerned = frozenset(recipe.id for recipe in of_active(parts.config.recipes))
        self.health = Health(self._settings)
        self._truths = Truths(self._rule)
        self._last_trial: Trial | None = None
        self._before: Recipes | None = None
        self._asking = threading.Lock()
        self._asked = ""
        self._take_in_from = 0.0
        parts.station.trial = self.told
        self.golden = GoldenTest(parts, self._workshop, tested)

    # Its life.

    def start(self) -> None:
        """Put on record what the last process could not, and that this one runs."""
        self._workshop.record_since(last_revision(self._parts.config.store.path))
        if move := rules.taken_back(self.slots):
            self._alarm(Alarm.ROLLED, f"{move.bundle} was taken back: {move.reason}")
        mark_running(self._parts.store)

    def stop(self, *, clean: bool) -> None:
        """End the trial's process; its state stays, and goes on with the next start."""
        trial = self._truths.trial
        if trial is not None:
            trial.stop()
        if clean:
            self._parts.store.unmark()

    @property
    def slots(self) -> Slots:
        """What the bundles are now."""
        return self._workshop.slots

    @property
    def model(self) -> str:
        """The wire's name of the models of the first recipe."""
        serving = self._parts.serving
        return serving[min(serving)].model if serving else MODEL_NONE

    def told(self) -> dict[str, Any]:
        """Return what the retained state says of a trial, empty without one."""
        slot = self.slots.on_trial
        if slot is None:
            return {}
        return {"bundle": slot.file_name, "sha256": slot.sha256, "stage": slot.stage.value, "share": slot.share}

    # On the path of a part, and right behind it.

    def ask(self, key: PartKey, recipe: LoadedRecipe, views: Sequence[View]) -> Asked | None:
        """Return the part as the candidate is shown it, where an accept needs it too; None for all others."""
        if recipe.id not in self._concerned:
            return None
        trial = self._trial_beside(recipe)
        if trial is not None:
            return trial.ask(key, recipe, views)
        slot = self.slots.on_trial
        if slot is None or slot.stage is not Stage.CANARY:
            return None
        if not rules.is_canary_part(slot.sha256, key.session, key.trig, slot.share):
            return None
        asked = Asked(key, recipe, views, urgent=True)  # its process is not there yet: no accept for this part
        asked.answer(None)
        return asked

    def model_of(self, recipe: LoadedRecipe) -> str:
        """Return the wire's name of the models of a part that both judged."""
        trial = self._trial_beside(recipe)
        return recipe.model if trial is None else trial.model_of(recipe)

    def seen(self, inspected: Inspected) -> None:
        """Take a part after its verdict: what it tells of the active bundle, and the candidate's answer to it."""
        recipe = inspected.recipe
        self._truths.pairs.forget(inspected.decided.part)  # what is found from now on is found of this part
        if recipe is not self._parts.serving.get(recipe.id):
            return  # the last parts of a bundle that decides no more
        self.health.decided(inspected.decision)
        if recipe.id not in self._concerned:
            return
        self.health.judged(recipe, self._of_active(inspected), inspected.decided.stages_ns)
        trial, asked = self._truths.trial, inspected.asked
        if trial is None:
            return
        key, part, own = inspected.decided.key, inspected.decided.part, inspected.own
        received_at = inspected.part.order.received.utc_ms

        def note(opinion: Opinion) -> None:
            event = compared(trial, key, opinion, part=part, model=recipe.model, own=own, urgent=asked is not None)
            pair = own.decision, opinion.verdict
            defective = self._truths.pairs.judged(part, *pair, received_at)
            trial.record(event, opinion, recipe)
            if defective is not None:
                self._truths.known(trial, *pair, defective=defective)

        if asked is None:
            trial.show(key, recipe, inspected.views, note)
        elif own.decision is Decision.ACCEPT:
            note(asked.opinion(0.0) or SILENT)
        else:  # nobody waited for it
            asked.then(lambda opinion: note(opinion or SILENT))

    def _of_active(self, inspected: Inspected) -> tuple[ViewJudgement, ...]:
        """Return what the active bundle said of a part, whose other views may be judged by bundles of their own."""
        active = self.slots.active
        views = zip(inspected.judgements, inspected.recipe.views, strict=True)
        return tuple(one for one, view in views if active is None or view.bundle.sha256 == active.sha256)

    def truth(self, truth: Truth) -> None:
        """Take what was found of a part later: it weighs for or against the candidate."""
        self._truths.found(truth)

    # What operators ask for.

    def install(self, who: str) -> Told:
        """Take in what was fetched; tells what became of each bundle."""
        last = ""
        with self._move(f"install by {who}", patience_s=PATIENCE_S):
            for text in self._workshop.take_in(who):
                if last:
                    yield last
                last = text
        return last or "nothing was waiting"

    def verify(self, text: str, who: str) -> Told:
        """Try a bundle on this very machine: all checks, in a process of its own."""
        with self._move(f"verify {text} by {who}"):
            yield from self._workshop.take_in(who)
            slot = self._workshop.found(text)
            self._workshop.legal(lambda slots: rules.verify(slots, slot.sha256, by(who)))
            yield f"{slot.label}: product, schema, golden pictures, latency and memory are looked at"
            ready = self._workshop.verify(slot, who)
            self._workshop.go(lambda slots: rules.verify(slots, slot.sha256, by(who)))
            return (
                f"{slot.label} is verified: {ready.pictures} golden pictures as they should be, {ready.latency_ms:.0f} "
                f"ms a part, {ready.memory_mb:.0f} MB; next is linegate model shadow {slot.label}"
            )

    def shadow(self, text: str, who: str) -> Told:
        """Let a verified bundle judge every part after its verdict."""
        with self._move(f"shadow {text} by {who}"):
            slot = self._workshop.found(text)
            self._workshop.legal(lambda slots: rules.shadow(slots, slot.sha256, by(who)))
            yield f"{slot.label} is loaded beside"
            trial = self._opened(slot, who)
            try:
                with self._workshop.turn:
                    changed = self._workshop.go(lambda slots: rules.shadow(slots, slot.sha256, by(who)))
                    trial.move_to(_known(changed, slot))
                    self._truths.begin(trial)
            except (ModelMoveError, ModelRefusedError):
                trial.stop()
                raise
            self._parts.alarms.clear(Alarm.ROLLED, clock.now())
            return f"{slot.label} judges in the shadow; next is linegate model canary {slot.label}"

    def canary(self, text: str, share: float | None, who: str) -> str:
        """Let the shadow share in the accepts of a share of the parts."""
        with self._move(f"canary {text} by {who}"):
            slot = self._workshop.found(text)
            wanted = self._settings.canary_share if share is None else share
            self._workshop.legal(lambda slots: rules.canary(slots, slot.sha256, wanted, by(who)))
            trial = self._running(slot)
            reason = by(who, trial.tally.told())
            with self._workshop.turn:
                trial = self._running(slot)
                changed = self._workshop.go(lambda slots: rules.canary(slots, slot.sha256, wanted, reason))
                trial.move_to(_known(changed, slot))
            return (
                f"{slot.label} is the canary: for {wanted:.1%} of the parts an accept needs it too "
                f"({trial.tally.told()}); next is linegate model promote {slot.label}"
            )

    def promote(self, text: str, who: str) -> Told:
        """Make the canary the active bundle, without a part lost or delayed; the one before is kept ready."""
        with self._move(f"promote {text} by {who}"):
            slot = self._workshop.found(text)
            self._workshop.legal(lambda slots: rules.promote(slots, slot.sha256, by(who)))
            tally = self._running(slot).tally
            balance = weigh(tally.evidence, self._rule)
            if balance.advice is Advice.STOP:
                raise ModelRefusedError(f"{slot.label} is {balance.reason}: linegate model rollback {slot.label}")
            yield f"{slot.label} is loaded and warmed up beside ({tally.told()})"
            with self._running(slot).resting():
                recipes = self._workshop.loaded(slot, gently=True)
            self._refuse_others(recipes)
            reason = by(who, tally.told())
            with self._workshop.turn:
                self._running(slot)  # it may have fallen meanwhile
                self._workshop.go(lambda slots: rules.promote(slots, slot.sha256, reason))
                self._before = self._swap(recipes)
            return f"{slot.label} is active; back again with linegate model rollback"

    def rollback(self, text: str, reason: str, who: str) -> str:
        """Take the bundle on trial back, or the active one in favour of the previous one.

        As the station's own moves it waits for no other operator: what they are at finds it out of order then.
        """
        with self._workshop.turn:
            slot = self._workshop.found(text) if text else self._meant_to_go()
            self._workshop.legal(lambda slots: rules.take_back(slots, slot.sha256, by(who)))
            told = self._take_back(slot, by(who, reason or "the operator wanted it"), gently=True)
        self._parts.alarms.clear(Alarm.ROLLED, clock.now())
        return told

    def self_test(self, who: str) -> SelfTest:
        """Judge the golden pictures by what is in use, while the station says that it is not ready.

        Whoever asks has looked: what rates and answers were before counts no more.

        Raises:
            ModelRefusedError: Another move is under way, or the last test was a moment ago.
        """
        with self._move(f"selftest by {who}"):
            tested = self.golden.run()
            self.health.anew()
            self.look_at_rates()
            return tested

    def requested_test(self, who: str, origin: str) -> SelfTest:
        """Do a self-test that came over the line link, which goes on record with what it gave; raises as the other.

        A machine that asks every minute has looked at nothing.
        """
        with self._move(f"selftest by {who}"):
            tested = self.golden.run()
        done = Operator(who=who, origin=origin, action="model selftest", detail=tested.text[:500], at=clock.now())
        self._parts.ledger.append(done, owed=True)
        return tested

    # By itself.

    def resume(self) -> None:
        """Go on with the trial that was under way when the station stopped; its evidence is read back."""
        slot = self.slots.on_trial
        if slot is None:
            return
        try:
            tally = past_trial(self._parts.config.store.path, self.slots, slot, self._truths.pairs)
        except LedgerError as error:
            self._fell(self._new_trial(slot), f"what it said so far cannot be read: {error}")
            return
        trial = self._new_trial(slot, tally)
        try:
            trial.open()
        except CandidateError as error:
            self._fell(trial, f"it does not come up again: {error}")
            return
        with self._workshop.turn:
            now = self.slots.on_trial
            if now is not None and now.sha256 == slot.sha256:
                trial.move_to(now)
                self._truths.go_on(trial)
        if self._truths.trial is not trial:
            trial.stop()  # somebody took it back meanwhile

    def keep_ready(self) -> None:
        """Load the bundle to go back to, in the pauses of the line, so that going back needs no time."""
        slots = self.slots
        if self._before is not None or (slots.previous is None and slots.shipped is not Stage.PREVIOUS):
            return
        try:
            recipes = self._workshop.loaded(slots.previous, gently=True)
        except ModelMoveError as error:
            _LOG.error("the bundle to go back to is not ready: %s", error)
            return
        with self._workshop.turn:
            same = (self.slots.previous, self.slots.shipped) == (slots.previous, slots.shipped)
            self._before = recipes if same and self._before is None else self._before

    def withdraw(self, trial: Trial, reason: str) -> bool:
        """Take a candidate back that must not go on; False where that has to be tried again."""
        with self._workshop.turn:
            slot = self.slots.on_trial
            if slot is None or slot.sha256 != trial.slot.sha256:
                return True
            why = by(AUTOMATIC, f"{reason} ({trial.tally.told()})")
            try:
                self._take_back(slot, why, gently=False)
            except (ModelMoveError, ModelRefusedError) as error:
                _LOG.error("%s must go, but stays on record as %s: %s", slot.label, slot.stage, error)
                return False
        self._alarm(Alarm.ROLLED, f"{slot.label} was taken back out of the {slot.stage}: {reason}")
        return True

    def give_way(self, active: Slot, reason: str) -> bool:
        """Have the active bundle give way to the previous one; False where that has to be tried again."""
        with self._workshop.turn:
            now = self.slots.active
            if now is None or now.sha256 != active.sha256:
                return True
            try:
                text = self._take_back(now, by(AUTOMATIC, reason), gently=False)
            except (ModelMoveError, ModelRefusedError) as error:
                self._alarm(Alarm.ROLLED, f"{active.label} must go ({reason}), and cannot: {error}")
                return False
        self._alarm(Alarm.ROLLED, f"{text}: {reason}")
        return True

    def look_at_rates(self) -> None:
        """Raise or clear the alarm of rates outside their bands; where so configured, the station is not ready."""
        unusual = self.health.unusual()
        self._parts.station.rates_unusual = unusual is not None and self._settings.band_stops
        if unusual is None:
            self._parts.alarms.clear(Alarm.RATES, clock.now())
        else:
            stop = "; not ready until linegate model selftest" if self._settings.band_stops else ""
            self._alarm(Alarm.RATES, f"{unusual}{stop}")

    def take_in(self) -> None:
        """Take in what sync has fetched, unless an operator is served, or the disk took no more a moment ago."""
        if time.monotonic() < self._take_in_from or not self._workshop.waiting:
            return
        if not self._asking.acquire(blocking=False):
            return
        self._asked = "taking in what was fetched"
        try:
            for text in self._workshop.take_in(AUTOMATIC):
                _LOG.info("%s", text)
        except ModelMoveError as error:
            self._take_in_from = time.monotonic() + DISK_S
            _LOG.warning("%s", error)
        finally:
            self._asked = ""
            self._asking.release()

    def forget_crashes(self) -> None:
        """Take the active bundle for settled."""
        active = self.slots.active
        if active is not None and active.crashes:
            self._workshop.go(lambda slots: rules.settled(slots, active.sha256))

    # Moves.

    def _opened(self, slot: Slot, who: str) -> Trial:
        """Return the bundle's trial, its process running; one that does not come up is refused."""
        self._workshop.refuse_product(slot, who)
        trial = self._new_trial(slot)
        try:
            trial.open()
        except CandidateError as error:
            raise self._workshop.refused(slot, str(error), who) from error
        return trial

    def _new_trial(self, slot: Slot, tally: Tally | None = None) -> Trial:
        return Trial(
            slot,
            self._workshop.candidate(slot, TRIAL_NICE),
            self._parts.ledger,
            self._fell,
            answers_min=self._settings.answers_min,
            tally=tally,
        )

    def _meant_to_go(self) -> Slot:
        try:
            return rules.meant_to_go(self.slots, clock.now().utc_ms)
        except rules.IllegalMoveError as error:
            raise ModelRefusedError(str(error)) from error

    def _refuse_others(self, recipes: Recipes) -> None:
        """Refuse recipes by which a promotion would exchange more than the active bundle."""
        for recipe in self._parts.config.recipes:
            pairs = zip(self._parts.serving[recipe.id].views, recipes[recipe.id].views, strict=True)
            for view, (old, new) in zip(recipe.views, pairs, strict=True):
                if view.bundle != ACTIVE_BUNDLE and old.bundle.sha256 != new.bundle.sha256:
                    raise ModelRefusedError(
                        f"recipe {recipe.id} ({recipe.name}), view {view.camera}: {view.bundle} is another file than "
                        "at the start of the station, and nobody has tried it: start the station anew first"
                    )

    def _running(self, slot: Slot) -> Trial:
        trial = self._truths.trial
        if trial is None or trial.slot.sha256 != slot.sha256:
            raise ModelRefusedError(f"the process of {slot.label} has not come up yet: try again in a moment")
        if trial.fallen:
            raise ModelRefusedError(f"{slot.label} must not go on, and is being taken back: {trial.fallen}")
        return trial

    def _take_back(self, slot: Slot, why: By, *, gently: bool) -> str:
        if slot.stage is not Stage.ACTIVE:
            self._workshop.go(lambda slots: rules.take_back(slots, slot.sha256, why))
            self._end_trial()
            return f"{slot.label} is withdrawn; the active bundle goes on as before"
        label, recipes = self._workshop.back(self._before, gently=gently)
        self._workshop.go(lambda slots: rules.take_back(slots, slot.sha256, why))
        self._swap(recipes)
        self._before = None
        return f"{slot.label} is withdrawn; {label} is active"

    def _swap(self, recipes: Recipes) -> Recipes:
        """Have what is triggered from now on judged by other recipes, proved a moment ago; returns those before."""
        trial = self._last_trial = self._truths.trial
        before = self._parts.serving.put(recipes)
        self._truths.trial = None
        self.health.anew()
        self.golden.proved()
        mark_running(self._parts.store)
        if trial is not None:
            self._parts.gaps.wait()  # it is still asked of parts whose trigger came before
            trial.stop()
        return before

    def _trial_beside(self, recipe: LoadedRecipe) -> Trial | None:
        """Return the trial that a part belongs to: a swap does not change what its trigger found."""
        return self._truths.trial if recipe is self._parts.serving.get(recipe.id) else self._last_trial

    def _end_trial(self) -> None:
        trial, self._truths.trial = self._truths.trial, None
        if trial is not None:
            trial.stop()

    def _alarm(self, alarm: Alarm, text: str) -> None:
        if not self._parts.alarms.raised(alarm):
            _LOG.error("%s", text)
        self._parts.alarms.set(alarm, clock.now(), text)

    @contextmanager
    def _move(self, what: str, patience_s: float = 0.0) -> Iterator[None]:
        """Serve one operator at a time; the station's own moves come in between where they must."""
        if not self._asking.acquire(timeout=patience_s):
            raise ModelRefusedError(f"{self._asked or 'another move'} is under way: try again when it is done")
        self._asked = what
        try:
            yield
        finally:
            self._asked = ""
            self._asking.release()


def _known(slots: Slots, slot: Slot) -> Slot:
    return slots.known(slot.sha256) or slot
