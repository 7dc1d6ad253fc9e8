"""A network in two parts, run strip by strip, gives the bytes of the whole one."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray, read_model_from_bytearray
from torch import nn

from models.bundle import Manifest
from models.bundle.manifest import StripFormat
from models.errors import ModelError
from models.runtime import Runtime
from models.training.export import export_float, quantise
from models.training.network import DefectNetwork, EmbeddingNetwork, NetworkWidths
from models.training.strips import in_strips
from tests.support import networks

pytestmark = pytest.mark.training

HEIGHT, WIDTH, COMPONENTS = 320, 128, 4


@pytest.fixture(scope="module")
def whole() -> bytes:
    """A network with random weights, its batch norms as uneven as after a training."""
    torch.manual_seed(3)
    widths = NetworkWidths(entrance=8, stem=8, fine=8, middle=16, coarse=16, dilations=(1, 2))
    network = DefectNetwork(2, widths)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -1.0, 1.0)
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
    with_embedding = EmbeddingNetwork(network, nn.Conv2d(16, COMPONENTS, 1))
    exported = export_float(with_embedding, HEIGHT, WIDTH)
    return quantise(exported, list(pictures()))


def pictures() -> Iterator[np.ndarray]:
    random = np.random.default_rng(5)
    for low, high in ((0, 256), (90, 160), (0, 30)):
        yield random.integers(low, high, (HEIGHT, WIDTH, 3), np.uint8)


def manifest(strips: StripFormat | None) -> Manifest:
    taken = networks.EMBEDDED["input"] | {"height": HEIGHT, "width": WIDTH}
    given = {"stride": 8, "channel_classes": [2, 1], "embedding": {"stride": 32, "channels": COMPONENTS}}
    described = networks.manifest(input=taken, output=given)
    return described.model_copy(update={"input": described.input.model_copy(update={"strips": strips})})


@pytest.mark.parametrize("number", [2, 3, 5, 7])
def test_strips_give_the_bytes_of_the_whole(whole: bytes, number: int) -> None:
    cut, strips = in_strips(whole, pixels=HEIGHT * WIDTH // number)
    assert strips is not None
    assert strips.height < HEIGHT
    plain, striped = Runtime(whole, manifest(None), threads=1), Runtime(cut, manifest(strips), threads=1)
    for picture in pictures():
        pixels = (picture ^ np.uint8(0x80)).view(np.int8)
        expected, found = plain.invoke(pixels), striped.invoke(pixels)
        assert len(np.unique(expected.logits)) > 20
        np.testing.assert_array_equal(found.logits, expected.logits)
        np.testing.assert_array_equal(found.embedding, expected.embedding)


def test_too_little_room_around_a_strip_gives_other_bytes(whole: bytes) -> None:
    """What the margins are for: the test above would find them too small."""
    cut, strips = in_strips(whole, pixels=HEIGHT * WIDTH // 4)
    assert strips is not None
    narrow = strips.model_copy(update={"above": strips.above - 8, "rows": strips.rows + 8})
    plain, striped = Runtime(whole, manifest(None), threads=1), Runtime(cut, manifest(narrow), threads=1)
    pixels = (next(pictures()) ^ np.uint8(0x80)).view(np.int8)
    assert not np.array_equal(striped.invoke(pixels).logits, plain.invoke(pixels).logits)


def test_a_small_network_stays_whole(whole: bytes) -> None:
    assert in_strips(whole) == (whole, None)


@pytest.mark.parametrize(
    ("rows", "words"), [(64, "strips of"), (None, "inputs|input is")], ids=["of another height", "taken for whole"]
)
def test_a_manifest_that_does_not_describe_the_parts_is_refused(whole: bytes, rows: int | None, words: str) -> None:
    cut, strips = in_strips(whole, pixels=HEIGHT * WIDTH // 4)
    assert strips is not None
    described = manifest(strips.model_copy(update={"rows": rows}) if rows else None)
    with pytest.raises(ModelError, match=words):
        Runtime(cut, described, threads=1)


@pytest.mark.parametrize("shape", [[], [4], [1, 0, 16, 8]], ids=["one value", "a row", "no rows"])
def test_an_entrance_that_gives_no_map_is_refused(whole: bytes, shape: list[int]) -> None:
    cut, strips = in_strips(whole, pixels=HEIGHT * WIDTH // 4)
    file = read_model_from_bytearray(bytearray(cut))
    entrance = file.subgraphs[1]
    entrance.tensors[entrance.outputs[0]].shape = shape
    with pytest.raises(ModelError, match="make the bundle again"):
        Runtime(bytes(convert_object_to_bytearray(file)), manifest(strips), threads=1)


def test_a_whole_network_described_as_parts_is_refused(whole: bytes) -> None:
    with pytest.raises(ModelError, match="not entrance and rest"):
        Runtime(whole, manifest(StripFormat(rows=80, above=16, below=8)), threads=1)
