"""The way between station, broker and PLC: delayed, stalled, cut, reset, half-closed, half-open."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from tests.support.plant import RECOVERY_S, Plant
from tests.support.proxy import Proxy, Way
from tests.support.scenarios.fault import Fault
from tests.support.waiting import wait_until

SLOW_S: Final = 0.6
"""There and back it is longer than any deadline."""

Break = Callable[[Proxy], None]


def sides(plant: Plant, times: int) -> Iterator[Proxy]:
    """Yield the side to break at each time, the station's and the PLC's in turn, while parts are accepted."""
    for number in range(times):
        plant.accepts()
        yield (plant.station_side, plant.plc_side)[number % 2]


def broken(plant: Plant, times: int, *, how: Break) -> None:
    """Every connection of one side breaks; the line runs again by itself."""
    with plant.line():
        for side in sides(plant, times):
            opened = side.opened
            how(side)
            wait_until(lambda side=side, opened=opened: side.opened > opened, RECOVERY_S, what="a new connection")
        plant.accepts()


def silent(plant: Plant, times: int, *, seconds: float) -> None:
    """Nothing passes for so long, then all of it does: a cable that was pulled and put back."""
    with plant.line():
        for side in sides(plant, times):
            side.stall()
            time.sleep(seconds)
            side.flow()
        plant.accepts()


def one_way(plant: Plant, times: int, *, way: Way) -> None:
    """Nothing passes in one direction until parts are too late, while the other one works."""
    with plant.line():
        for side in sides(plant, times):
            side.stall(way)
            plant.late(3)
            side.flow()
        plant.accepts()


def refused(plant: Plant, times: int, *, seconds: float) -> None:
    """Every connection of both sides breaks, and new ones are refused for so long."""
    with plant.line():
        for _ in range(times):
            plant.accepts()
            for side in (plant.station_side, plant.plc_side):
                side.cut()
            time.sleep(seconds)
            for side in (plant.station_side, plant.plc_side):
                side.mend()
        plant.accepts()


def slow(plant: Plant, times: int) -> None:
    """The way becomes so long that every result is too late, and short again."""
    with plant.line():
        for side in sides(plant, times):
            side.delay(SLOW_S)
            plant.late(4)
            side.delay(0)
        plant.accepts()


def _link(name: str, run: Callable[[Plant, int], None], *, short: int = 1, long: int = 10) -> Fault:
    return Fault(name=f"link {name}", run=run, short=short, long=long, breaks_link=True)


FAULTS: Final = (
    _link("reset", partial(broken, how=Proxy.reset)),
    _link("half-closed by the broker's side", partial(broken, how=lambda side: side.half_close(Way.DOWN))),
    _link("half-closed by the client's side", partial(broken, how=lambda side: side.half_close(Way.UP)), long=10),
    _link("half-open, the broker is gone", partial(broken, how=lambda side: side.forget(Way.UP)), long=10),
    _link("half-open, the client is gone", partial(broken, how=lambda side: side.forget(Way.DOWN)), long=10),
    _link("silent for 2 s", partial(silent, seconds=2.0)),
    _link("silent for 2 min", partial(silent, seconds=120.0), short=0, long=2),
    _link("silent towards the station", partial(one_way, way=Way.DOWN)),
    _link("silent from the station", partial(one_way, way=Way.UP), short=0),
    _link("cut for 2 s", partial(refused, seconds=2.0)),
    _link("cut for 2 min", partial(refused, seconds=120.0), short=0, long=1),
    _link("slower than the deadline", slow),
)
