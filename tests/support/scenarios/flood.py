"""Very many parts while one fault follows the other, and very many in peace with the shipped network."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from edge.inspector.operating import ArchiveRequest, State
from edge.inspector.operator_client import ask
from edge.ledger.archive_file import FOLDER
from edge.line.plc import PlcSettings
from edge.line.plc_misbehave import Misbehaviour
from tests.support.plant import FAST, REAL, Outcome, Plant
from tests.support.proxy import Way
from tests.support.scenarios.broker import restart
from tests.support.scenarios.stages import GARBAGE, YEAR_S, long_transaction
from tests.support.scenarios.stores import DEADLINE_MS, accepted_pictures

PARTS_BETWEEN: Final = 300
SHIFT: Final = 6
"""Faults per shift; each shift has a PLC of its own, and so a session."""

BAD_PARTS: Final = 60
ROUND_S: Final = 600.0

Trouble = Callable[[Plant], None]


def _told(*orders: str) -> Trouble:
    def trouble(plant: Plant) -> None:
        for order in orders:
            plant.station.tell(order)
            plant.parts(3)

    return trouble


def _for(seconds: float, begin: Trouble, end: Trouble) -> Trouble:
    def trouble(plant: Plant) -> None:
        begin(plant)
        time.sleep(seconds)
        end(plant)

    return trouble


def _paused(plant: Plant) -> None:
    plant.station.pause()
    time.sleep(1.0)
    plant.station.resume()


def _read_for_long(plant: Plant) -> None:
    with long_transaction(plant.store):
        plant.parts(PARTS_BETWEEN)


def _archived(plant: Plant) -> None:
    replies = list(ask(plant.store, ArchiveRequest(keep_days=0.0)))
    assert replies[-1].state is State.DONE, replies[-1].text


TROUBLES: Final[dict[str, Trouble]] = {
    "broker killed": restart,
    "station's link reset": lambda plant: plant.station_side.reset(),
    "PLC's link reset": lambda plant: plant.plc_side.reset(),
    "station's link half-closed": lambda plant: plant.station_side.half_close(Way.DOWN),
    "station's link half-open, broker gone": lambda plant: plant.station_side.forget(Way.UP),
    "station's link half-open, station gone": lambda plant: plant.station_side.forget(Way.DOWN),
    "station's link silent for 2 s": _for(2.0, lambda p: p.station_side.stall(), lambda p: p.station_side.flow()),
    "PLC's link silent for 2 s": _for(2.0, lambda p: p.plc_side.stall(), lambda p: p.plc_side.flow()),
    "results silent for 1 s": _for(1.0, lambda p: p.station_side.stall(Way.UP), lambda p: p.station_side.flow()),
    "triggers silent for 1 s": _for(1.0, lambda p: p.station_side.stall(Way.DOWN), lambda p: p.station_side.flow()),
    "station's link cut for 2 s": _for(2.0, lambda p: p.station_side.cut(), lambda p: p.station_side.mend()),
    "triggers delayed for 1 s": _for(1.0, lambda p: p.plc_side.delay(0.3), lambda p: p.plc_side.delay(0.0)),
    "camera blocks": _told("camera block", "camera release"),
    "camera freezes": _told("camera again", "camera frozen"),
    "camera one frame behind": _told("camera behind", "camera undated"),
    "camera returns garbage": _told(*(f"camera {step}" for step in GARBAGE)),
    "camera disappears": _told("camera gone", "camera back"),
    "model raises": _told("raise 0.3"),
    "model returns NaN": _told("nan 0.3"),
    "model hangs for a second": _told("hang 1"),
    "a commit takes two seconds": _told("commit 2 1"),
    "clock jumps ahead and back": _told(f"clock {10 * YEAR_S}", f"clock {-10 * YEAR_S}", "clock 0"),
    "station stands still for 1 s": _paused,
    "foreign reader holds a transaction": _read_for_long,
    "ledger archived": _archived,
}


def flood(
    folder: Path,
    triggers: int,
    seconds: float,
    tell: Callable[[str], None] = lambda _line: None,
    *,
    kills: bool = False,
) -> Outcome:
    """Run a station through faults in random order until so many triggers were sent, or for so long.

    It is one process all the time, whose memory is measured, unless with ``kills`` every other fault ends with its end.
    """
    generator = random.Random(20261123)
    happened: Counter[str] = Counter()
    with Plant(folder) as plant:
        plant.start()
        began = time.monotonic()
        memory = Memory(plant)
        while plant.witness.triggers < triggers and time.monotonic() < began + seconds:
            _bad_shift(plant, generator, happened)
            with plant.line(FAST):
                for name in generator.sample(sorted(TROUBLES), SHIFT):
                    TROUBLES[name](plant)
                    happened[name] += 1
                    if kills and generator.random() < 0.5:
                        _kill(plant, happened)
                    plant.accepts(1)
                    plant.parts(PARTS_BETWEEN, ROUND_S)
                    memory.sample()
            if generator.random() < 0.5:
                _two_sessions(plant, happened)
            elapsed = time.monotonic() - began
            tell(f"{plant.witness.triggers} triggers, {happened.total()} faults, {elapsed:.0f} s, {memory.now:.1f} MB")
        plant.measured["faults"] = dict(sorted(happened.items()))
        plant.measured["archives"] = len(list((plant.store / FOLDER).glob("*.gz")))
        plant.measured["triggers_per_s"] = round(plant.witness.triggers / (time.monotonic() - began), 1)
        plant.measured["starts"] = plant.station.starts
        if plant.station.starts == 1:
            plant.measured |= memory.figures()
        return plant.outcome(happened.total())


def in_peace(folder: Path, parts: int, seconds: float, tell: Callable[[str], None] = lambda _line: None) -> Outcome:
    """Run ``linegate inspect`` with its shipped network for so many parts, or for so long, and weigh it."""
    pictures = accepted_pictures(folder / "pictures")
    settings = PlcSettings(rate=0, timer_ms=DEADLINE_MS + 500, test_line=True, outstanding=2)
    with Plant(folder, module=REAL, source=f"replay:{pictures}", deadline_ms=DEADLINE_MS) as plant:
        plant.start()
        memory = Memory(plant)
        with plant.line(settings):
            plant.accepts(10)
            began = time.monotonic()
            while plant.witness.parts < parts and time.monotonic() < began + seconds:
                plant.parts(PARTS_BETWEEN, ROUND_S)
                memory.sample()
                tell(f"{plant.witness.parts} parts, {time.monotonic() - began:.0f} s, {memory.now:.1f} MB")
        plant.measured |= memory.figures()
        plant.measured["parts_per_s"] = round(plant.witness.parts / (time.monotonic() - began), 1)
        return plant.outcome(1)


class Memory:
    """The resident memory of a station's process over its parts."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._samples: list[tuple[int, float]] = []

    @property
    def now(self) -> float:
        """The last sample, in MB (10^6 bytes)."""
        return self._samples[-1][1]

    def sample(self) -> None:
        """Read it now."""
        status = Path(f"/proc/{self._plant.station.pid}/status").read_text(encoding="utf-8")
        (size,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        self._samples.append((self._plant.witness.parts, int(size) / 1000))

    def figures(self) -> dict[str, Any]:
        """Return the mean of every tenth of the run, its highest value, and the growth per 10^5 parts.

        The growth is the least-squares slope over the run without its first tenth, in which caches fill.
        """
        count = len(self._samples)
        if count < 10:
            return {"rss_mb": [round(size, 1) for _, size in self._samples]}
        tenths = [self._samples[count * tenth // 10 : count * (tenth + 1) // 10] for tenth in range(10)]
        later = self._samples[count // 10 :]
        middle = sum(parts for parts, _ in later) / len(later)
        spread = sum((parts - middle) ** 2 for parts, _ in later)
        slope = sum((parts - middle) * size for parts, size in later) / spread
        return {
            "parts": self._samples[-1][0],
            "rss_mb": [round(sum(size for _, size in tenth) / len(tenth), 1) for tenth in tenths],
            "rss_mb_highest": round(max(size for _, size in self._samples), 1),
            "rss_mb_growth_per_100000_parts": round(slope * 100_000, 2),
        }


def _bad_shift(plant: Plant, generator: random.Random, happened: Counter[str]) -> None:
    """A PLC that breaks one or two rules for a few parts."""
    kinds = frozenset(generator.sample([kind for kind in Misbehaviour if kind is not Misbehaviour.ACCEPT_ANYTHING], 2))
    with plant.line(replace(FAST, parts=BAD_PARTS, misbehave=kinds), name="plc-bad"):
        plant.parts(BAD_PARTS, ROUND_S)
    happened.update(f"PLC: {kind}" for kind in kinds)


def _kill(plant: Plant, happened: Counter[str]) -> None:
    plant.station.kill()
    plant.start()
    happened["station killed -9"] += 1


def _two_sessions(plant: Plant, happened: Counter[str]) -> None:
    with plant.line(FAST, name="plc-a"):
        plant.accepts(3)
        with plant.line(FAST, name="plc-b"):
            plant.accepts(3)
            plant.late(2)
    happened["two sessions interleaved"] += 1
