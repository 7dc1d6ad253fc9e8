"""A trial whose candidate does not keep up: what waits for it stays little, and nothing is left without an answer."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import pytest

from edge.core.events import PartKey
from edge.core.slots import Slot, Stage
from edge.inspector.recipes import LoadedRecipe
from edge.inspector.trial.running import WAITING, Trial
from tests.support.candidates import StandInCandidate

if TYPE_CHECKING:
    from edge.core.trial import Opinion
    from edge.ledger import Ledger

CANARY = Slot(name="toy", version=3, sha256="ab" * 32, product="phone", stage=Stage.CANARY, since=0, share=1.0)
RECIPE = LoadedRecipe(id=0, name="phone", revision=1, deadline_ms=400, capture_ms=100, views=(), model="0123abcd")


def key(trig: int) -> PartKey:
    return PartKey(session=1, trig=trig, epoch=1, seq=trig)


@pytest.fixture
def going_on() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_canary_that_hangs_holds_the_pictures_of_a_few_parts_and_no_more(going_on: threading.Event) -> None:
    begun = threading.Event()

    def hang() -> None:
        begun.set()
        going_on.wait(30)

    trial = Trial(
        CANARY, StandInCandidate(behave=hang), cast("Ledger", None), lambda _trial, _reason: None, answers_min=0.95
    )
    trial.open()
    answered: list[tuple[int, Opinion | None]] = []
    first = trial.ask(key(1), RECIPE, ())
    assert first is not None
    assert begun.wait(30)
    for trig in range(2, 21):
        asked = trial.ask(key(trig), RECIPE, ())
        assert asked is not None
        asked.then(lambda opinion, trig=trig: answered.append((trig, opinion)))  # type: ignore[misc]
    assert answered == [(trig, None) for trig in range(2, 21 - WAITING)]
    trial.show(key(21), RECIPE, (), lambda _opinion: None)
    assert trial.tally.skipped == 1
    going_on.set()
    trial.stop()
    assert sorted(trig for trig, _ in answered) == list(range(2, 21))
