"""The manifest's embedding and novelty: none is fine, half of one is not."""

import pytest
from pydantic import ValidationError

from models.bundle import Manifest
from tests.support import networks

UNIT = {"centre": [0.0] * 8, "precision": [[float(row == column) for column in range(8)] for row in range(8)]}


def novelty(**changes: object) -> dict[str, object]:
    return UNIT | {"limit": 2.0} | changes


def embedding(stride: int, channels: int) -> dict[str, object]:
    return {"stride": 4, "channel_classes": [2, 1], "embedding": {"stride": stride, "channels": channels}}


def test_a_bundle_without_either_is_as_good_as_ever() -> None:
    manifest = networks.manifest(**networks.ALONE)
    assert (manifest.output.embedding, manifest.novelty) == (None, None)


def test_both_survive_the_file() -> None:
    manifest = networks.manifest(novelty=novelty())
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (networks.ALONE | {"novelty": novelty()}, "needs a network with an embedding"),
        ({"novelty": novelty(limit=0.0)}, "greater than 0"),
        ({"novelty": novelty(centre=[0.0] * 6, precision=UNIT["precision"])}, "6 rows"),
        ({"novelty": novelty(centre=[0.0] * 4, precision=[row[:4] for row in UNIT["precision"][:4]])}, "gives 8"),
        ({"novelty": novelty(precision=[[2.0] + [1.0] * 7] * 8)}, "symmetric"),
        ({"novelty": novelty(precision=[[-row for row in line] for line in UNIT["precision"]])}, "positive definite"),
        ({"output": embedding(48, 4)}, "8, 16, 32 or 64"),
        ({"output": embedding(16, 65)}, "64"),
        ({"output": embedding(16, 1)}, "2"),
        ({"output": embedding(16, 4) | {"stride": 8, "embedding": {"stride": 8, "channels": 3}}}, "same shape"),
        ({"output": embedding(8, 4) | {"stride": 16}}, "finer"),
        ({"input": networks.EMBEDDED["input"] | {"height": 144}, "output": embedding(64, 4)}, "no whole multiple"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        networks.manifest(**changes)


def test_the_goods_quantiles_must_not_descend() -> None:
    calibration = networks.manifest().calibration.model_dump(mode="json")
    with pytest.raises(ValidationError, match="descend"):
        networks.manifest(calibration=calibration | {"good_logits": [0.0, -1.0, 2.0]})
