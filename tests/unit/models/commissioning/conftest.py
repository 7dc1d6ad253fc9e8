"""A network that tests can draw for, and the sets of pictures that commissioning starts from."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from models.bundle import Bundle
from models.bundle.prints import TRAINED_PICTURES
from models.commissioning.commission import Network, Observation
from models.commissioning.judge import looks
from models.detector import Detector
from tests.support import networks
from tests.support.commissioned import SCRATCH


@pytest.fixture(autouse=True)
def _arithmetic(arithmetic_network: None) -> None:
    """Every test here judges by it."""


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return networks.write(tmp_path, {TRAINED_PICTURES: []})


class Bench:
    """A loaded bundle, and pictures on their way through it."""

    def __init__(self, bundle: Bundle) -> None:
        self.detector = Detector.load(bundle)
        self.network = Network(manifest=bundle.manifest, quantisation=self.detector.quantisation)

    def observed(self, pictures: Iterable[np.ndarray], kind: str = "good") -> list[Observation]:
        return [
            Observation(
                file=f"{kind}-{part}.png",
                part=part,
                looks=looks(self.detector, self.detector.read(picture)),
                identified=True,
                trained=False,
            )
            for part, picture in enumerate(pictures)
        ]

    def goods(self, count: int = 40, *marks: Sequence[int]) -> list[Observation]:
        """Return goods that carry marks of these colours, each somewhere else on every part."""
        return self.observed(
            networks.part(part, *((part % 7, (3 * part + 5 * place) % 15, mark) for place, mark in enumerate(marks)))
            for part in range(count)
        )

    def defective(self, count: int, colour: Sequence[int] = SCRATCH) -> list[Observation]:
        return self.observed(
            (networks.part(500 + part, (6 - part % 7, 2 * part % 15, colour)) for part in range(count)), "bad"
        )


@pytest.fixture
def bench(bundle: Bundle) -> Bench:
    return Bench(bundle)
