"""The station as others see it: ready or not and why, its heartbeat and its retained state."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from camera.source import Source, SourceState
from edge.core import wire
from edge.core.types import Fault
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.recipes import Recipes
from edge.ledger import Ledger

LOOP_ALIVE_NS: Final = 4_000_000_000
"""A loop that has not moved for this long makes the station not ready; no single wait of its stages is as long."""

EARLIEST_PLAUSIBLE_S: Final = 1_767_225_600
"""1 January 2026: a clock before it was never set. It is told as a fault but stops no line."""


def software_version() -> str:
    """Return the installed version of linegate."""
    return version("linegate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What does not change while the process runs."""

    epoch: int
    live: bool
    software: str


class Station:
    """Tells readiness from the parts' own state; safe to ask from any thread."""

    def __init__(
        self, identity: Identity, *, sources: Mapping[str, Source], recipes: Recipes, ledger: Ledger, alarms: Alarms
    ) -> None:
        self.identity = identity
        self._sources = sources
        self._recipes = recipes
        self._ledger = ledger
        self._alarms = alarms
        self.loop_alive_ns = 0
        self.stopping = False
        self.triggers: Mapping[str, int] = {}

    def faults(self) -> Fault:
        """Return every fault that stands now."""
        faults = Fault.NONE
        if any(source.state is not SourceState.READY for source in self._sources.values()):
            faults |= Fault.CAMERA
        if self._alarms.raised(Alarm.MODEL):
            faults |= Fault.MODEL
        if not self._ledger.healthy:
            faults |= Fault.LEDGER
        if not self._recipes:
            faults |= Fault.RECIPE
        if time.time() < EARLIEST_PLAUSIBLE_S:
            faults |= Fault.CLOCK
        return faults

    def ready(self) -> bool:
        """Return whether a part may be sent: no fault but an unset clock, and a loop that comes round."""
        alive = time.monotonic_ns() - self.loop_alive_ns < LOOP_ALIVE_NS
        return alive and not self.stopping and self.faults() in {Fault.NONE, Fault.CLOCK}

    def heartbeat(self, number: int) -> wire.Heartbeat:
        """Return the heartbeat of this moment."""
        return wire.Heartbeat(
            epoch=self.identity.epoch,
            n=number,
            ready=self.ready(),
            fault=int(self.faults()),
            recipe=min(self._recipes, default=0),
        )

    def state(self) -> bytes:
        """Return the retained state of a station that is there."""
        models = {
            view.bundle.manifest.file_name: view.bundle.sha256
            for recipe in self._recipes.values()
            for view in recipe.views
        }
        recipes = [
            {"id": recipe.id, "name": recipe.name, "revision": recipe.revision} for recipe in self._recipes.values()
        ]
        return wire.encode(
            {
                "online": 1,
                "ready": int(self.ready()),
                "epoch": self.identity.epoch,
                "models": models,
                "recipes": recipes,
                "faults": [fault.name.lower() for fault in self.faults() if fault.name],
                "versions": {"linegate": self.identity.software, "contract": wire.VERSION},
                "live": int(self.identity.live),
                "triggers": dict(self.triggers),
            }
        )


def offline_state(epoch: int) -> bytes:
    """Return the retained state of a station that is not there, which is also the Last Will."""
    return wire.encode({"online": 0, "ready": 0, "epoch": epoch})
