"""What is done to bundles beside the line: taken in, checked, loaded, proved; their moves on disk and record."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from deploy.active import shipped_bundle
from deploy.slots.errors import SlotsError, SlotsRefusedError
from deploy.slots.provenance import Provenance, read_provenance
from deploy.slots.store import SlotStore
from edge.config import ACTIVE_BUNDLE, Config
from edge.core import slots as rules
from edge.core.events import ModelMoved, Operator
from edge.core.slots import By, IllegalMoveError, Slot, Slots
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.recipes import Recipes, of_active
from edge.inspector.selftest import SelfTest
from edge.inspector.service.errors import ModelMoveError, ModelRefusedError
from edge.inspector.service.starting import LoadRecipes, Test, refuse_exchanged
from edge.inspector.serving import Gaps, Serving
from edge.inspector.station import Station
from edge.inspector.trial.candidate import Candidate, CandidateError
from edge.inspector.trial.protocol import Order, Ready
from edge.inspector.views import RecipeError
from edge.ledger import Ledger, LedgerError
from models.errors import ModelError

VERIFY_NICE: Final = 10
TRIAL_NICE: Final = 5
MB: Final = 1_000_000
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the models in service work with."""

    config: Config
    store: SlotStore
    serving: Serving
    gaps: Gaps
    station: Station
    ledger: Ledger
    alarms: Alarms
    load: LoadRecipes
    test: Test
    candidate: Callable[[Order], Candidate]


