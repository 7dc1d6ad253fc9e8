"""The recipes that parts are judged by, exchanged as a whole; and the moments in which nothing is being judged."""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Final

from edge.inspector.recipes import LoadedRecipe, Recipes

QUIET_S: Final = 0.5
"""Where no part came for so long, any moment will do."""
LONGEST_S: Final = 2.0
"""A line without a moment's rest is not waited for any longer."""


class Serving(Mapping[int, LoadedRecipe]):
    """The recipes in force. A part is bound to its recipe as its trigger arrives: an exchange touches none."""

    def __init__(self, recipes: Recipes) -> None:
        self._recipes = recipes

    def put(self, recipes: Recipes) -> Recipes:
        """Judge what is triggered from now on by other recipes of the same numbers; returns those before."""
        before, self._recipes = self._recipes, recipes
        return before

    @property
    def recipes(self) -> Recipes:
        """The recipes of this moment."""
        return self._recipes

    def __getitem__(self, recipe: int) -> LoadedRecipe:
        return self._recipes[recipe]

    def __iter__(self) -> Iterator[int]:
        return iter(self._recipes)

    def __len__(self) -> int:
        return len(self._recipes)


class Gaps:
    """Knows when the loop has just finished a part: the moment for work that would otherwise delay one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy = False
        self._done = 0
        self._last_ns = 0

    def begin(self) -> None:
        """A part is taken in hand."""
        with self._changed:
            self._busy = True

    def end(self, *, more: bool) -> None:
        """It is done; ``more`` wait already."""
        with self._changed:
            self._busy = False
            self._last_ns = time.monotonic_ns()
            self._done += not more
            self._changed.notify_all()

    def wait(self) -> None:
        """Return right after a part, or at once where none has come for a while; after two seconds in any case."""
        until = time.monotonic() + LONGEST_S
        with self._changed:
            seen = self._done
            while self._done == seen and time.monotonic() < until:
                quiet = (time.monotonic_ns() - self._last_ns) / 1e9
                if not self._busy and quiet >= QUIET_S:
                    return
                self._changed.wait(max(0.005, min(QUIET_S - quiet, until - time.monotonic())))
