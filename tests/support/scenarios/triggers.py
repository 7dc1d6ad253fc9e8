"""What a PLC, or the way from it, does to triggers: twice, late, retained, out of order, from two sessions at once."""

from functools import partial
from typing import Final

from edge.core.codes import Code
from edge.line.plc import PlcSettings
from edge.line.plc_misbehave import Misbehaviour
from tests.support.plant import TIMER_MS, Plant
from tests.support.scenarios.fault import Fault

PARTS: Final = 20
LATE_S: Final = 0.3
"""Beyond the station's slack for late triggers, within the PLC's timer."""


def misbehaving(plant: Plant, times: int, *, kind: Misbehaviour) -> None:
    """A PLC that breaks a rule at every fifth part, then one that keeps them all."""
    settings = PlcSettings(
        rate=40, timer_ms=TIMER_MS, test_line=True, outstanding=2, parts=PARTS * times, misbehave=frozenset({kind})
    )
    with plant.line(settings, name="plc-bad"):
        plant.parts(PARTS * times)
    with plant.line():
        plant.accepts()


def retained(plant: Plant, times: int) -> None:
    """Triggers that the broker keeps come again with every new connection of the station."""
    settings = PlcSettings(
        rate=40, timer_ms=TIMER_MS, test_line=True, outstanding=2, misbehave=frozenset({Misbehaviour.RETAINED})
    )
    with plant.line(settings):
        for _ in range(times):
            plant.accepts(6)
            plant.station_side.reset()
            plant.accepts(6)


def delayed(plant: Plant, times: int) -> None:
    """Triggers that are held up on their way are answered cannot-judge: the part may be another one by now."""
    with plant.line():
        for _ in range(times):
            plant.accepts()
            plant.plc_side.delay(LATE_S)
            plant.parts(6)
            plant.plc_side.delay(0)
        plant.accepts()


def two_sessions(plant: Plant, times: int) -> None:
    """Two PLCs trigger the same station: the newer session wins, the older one is refused for good."""
    for _ in range(times):
        with plant.line(name="plc-a"):
            plant.accepts()
            with plant.line(name="plc-b"):
                plant.accepts()
                plant.late(2)
    with plant.line():
        plant.accepts()


def never_acks(plant: Plant, times: int) -> None:
    """A PLC that never acknowledges closes no part, and nothing waits for it."""
    settings = PlcSettings(
        rate=40,
        timer_ms=TIMER_MS,
        test_line=True,
        outstanding=2,
        parts=PARTS * times,
        misbehave=frozenset({Misbehaviour.NO_ACK}),
    )
    with plant.line(settings):
        plant.parts(PARTS * times)


def _bad(name: str, kind: Misbehaviour, codes: tuple[int, ...] = (), *, short: int = 0) -> Fault:
    return Fault(name=name, run=partial(misbehaving, kind=kind), short=short, long=10, codes=codes)


FAULTS: Final = (
    _bad("triggers duplicated", Misbehaviour.DUPLICATE, short=1),
    Fault(name="triggers delayed", run=delayed, short=1, long=10, codes=(Code.LATE_TRIGGER,)),
    Fault(name="triggers retained", run=retained, short=1, long=10, breaks_link=True),
    _bad("PLC rebooted in the middle of a part", Misbehaviour.REBOOT, short=1),
    Fault(name="two sessions interleaved", run=two_sessions, short=1, long=10, codes=(Code.SUPERSEDED_SESSION,)),
    Fault(name="PLC that never acks", run=never_acks, short=1, long=10),
    _bad("triggers of a foreign epoch", Misbehaviour.FOREIGN_EPOCH, (Code.FOREIGN_EPOCH,), short=1),
    _bad("triggers of an unknown recipe", Misbehaviour.WRONG_RECIPE, (Code.RECIPE_UNKNOWN,), short=1),
    _bad("triggers with a used number", Misbehaviour.REUSE_TRIG, short=1),
    _bad("triggers with skipped numbers", Misbehaviour.SKIP_TRIG, (Code.GAP,), short=1),
    _bad("triggers in bursts", Misbehaviour.BURST, short=1),
    _bad("triggers with an old tick", Misbehaviour.STALE_TICK, (Code.LATE_TRIGGER,), short=1),
    _bad("garbage before triggers", Misbehaviour.GARBAGE, short=1),
    _bad("oversized payloads before triggers", Misbehaviour.OVERSIZED),
)
