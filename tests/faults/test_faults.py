"""The fault table in its short form: a real station process, mosquitto, proxies and a PLC that witnesses.

``make soak`` has the same faults many times, and those that take minutes (docs/faults.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.plant import Plant
from tests.support.scenarios import broker, link, stages, triggers
from tests.support.scenarios.fault import Fault

LINE_FAULTS = [fault for fault in (*broker.FAULTS, *link.FAULTS, *triggers.FAULTS, *stages.FAULTS) if fault.short]


class SharedLine:
    """One line for faults that leave it as it was; after a failure the next fault gets a new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._plant: Plant | None = None

    @contextmanager
    def lent(self) -> Iterator[Plant]:
        plant = self._plant or self._make()
        self._plant = None
        try:
            yield plant
        except BaseException:
            plant.__exit__()
            raise
        self._plant = plant

    def close(self) -> None:
        if self._plant is not None:
            self._plant.__exit__()

    def _make(self) -> Plant:
        self._made += 1
        plant = Plant(self._folder / str(self._made)).__enter__()
        plant.start()
        return plant


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedLine]:
    shared = SharedLine(tmp_path_factory.mktemp("line"))
    yield shared
    shared.close()


@pytest.mark.parametrize("fault", [f for f in LINE_FAULTS if not f.breaks_link], ids=lambda fault: fault.name)
def test_a_fault_on_the_line(shared: SharedLine, fault: Fault) -> None:
    with shared.lent() as plant:
        fault.run(plant, fault.short)
        books = plant.settled()
        assert books.problems == []
        assert [code for code in fault.codes if not books.codes[code]] == []


def test_after_all_these_faults_every_book_agrees(shared: SharedLine) -> None:
    with shared.lent() as plant, plant.line():
        plant.accepts()
        assert plant.outcome(1).problems == ()
        plant.start()


@pytest.mark.parametrize("fault", [f for f in LINE_FAULTS if f.breaks_link], ids=lambda fault: fault.name)
def test_a_fault_of_the_link(tmp_path: Path, fault: Fault) -> None:
    assert fault.alone(tmp_path, fault.short).problems == ()
