"""Which bundle a station starts with: the active one, or, where that cannot be used any more, the one before."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from deploy.active import shipped_bundle
from deploy.slots.errors import SlotsError
from deploy.slots.store import Mark, SlotStore
from edge.config import ACTIVE_BUNDLE, Config
from edge.core.slots import AUTOMATIC, By, Slot, crashed, refuse, take_back
from edge.inspector import clock
from edge.inspector.recipes import Recipes
from edge.inspector.selftest import SelfTest
from edge.inspector.views import RecipeError, Shelf
from models.detector import no_pause
from models.errors import BundleDamagedError, GoldenMismatchError, ModelError

CRASHES_MAX: Final = 2
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_LOG: Final = logging.getLogger(__name__)


class LoadRecipes(Protocol):
    """How the recipes of a configuration are loaded; a test has its own way."""

    def __call__(
        self, config: Config, active: Path, *, prove: bool = True, pause: Callable[[], None] = no_pause
    ) -> Recipes:
        """Load the bundles of every recipe; raises as :func:`edge.inspector.recipes.load_recipes`."""


Test = Callable[[Recipes, Callable[[], None]], SelfTest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The recipes that a station starts with, and what their self-test came to."""

    recipes: Recipes
    tested: SelfTest


def active_file(store: SlotStore) -> Path:
    """Return the file of the active bundle."""
    active = store.slots.active
    return shipped_bundle() if active is None else store.path_of(active)


def boot_id() -> str:
    """Return what tells this boot of the machine from others; empty where the system does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def load_for_start(config: Config, store: SlotStore, load: LoadRecipes, test: Test) -> Loaded:
    """Load the active bundle; one that crashed the station again and again, or cannot be used, gives way first.

    A bundle gives way to the previous one, that one to the shipped one; one that comes into office so has to fit the
    recipes, too. Where the last of them fails its golden pictures it is loaded all the same: the station comes up, says
    so, and accepts nothing.

    Raises:
        RecipeError, ModelError, SlotsError: As of loading the bundle that is left.
    """
    gave_way = _count_crash(store)
    try:
        return _load(config, store, load, test, gave_way=gave_way)
    finally:
        store.unmark()


def _load(config: Config, store: SlotStore, load: LoadRecipes, test: Test, *, gave_way: bool) -> Loaded:
    while True:
        active = store.slots.active
        mark_running(store)  # loading it may be what kills the process, or never ends
        try:
            recipes = load(config, active_file(store))
            refuse_exchanged(config, recipes, active)
            tested = test(recipes, _at_once)
        except ModelError as error:
            problem = None if active is None else _unusable(store, active)
            if active is None or problem is None:
                if isinstance(error, GoldenMismatchError):
                    return _unproven(config, store, load, str(error))
                raise
        except RecipeError as error:
            if active is None or not gave_way:  # what a person has set up so is for a person to change
                raise
            problem = str(error)
        else:
            if active is None or active.sha256 not in tested.failed:
                return Loaded(recipes=recipes, tested=tested)
            problem = tested.text
        _LOG.error("%s cannot be used any more and gives way: %s", active.label, problem)
        by = By(who=AUTOMATIC, at=clock.now().utc_ms, reason=f"at the start: {problem}")
        store.move(partial(refuse, sha256=active.sha256, by=by))
        gave_way = True


def refuse_exchanged(config: Config, recipes: Recipes, active: Slot | None) -> None:
    """Refuse recipes whose active views were not loaded from the very file that was staged.

    Raises:
        BundleDamagedError: The file has been exchanged or spoilt.
    """
    if active is None:
        return
    for recipe in config.recipes:
        for view, loaded in zip(recipe.views, recipes[recipe.id].views, strict=True):
            if view.bundle == ACTIVE_BUNDLE and loaded.bundle.sha256 != active.sha256:
                raise BundleDamagedError(f"{active.file_name}: is not the file that was staged; install it again")


def mark_running(store: SlotStore) -> None:
    """Note on disk which bundle is about to decide; where the disk does not take that, a bad end will not be known."""
    active = store.slots.active
    try:
        store.mark(Mark(boot=boot_id(), active=active.sha256 if active else None))
    except SlotsError as error:
        _LOG.warning("%s", error)


def _count_crash(store: SlotStore) -> bool:
    """Count a bad end of the process before against the active bundle; a power cut is not its fault.

    Return whether it was taken back.
    """
    mark, active = store.found_mark(), store.slots.active
    if mark is None or active is None or mark.active != active.sha256 or mark.boot != boot_id():
        return False
    at = clock.now().utc_ms
    ended = By(who=AUTOMATIC, at=at, reason="the station ended badly while it was active (crash, hang or kill)")
    slots = store.move(lambda slots: crashed(slots, active.sha256, ended))
    now = slots.known(active.sha256)
    if now is None or now.crashes < CRASHES_MAX:
        return False
    text = f"the station ended badly {now.crashes} times in a row while it was active"
    _LOG.error("%s is taken back: %s", active.label, text)
    store.move(lambda slots: take_back(slots, active.sha256, By(who=AUTOMATIC, at=at, reason=text)))
    return True


def _unusable(store: SlotStore, active: Slot) -> str | None:
    """Return what is wrong with the active bundle by itself; None where it is sound."""
    path = store.path_of(active)
    try:
        detector = Shelf().detector(path)
    except ModelError as error:
        return str(error)
    return None if detector.bundle.sha256 == active.sha256 else f"{path} is not the file that was staged"


def _unproven(config: Config, store: SlotStore, load: LoadRecipes, problem: str) -> Loaded:
    recipes = load(config, active_file(store), prove=False)
    return Loaded(recipes=recipes, tested=SelfTest(pictures=1, faults=(problem,), milliseconds=0))


def _at_once() -> None:
    return None
