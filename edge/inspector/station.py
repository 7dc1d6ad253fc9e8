"""The station as others see it: ready or not and why, its heartbeat and its retained state."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from camera.source import Source, SourceState
from edge.core import anchors, wire
from edge.core.anchors import Anchor
from edge.core.types import Fault
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.recipes import Recipes
from edge.ledger import Ledger

LOOP_ALIVE_NS: Final = 4_000_000_000
"""A loop that has not moved for this long makes the station not ready; no single wait of its stages is as long."""

ANCHOR_NS: Final = 60_000_000_000
"""So often the ledger's head is published while parts come."""

EARLIEST_PLAUSIBLE_S: Final = 1_767_225_600
"""1 January 2026: a clock before it was never set. It is told as a fault but stops no line."""

TOLD_ONLY: Final = Fault.CLOCK | Fault.LINK
"""Faults that stop no line. Whether results get through again shows with the next one only."""


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
    """Tells readiness from the parts' own state; safe to ask from any thread.

    ``testing``, ``self_test_failed`` and ``rates_unusual`` are set by whoever keeps the models, ``trial`` tells of a
    bundle on trial.
    """

    def __init__(
        self, identity: Identity, *, sources: Mapping[str, Source], recipes: Recipes, ledger: Ledger, alarms: Alarms
    ) -> None:
        self.identity = identity
        self._sources = sources
        self._recipes = recipes
        self._ledger = ledger
        self._alarms = alarms
        self._anchor: Anchor | None = None
        self._anchored_ns = 0
        self.loop_alive_ns = 0
        self.stopping = False
        self.triggers: Mapping[str, int] = {}
        self.testing = False
        self.self_test_failed = False
        self.rates_unusual = False
        self.trial: Callable[[], Mapping[str, object]] = dict

    def faults(self) -> Fault:
        """Return every fault that stands now."""
        faults = Fault.NONE
        if any(source.state is not SourceState.READY for source in self._sources.values()):
            faults |= Fault.CAMERA
        if self._alarms.raised(Alarm.MODEL) or self.rates_unusual:
            faults |= Fault.MODEL
        if self.testing or self.self_test_failed:
            faults |= Fault.SELF_TEST
        if not self._ledger.healthy:
            faults |= Fault.LEDGER
        if not self._recipes:
            faults |= Fault.RECIPE
        if self._alarms.raised(Alarm.LINK):
            faults |= Fault.LINK
        if time.time() < EARLIEST_PLAUSIBLE_S:
            faults |= Fault.CLOCK
        return faults

    def ready(self) -> bool:
        """Return whether a part may be sent: no fault that keeps it from being judged, and a loop that comes round."""
        alive = time.monotonic_ns() - self.loop_alive_ns < LOOP_ALIVE_NS
        return alive and not self.stopping and not self.faults() & ~TOLD_ONLY

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
                anchors.KEY: None if (anchor := self._recent_anchor()) is None else anchor.fields(),
                "trial": dict(self.trial()) or None,
            }
        )

    def _recent_anchor(self) -> Anchor | None:
        """Return the ledger's head of a while ago: each change of the state is published, and parts change the head."""
        present = time.monotonic_ns()
        if self._anchor is None or present - self._anchored_ns >= ANCHOR_NS:
            self._anchor, self._anchored_ns = self._ledger.head, present
        return self._anchor


def offline_state(epoch: int, anchor: Anchor | None = None) -> bytes:
    """Return the retained state of a station that is not there, which without an anchor is also the Last Will."""
    head = {} if anchor is None else {anchors.KEY: anchor.fields()}
    return wire.encode({"online": 0, "ready": 0, "epoch": epoch} | head)
