"""The fault table in its short form: a real station process, mosquitto, proxies and a PLC that witnesses.

``make soak`` has the same faults many times, and those that take minutes (docs/faults.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.ledger.reader import counts
from tests.support.plant import REAL, Plant
from tests.support.scenarios import broker, link, stages, stores, triggers
from tests.support.scenarios.fault import Fault, StoreFault
from tests.support.scenarios.stores import DEADLINE_MS, UNHURRIED, accepted_pictures

pytestmark = pytest.mark.timeout(600)  # a machine with other work to do takes its time; nothing here waits for luck

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


@pytest.mark.parametrize("fault", stores.FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_process_or_disk(tmp_path: Path, fault: StoreFault) -> None:
    assert fault.alone(tmp_path, fault.short).problems == ()


def test_sigterm_ends_the_inspector_with_0_and_its_epoch_clean(tmp_path: Path) -> None:
    pictures = accepted_pictures(tmp_path / "pictures")
    with Plant(tmp_path, module=REAL, source=f"replay:{pictures}", deadline_ms=DEADLINE_MS) as plant:
        plant.start()
        with plant.line(UNHURRIED):
            plant.accepts()
            assert plant.station.stop() == 0
        assert plant.outcome(1).problems == ()
        assert counts(plant.store, 0)["epoch"]["reason"] == "stopped"
