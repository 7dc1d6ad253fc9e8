"""What tests of several packages start from: the arithmetic network, and a bundle of it."""

from pathlib import Path

import pytest

from models.bundle.prints import TRAINED_PICTURES
from tests.support import networks


@pytest.fixture
def arithmetic_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put arithmetic in the interpreter's place (see :mod:`tests.support.networks`)."""
    monkeypatch.setattr("models.runtime.Interpreter", networks.ArithmeticInterpreter)


@pytest.fixture
def bundle(tmp_path: Path, arithmetic_network: None) -> Path:
    """Write a bundle of the arithmetic network, trained on no photo, and return its file."""
    return tmp_path / networks.write(tmp_path, {TRAINED_PICTURES: []}).manifest.file_name
