"""Models moved on a running line, with a PLC as witness; and the station killed in the middle of every move."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.slots.store import read_slots
from edge.core.slots import Stage, faults
from edge.core.types import Act
from edge.inspector.operating import ModelRequest, OperatingError, State
from edge.inspector.operator_client import ask
from tests.support.candidates import bring
from tests.support.plant import LINE_OF_PARTS, Plant
from tests.support.waiting import wait_until

LIFE = ("verify", "shadow", "canary", "promote", "rollback")
AS_BUSY_AS_REAL = replace(LINE_OF_PARTS, rate=10, timer_ms=3_000)
STARTS_S = 60.0


def move(plant: Plant, action: str, bundle: str = "toy-3") -> str:
    *_, last = ask(plant.store, ModelRequest(action=action, bundle=bundle, share=0.5 if action == "canary" else None))
    assert last.state is State.DONE, last.text
    return last.text


def moves_once(plant: Plant, action: str, bundle: str = "toy-3") -> None:
    """Make a move as soon as the station can: a trial has to come up again after a start."""

    def made() -> bool:
        try:
            move(plant, action, bundle)
        except (AssertionError, OperatingError):
            return False
        return True

    wait_until(made, STARTS_S, what=f"{action} {bundle}")


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with Plant(tmp_path) as made:
        bring(made.store)
        yield made


def test_swaps_under_load_lose_no_part_and_delay_none(plant: Plant) -> None:
    plant.start()
    with plant.line(AS_BUSY_AS_REAL):
        plant.accepts(3)
        for action in (*LIFE, *LIFE):
            move(plant, action)
            plant.parts(2)
    outcome = plant.outcome(1)
    assert outcome.problems == ()
    assert plant.witness.acts[Act.TIMED_OUT] == 0
    assert read_slots(plant.store).active is None


def test_a_station_killed_in_the_middle_of_any_move_starts_with_a_usable_model(plant: Plant) -> None:
    plant.start()
    with plant.line(AS_BUSY_AS_REAL):
        plant.accepts(1)
        for number, action in enumerate(LIFE):
            _kill_within(plant, action, seconds=0.002 * (1 + 7 * number))
            slots = read_slots(plant.store)
            assert faults(slots) == []
            plant.start()
            plant.accepts(2)
            _see_to_it(plant, action)
    slots = read_slots(plant.store)
    assert (slots.active, [slot.stage for slot in slots.bundles]) == (None, [Stage.WITHDRAWN])
    assert plant.outcome(len(LIFE)).problems == ()


def _kill_within(plant: Plant, action: str, seconds: float) -> None:
    """Ask for a move, and kill the station so soon after: not luck, any moment will do."""

    def try_it() -> None:
        with suppress(AssertionError, OperatingError):
            move(plant, action)

    thread = threading.Thread(target=try_it)
    thread.start()
    threading.Event().wait(seconds)
    plant.station.kill()
    thread.join(STARTS_S)


def _see_to_it(plant: Plant, action: str) -> None:
    """Make the move unless it was made before the station died."""
    wanted = {"verify": "verified", "rollback": "withdrawn", "promote": "active"}.get(action, action)
    if [slot.stage.value for slot in read_slots(plant.store).bundles] != [wanted]:
        moves_once(plant, action)