class Workshop:
    """Works on bundles; what decides about parts is never touched here.

    Whoever moves one holds ``turn``; the long work of checking and loading needs none.
    """

    def __init__(self, parts: Parts) -> None:
        self.turn = threading.RLock()
        self._parts = parts
        self._store = parts.store
        self._settings = parts.config.models

    @property
    def slots(self) -> Slots:
        """What the bundles are now."""
        return self._store.slots

    @property
    def waiting(self) -> bool:
        """Whether a fetched bundle waits to be taken in."""
        return bool(self._store.waiting())

    def found(self, text: str) -> Slot:
        """Return the bundle that a person means; raises :class:`ModelRefusedError` where none is."""
        try:
            return rules.find(self.slots, text)
        except IllegalMoveError as error:
            raise ModelRefusedError(str(error)) from error

    def legal(self, change: Callable[[Slots], Slots]) -> None:
        """Refuse a move that the rules do not know, before anything is done; raises :class:`ModelRefusedError`."""
        try:
            change(self.slots)
        except IllegalMoveError as error:
            raise ModelRefusedError(str(error)) from error

    def go(self, change: Callable[[Slots], Slots]) -> Slots:
        """Make a move on disk, and put it on record.

        Raises:
            ModelRefusedError: The rules do not know it.
            ModelMoveError: The disk did not take it: nothing has changed.
        """
        with self.turn:
            before = self.slots.revision
            try:
                changed = self._store.move(change)
            except SlotsRefusedError as error:
                raise ModelRefusedError(str(error)) from error
            except SlotsError as error:
                raise ModelMoveError(str(error)) from error
            self.record_since(before)
            return changed

    def record_since(self, revision: int | None) -> None:
        """Put the moves after a revision on record; none where None is known."""
        if revision is None:
            return
        for move in self.slots.moves:
            if move.revision <= revision:
                continue
            event = ModelMoved(
                epoch=self._parts.ledger.epoch,
                bundle=move.bundle,
                sha256=move.sha256,
                before=None if move.before is None else move.before.value,
                after=move.after.value,
                revision=move.revision,
                who=move.who,
                reason=move.reason,
                at=replace(clock.now(), utc_ms=move.at),
            )
            try:
                self._parts.ledger.append(event, owed=True)
            except LedgerError as error:  # the next start puts it on record
                _LOG.warning("a move of %s is not on record yet: %s", move.bundle, error)

    def take_in(self, who: str) -> Iterator[str]:
        """Take in what was fetched; yields what became of each bundle.

        Raises:
            ModelMoveError: The disk takes no more.
        """
        alarms = self._parts.alarms
        for path in self._store.waiting():
            try:
                provenance = read_provenance(path)
                if provenance is None:
                    continue
                if here := self._here(provenance):
                    self._store.discard(path)
                    yield here
                    continue
                slot = self._staged(path, provenance, who)
            except SlotsRefusedError as error:
                self._store.discard(path)
                text = f"{path.name} is not taken in: {error}"
                alarms.set(Alarm.BUNDLES, clock.now(), text)
                self._record_refusal(text, who)
                yield text
            except SlotsError as error:
                alarms.set(Alarm.BUNDLES, clock.now(), f"{path.name} cannot be taken in: {error}")
                raise ModelMoveError(str(error)) from error
            else:
                alarms.clear(Alarm.BUNDLES, clock.now())
                yield (
                    f"{slot.label} is staged (from {slot.origin or 'an unknown source'}); "
                    f"next is linegate model verify {slot.label}"
                )

    def _record_refusal(self, text: str, who: str) -> None:
        """Put on record what no slot can tell of: the file is gone."""
        refusal = Operator(who=who, origin="the station", action="model refused", detail=text[:500], at=clock.now())
        try:
            self._parts.ledger.append(refusal, owed=True)
        except LedgerError as error:
            _LOG.warning("not on record: %s (%s)", text, error)

    def verify(self, slot: Slot, who: str) -> Ready:
        """Check a bundle on this machine, in a process of its own.

        Raises:
            ModelRefusedError: It does not pass, and is on record as refused until it is verified anew.
        """
        self.refuse_product(slot, who)
        candidate = self.candidate(slot, VERIFY_NICE)
        try:
            ready = candidate.open()
        except CandidateError as error:
            raise self.refused(slot, str(error), who) from error
        finally:
            candidate.close()
        limit = int(self._settings.memory_limit) / MB
        if ready.memory_mb > limit:
            text = f"it takes {ready.memory_mb:.0f} MB of memory, {limit:.0f} MB is the most (models.memory_limit)"
            raise self.refused(slot, text, who)
        return ready

    def refuse_product(self, slot: Slot, who: str) -> None:
        """Refuse a bundle that is made for another product than this station's.

        Raises:
            ModelRefusedError: It is, or nothing here is judged by the active bundle.
        """
        if not of_active(self._parts.config.recipes):
            raise ModelRefusedError(
                'no view of this station is judged by the active bundle: write bundle = "active" in its recipe'
            )
        wanted = self._settings.product or self.product
        if slot.product != wanted:
            advice = "if that is not so, set [models] product"
            text = f"it is for the product {slot.product!r}, this station inspects {wanted!r}; {advice}"
            raise self.refused(slot, text, who)

    def refused(self, slot: Slot, text: str, who: str) -> ModelRefusedError:
        """Put on record that a bundle must not be used, and return the error that says so."""
        self.go(lambda slots: rules.refuse(slots, slot.sha256, by(who, text)))
        return ModelRefusedError(f"{slot.label} is refused: {text}")

    def candidate(self, slot: Slot, nice: int) -> Candidate:
        """Return the process that a bundle is tried in, not started."""
        config = self._parts.config
        return self._parts.candidate(
            Order(
                recipes=of_active(config.recipes),
                live=config.line.live,
                bundle=str(self._store.path_of(slot)),
                sha256=slot.sha256,
                nice=nice,
            )
        )

    def loaded(self, slot: Slot | None, *, gently: bool) -> Recipes:
        """Load a bundle (None: the shipped one) beside the one that decides, and prove its golden pictures.

        That it is fast enough was proved when it was verified. ``gently`` goes step by step, between parts.

        Raises:
            ModelMoveError: It cannot be loaded, or fails them.
        """
        parts = self._parts
        pause = parts.gaps.wait if gently else at_once
        label = slot.label if slot else rules.SHIPPED
        try:
            path = self._store.path_of(slot) if slot else shipped_bundle()
            recipes = parts.load(parts.config, path, prove=False, pause=pause)
            refuse_exchanged(parts.config, recipes, slot)
        except (ModelError, RecipeError) as error:
            raise ModelMoveError(f"{label} cannot be loaded: {error}") from error
        self.prove(label, recipes, gently=gently)
        return recipes

    def prove(self, label: str, recipes: Recipes, *, gently: bool) -> None:
        """Judge the golden pictures by loaded recipes; raises :class:`ModelMoveError` where they fail."""
        tested = self._parts.test(recipes, self._parts.gaps.wait if gently else at_once)
        if not tested.passed:
            raise ModelMoveError(f"{label} fails its golden pictures: {tested.text}")

    def back(self, ready: Recipes | None, *, gently: bool) -> tuple[str, Recipes]:
        """Return the bundle to go back to, by name and loaded; ``ready`` is the previous one where it is kept loaded.

        One that cannot take over is put on record as refused, and the shipped one takes its turn.

        Raises:
            ModelMoveError: The shipped one cannot take over either.
        """
        while True:
            previous = self.slots.previous
            label = previous.label if previous else "the bundle shipped with the software"
            try:
                if ready is None:
                    return label, self.loaded(previous, gently=gently)
                self.prove(label, ready, gently=gently)
            except ModelMoveError as error:
                if previous is None:
                    raise
                why, ready = by(rules.AUTOMATIC, f"cannot take over: {error}"), None
                self.go(partial(rules.refuse, sha256=previous.sha256, by=why))
            else:
                return label, ready

    def tested(self, recipes: Recipes) -> SelfTest:
        """Judge the golden pictures by what is in use, at once."""
        return with_product(self._parts.test(recipes, at_once), self._settings.product, self.product)

    @property
    def product(self) -> str:
        """What the active bundle is made for, empty where no view uses it."""
        for recipe in self._parts.config.recipes:
            for view, loaded in zip(recipe.views, self._parts.serving[recipe.id].views, strict=True):
                if view.bundle == ACTIVE_BUNDLE:
                    return loaded.bundle.manifest.product
        return ""

    def _here(self, provenance: Provenance) -> str:
        """Return what to say of a bundle that is here already, empty where it is not."""
        slot = self.slots.known(provenance.sha256)
        if slot is None or slot.stage in {rules.Stage.REFUSED, rules.Stage.WITHDRAWN}:
            return ""
        return f"{slot.label} is here already ({slot.stage}): linegate model list"

    def _staged(self, path: Path, provenance: Provenance, who: str) -> Slot:
        with self.turn:
            before = self.slots.revision
            slot = self._store.stage(path, provenance, by(who))
            self.record_since(before)
            return slot


def with_product(tested: SelfTest, wanted: str | None, product: str) -> SelfTest:
    """Return a self-test's outcome, failed where the active bundle is made for another product than the station's."""
    if not wanted or not product or wanted == product:
        return tested
    text = (
        f"the active bundle is for the product {product!r}, [models] product says {wanted!r}: install and promote a "
        "bundle for it (linegate model list)"
    )
    return replace(tested, faults=(*tested.faults, text))


def by(who: str, reason: str = "") -> By:
    """Return who makes a move now, and why."""
    return By(who=who, at=clock.now().utc_ms, reason=reason)


def at_once() -> None:
    """Wait for no pause of the line."""
