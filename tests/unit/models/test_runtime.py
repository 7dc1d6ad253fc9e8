"""The runtime tells the network's outputs apart by their shapes and takes only those that the manifest has."""

import numpy as np
import pytest

from models.bundle import Manifest
from models.errors import ModelError
from models.runtime import Runtime
from tests.support import networks

pytestmark = pytest.mark.usefixtures("arithmetic_network")


def with_outputs(monkeypatch: pytest.MonkeyPatch, change) -> None:
    known = networks.ArithmeticInterpreter.get_output_details
    monkeypatch.setattr(networks.ArithmeticInterpreter, "get_output_details", lambda self: change(known(self)))


def test_the_outputs_are_told_apart_by_their_shapes() -> None:
    runtime = Runtime(b"embedding", networks.manifest(), threads=1)  # the embedding comes first
    outputs = runtime.invoke(np.zeros((networks.HEIGHT, networks.WIDTH, 3), np.int8))
    assert outputs.logits.shape == (32, 64, 3)
    assert outputs.embedding is not None
    assert outputs.embedding.shape == (8, 16, 4)
    assert (runtime.output.scale, runtime.embedding and runtime.embedding.scale) == (0.1, 0.05)


def test_a_network_without_an_embedding_has_one_map() -> None:
    runtime = Runtime(b"alone", networks.manifest(**networks.ALONE), threads=1)
    assert runtime.embedding is None
    assert runtime.invoke(np.zeros((networks.HEIGHT, networks.WIDTH, 3), np.int8)).embedding is None


@pytest.mark.parametrize(
    ("model", "manifest"),
    [(b"alone", networks.manifest()), (b"embedding", networks.manifest(**networks.ALONE))],
)
def test_more_or_fewer_outputs_than_described_are_refused(model: bytes, manifest: Manifest) -> None:
    with pytest.raises(ModelError, match="outputs, the manifest says"):
        Runtime(model, manifest, threads=1)


def test_an_embedding_of_another_size_is_refused() -> None:
    output = {"stride": 4, "channel_classes": [2, 1], "embedding": {"stride": 32, "channels": 4}}
    with pytest.raises(ModelError, match=r"embedding is .* the manifest says"):
        Runtime(b"embedding", networks.manifest(output=output), threads=1)


def test_an_embedding_without_a_scale_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with_outputs(monkeypatch, lambda found: [found[0] | {"quantization": (0.0, 0)}, found[1]])
    with pytest.raises(ModelError, match="embedding carries no quantisation"):
        Runtime(b"embedding", networks.manifest(), threads=1)


def test_an_embedding_that_is_not_int8_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with_outputs(monkeypatch, lambda found: [found[0] | {"dtype": np.float32}, found[1]])
    with pytest.raises(ModelError, match="embedding is"):
        Runtime(b"embedding", networks.manifest(), threads=1)
