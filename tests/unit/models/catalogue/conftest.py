"""Catalogues in a few words, and parts with specks of known size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.bundle import Bundle
from models.catalogue import Catalogue
from models.detector import Detector
from tests.support import networks

GREY = (46, 46, 46)


@pytest.fixture(autouse=True)
def _arithmetic(arithmetic_network: None) -> None:
    """Every test here judges by it."""


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return networks.write(tmp_path)


@pytest.fixture
def detector(bundle: Bundle) -> Detector:
    return Detector.load(bundle)


def catalogue(*rules: dict[str, Any], **fields: Any) -> Catalogue:
    return Catalogue.model_validate({"product": "phone", "revision": 1, "rule": list(rules)} | fields)


def speck(x: int, y: int, width: int = 8, height: int = 8, level: int = 200) -> tuple[int, int, int, int, int]:
    return x, y, width, height, level


def surface(*specks: tuple[int, int, int, int, int], seed: int = 0) -> np.ndarray:
    """Draw an even part with specks: x, y, width, height in pixels and grey level."""
    noise = np.random.default_rng(seed).integers(-2, 3, (networks.HEIGHT, networks.WIDTH, 1))
    picture = np.clip(np.array(GREY) + noise, 0, 255).astype(np.uint8)
    for x, y, width, height, level in specks:
        picture[y : y + height, x : x + width] = level
    return picture
