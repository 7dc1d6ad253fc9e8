"""What is in the station fails: camera, model, disk, clock, the whole machine for a while; and who reads beside it."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from edge.core.codes import Code
from edge.ledger.schema import FILE_NAME
from tests.support.plant import RECOVERY_S, Plant
from tests.support.scenarios.fault import Fault
from tests.support.waiting import wait_until

YEAR_S: Final = 365 * 86_400
JUMPS_S: Final = (10 * YEAR_S, -10 * YEAR_S, -50 * YEAR_S, 0)
"""Ahead, back, and back to before 1980 as after an empty clock battery; then right again."""

READ_PARTS: Final = 60
GARBAGE: Final = ("flat", "shape", "grey", "noise", "broken", "bug")
"""What a camera may hand out instead of a picture of the part."""


def told(plant: Plant, times: int, *, orders: tuple[str, ...], cure: str = "") -> None:
    """The station is told to fail; parts go on coming, and are accepted again once it is cured."""
    with plant.line():
        for _ in range(times):
            plant.accepts()
            for order in orders:
                plant.station.tell(order)
                plant.parts(3)
            if cure:
                plant.station.tell(cure)
        plant.accepts()


def hanging_model(plant: Plant, times: int) -> None:
    """A model that never returns: answered for, and after ten seconds the process ends and is started again."""
    with plant.line():
        for _ in range(times):
            plant.accepts()
            plant.station.tell("hang 3600")
            assert plant.station.wait(120) == 1
            plant.start()
        plant.accepts()


def jumping_clock(plant: Plant, times: int) -> None:
    """The calendar jumps by years, both ways: nothing is measured with it."""
    with plant.line():
        for _ in range(times):
            for shift_s in JUMPS_S:
                plant.accepts()
                plant.station.tell(f"clock {shift_s}")
        plant.accepts()


def paused(plant: Plant, times: int) -> None:
    """The whole process stands still for two seconds (swapping, a suspended virtual machine) and goes on."""
    with plant.line():
        for _ in range(times):
            plant.accepts()
            plant.station.pause()
            time.sleep(2.0)
            plant.station.resume()
        plant.accepts()


@contextmanager
def long_transaction(store: Path) -> Iterator[None]:
    """Hold a snapshot of the ledger as somebody else's reporting tool would."""
    with closing(sqlite3.connect(f"file:{store / FILE_NAME}?mode=ro", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM events").fetchone()
        yield
        connection.execute("COMMIT")


def log_bytes(store: Path) -> int:
    """Return the size of the ledger's write-ahead log."""
    return (store / f"{FILE_NAME}-wal").stat().st_size


def foreign_reader(plant: Plant, times: int) -> None:
    """A foreign program holds one transaction: no part waits for it; the log grows, and is used anew after it."""
    with plant.line():
        plant.accepts()
        before = log_bytes(plant.store)
        with long_transaction(plant.store):
            plant.parts(READ_PARTS * times, seconds=120.0 + 20 * times)
            held = log_bytes(plant.store)
        plant.measured["log_bytes_per_part_held"] = round((held - before) / (READ_PARTS * times))
    # A pause of the line, in which the log is moved; then it is written from its beginning again.
    wait_until(lambda: _moved(plant.store), RECOVERY_S, what="a whole checkpoint")
    with plant.line():
        plant.accepts()
        plant.measured["log_bytes"] = log_bytes(plant.store)


def _moved(store: Path) -> bool:
    with closing(sqlite3.connect(store / FILE_NAME, isolation_level=None)) as connection:
        busy, frames, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return not busy and frames == moved


def _camera(name: str, steps: str, codes: tuple[int, ...], cure: str = "") -> Fault:
    orders = tuple(f"camera {step}" for step in steps.split())
    return Fault(name=f"camera {name}", run=partial(told, orders=orders, cure=cure), short=1, long=10, codes=codes)


def _told(name: str, order: str, *codes: int) -> Fault:
    return Fault(name=name, run=partial(told, orders=(order,)), short=1, long=10, codes=codes)


FAULTS: Final = (
    _camera("blocks", "block", (Code.DEADLINE,), "camera release"),
    _camera("freezes", "again frozen", (Code.FRAME_UNCHANGED, Code.FRAME_IDENTICAL)),
    _camera("one frame behind", "behind undated", (Code.CAPTURE_OVERRUN, Code.TIMING_UNKNOWN)),
    _camera(
        "returns garbage",
        " ".join(GARBAGE),
        (Code.TOO_DARK, Code.FRAME_SHAPE, Code.FRAME_UNREADABLE, Code.CAMERA_UNAVAILABLE),
    ),
    _camera("disappears", "gone", (Code.CAMERA_UNAVAILABLE, Code.NOT_READY), "camera back"),
    _told("model raises", "raise 0.3", Code.MODEL_FAILED, Code.NOT_READY),
    _told("model returns NaN", "nan 0.3", Code.SCORE_INVALID, Code.NOT_READY),
    _told("model hangs for a second", "hang 1", Code.DEADLINE),
    Fault(name="model hangs for good", run=hanging_model, short=0, long=3, codes=(Code.DEADLINE,)),
    _told("a commit takes two seconds", "commit 2 1", Code.STORE_LATE),
    Fault(name="clock jumps by years", run=jumping_clock, short=1, long=10),
    Fault(name="station stands still for 2 s", run=paused, short=1, long=10),
    Fault(name="foreign reader holds a transaction", run=foreign_reader, short=1, long=10),
)
