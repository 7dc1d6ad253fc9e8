"""Recipes made ready: each view's detector loaded, its limits settled, the bundle set named."""

import hashlib
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from deploy.active import bundle_path
from edge.config import ACTIVE_BUNDLE, Recipe
from edge.config.schema import View
from edge.inspector.clock import NS_PER_MS
from edge.inspector.views import LoadedView, RecipeError, Shelf, UnsafeRecipeError, ViewFiles, load_view
from models.bundle import set_fingerprint
from models.detector import no_pause

PROBE_PIXELS: Final = 64
LATENCY_RUNS: Final = 3
LATENCY_WIDTH: Final = 1920
LATENCY_HEIGHT: Final = 1080

_VIEWLESS: Final = (
    "it was commissioned without the name of a view, so that nothing tells which camera's pictures set it: commission "
    "this camera's view again with"
)
_LAXER: Final = (
    "it accepts blemishes that the bundle does not, so that no claimed risk covers them, which a live line refuses: "
    "opt in with allow_provisional = true"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRecipe:
    """A recipe that parts can be judged by. ``model`` is the wire's name of its bundle set (8 hex digits)."""

    id: int
    name: str
    revision: int
    deadline_ms: int
    capture_ms: int
    views: tuple[LoadedView, ...]
    model: str

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that every part of this recipe is seen by."""
        return tuple(view.camera for view in self.views)


Recipes = Mapping[int, LoadedRecipe]


def load_recipes(
    recipes: tuple[Recipe, ...],
    *,
    live: bool,
    active: Path,
    prove: bool = True,
    pause: Callable[[], None] = no_pause,
) -> Recipes:
    """Load every recipe's bundles; one bundle file is loaded once, however many views use it.

    ``active`` is the file of the bundle that views name ``active``. Without ``prove`` neither golden outputs
    nor latency are tried: for one whose proof is done elsewhere, or a station that must come up to say that they fail.
    ``pause`` is called before each longer step.

    Raises:
        UnsafeRecipeError: a limit is laxer than its bundle's, a commissioned file is damaged, another view's or laxer
            than what it proves, or tells no view, a catalogue is wrong or not proved by its limit samples, or a live
            line would judge without a claimed risk.
        RecipeError: a model is too slow for its recipe.
        ModelError: a bundle file is missing or wrong, or does not reproduce its golden outputs on this machine.
    """
    shelf = Shelf(prove=prove, pause=pause)
    return {recipe.id: _load(recipe, shelf, active, live=live) for recipe in recipes}


def of_active(recipes: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
    """Return the recipes of which any view is judged by the active bundle."""
    return tuple(recipe for recipe in recipes if any(view.bundle == ACTIVE_BUNDLE for view in recipe.views))


def all_active(recipes: tuple[Recipe, ...]) -> bool:
    """Return whether every view is judged by the active bundle."""
    return all(view.bundle == ACTIVE_BUNDLE for recipe in recipes for view in recipe.views)


def probe(recipes: Recipes) -> None:
    """Run every view's model on a blank picture.

    Raises:
        RecipeError: a model gives no probability.
        Exception: whatever a failing model raises.
    """
    for recipe in recipes.values():
        for view in recipe.views:
            x, y, width, height = view.roi or (0, 0, PROBE_PIXELS, PROBE_PIXELS)
            score = view.detector.inspect(np.zeros((y + height, x + width, 3), np.uint8), view.roi).score
            if not 0.0 <= score <= 1.0:
                raise RecipeError(f"recipe {recipe.id}, view {view.camera}: the model gives {score}, no probability")


def judging_hash(config_hash: str, recipes: Recipes) -> str:
    """Return the hash of all that judging was set by: the configuration's own, joined with that of its views' files.

    The configuration's hash alone where no view is commissioned or has a catalogue; else the SHA-256 over it and the
    files' hashes in the order of recipes and views, a view's commissioned file before its catalogue (with its limit
    samples), each in lower-case hex and followed by a newline (ASCII).
    """
    views = [view for recipe in recipes.values() for view in recipe.views]
    files = [known for view in views for known in view.file_hashes]
    if not files:
        return config_hash
    return hashlib.sha256("".join(f"{known}\n" for known in (config_hash, *files)).encode("ascii")).hexdigest()


def _load(recipe: Recipe, shelf: Shelf, active: Path, *, live: bool) -> LoadedRecipe:
    views = tuple(_load_view(recipe, view, shelf, active, live=live) for view in recipe.views)
    return LoadedRecipe(
        id=recipe.id,
        name=recipe.name,
        revision=recipe.revision,
        deadline_ms=recipe.deadline_ms,
        capture_ms=recipe.capture_ms,
        views=views,
        model=set_fingerprint([view.bundle.sha256 for view in views]),
    )


def _load_view(recipe: Recipe, view: View, shelf: Shelf, active: Path, *, live: bool) -> LoadedView:
    place = f"recipe {recipe.id} ({recipe.name}), view {view.camera}: "
    files = ViewFiles(
        camera=view.camera,
        bundle=bundle_path(view.bundle, active),
        commissioned=view.commissioned,
        catalogue=view.catalogue,
        roi=view.roi,
    )
    loaded = load_view(files, shelf, view.limits, place=place)
    if loaded.commissioned is not None and loaded.commissioned.content.origin.view is None:
        raise UnsafeRecipeError(f"{place}{view.commissioned}: {_VIEWLESS} --view {view.camera}")
    if live and loaded.claim is None and not recipe.allow_provisional:
        raise UnsafeRecipeError(f"{place}{_unclaimed(view, loaded)}")
    if shelf.prove:
        _refuse_slow(place, recipe, loaded, shelf.pause)
    return loaded


def _unclaimed(view: View, loaded: LoadedView) -> str:
    if loaded.excuses:
        return f"{view.catalogue}: {_LAXER}"
    what = "as commissioned " if view.commissioned else ""
    return (
        f"bundle {loaded.bundle.manifest.file_name} is {what}provisional (no risk is claimed), which a live line "
        "refuses: install a bundle with a risk claim, commission the view with enough known defects, or opt in with "
        "allow_provisional = true"
    )


def _refuse_slow(place: str, recipe: Recipe, view: LoadedView, pause: Callable[[], None]) -> None:
    """Refuse a model that cannot answer within the recipe's deadline on this machine, even with nothing else to do."""
    x, y, width, height = view.roi or (0, 0, LATENCY_WIDTH, LATENCY_HEIGHT)
    blank = np.zeros((y + height, x + width, 3), np.uint8)
    times_ns = []
    for _ in range(LATENCY_RUNS):
        pause()
        found = view.detector.inspect(blank, view.roi)
        times_ns.append(found.preprocess_ns + found.invoke_ns + found.postprocess_ns)
    needed_ms = statistics.median(times_ns) / NS_PER_MS
    if needed_ms >= recipe.deadline_ms:
        raise RecipeError(
            f"{place}its model takes {needed_ms:.0f} ms on this machine, the recipe's deadline is "
            f"{recipe.deadline_ms} ms: raise deadline_ms, or use a smaller bundle"
        )
