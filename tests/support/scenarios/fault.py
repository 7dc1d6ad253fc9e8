"""One entry of the fault table."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.plant import Outcome, Plant


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault and how to have it on a running line; ``run`` takes the plant and how many times.

    ``short`` is how many times in ``make test`` (0: in the soak only), ``long`` in ``make soak``. ``codes`` are the
    reason codes that must be on record afterwards, else nothing was tried. ``breaks_link`` keeps it apart from others
    in the short form: a link that breaks again and again waits longer before every new attempt.
    """

    name: str
    run: Callable[[Plant, int], None]
    short: int
    long: int
    codes: tuple[int, ...] = ()
    breaks_link: bool = False

    def alone(self, folder: Path, times: int) -> Outcome:
        """Have the fault on a line of its own, in an empty folder, and compare the books when it has stopped."""
        with Plant(folder) as plant:
            plant.start()
            self.run(plant, times)
            return plant.outcome(times, self.codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFault:
    """A fault of the store, which brings a line of its own; ``alone``, ``short`` and ``long`` as in :class:`Fault`."""

    name: str
    alone: Callable[[Path, int], Outcome]
    short: int
    long: int
