import io
from pathlib import Path

import numpy as np
import pytest
import torch

from models.training.fitting import fit_network
from models.training.network import STUDENT, DefectNetwork
from models.training.sampling import Batch, CropSampler
from models.training.settings import OptimiserSettings

pytestmark = pytest.mark.training


class OneBatch(CropSampler):
    """Gives the same two crops again and again."""

    def __init__(self) -> None:
        pass

    def batch(self, number: int, size: int) -> Batch:
        random = np.random.default_rng(number)
        labels = np.zeros((size, 8, 8), np.uint8)
        labels[0, 2:5, 2:5] = 1
        pixels = random.integers(0, 255, (size, 64, 64, 3), np.uint8)
        return Batch(pixels=pixels, labels=labels, taught=np.zeros((size, 8, 8), np.float32))


class KilledError(Exception):
    pass


def fitted(checkpoint: Path, steps: int = 3, killed_after: int = 0) -> tuple[DefectNetwork, list[int]]:
    done: list[int] = []

    def after_step(step: int) -> None:
        done.append(step)
        if step == killed_after:
            raise KilledError

    network = fit_network(
        OneBatch(),
        1,
        STUDENT,
        steps=steps,
        settings=OptimiserSettings(batch=2, crop=64),
        distillation=None,
        seed=1,
        checkpoint=checkpoint,
        after_step=after_step,
    )
    return network, done


def saved(content: object) -> bytes:
    packed = io.BytesIO()
    torch.save(content, packed)
    return packed.getvalue()


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\0" * 4096, b"abcdefgh" * 100, saved({"step": 1})[:-200], saved({"step": 1}), saved([1, 2])],
    ids=["empty", "zeros", "letters", "cut short", "of nothing", "a list"],
)
def test_a_check_point_that_cannot_be_read_is_begun_anew(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "spoilt").write_bytes(garbage)
    network, done = fitted(tmp_path / "spoilt")
    fresh, _ = fitted(tmp_path / "none")
    assert done == [1, 2, 3]
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), fresh.parameters(), strict=True))


def test_a_check_point_of_another_network_changes_nothing_before_it_is_refused(tmp_path: Path) -> None:
    """Its first parts fit, its last does not: what was loaded of it must not stay."""
    fitted(tmp_path / "checkpoint", steps=100)
    content = torch.load(tmp_path / "checkpoint", weights_only=True)
    (tmp_path / "spoilt").write_bytes(saved(content | {"optimiser": {}}))
    network, done = fitted(tmp_path / "spoilt")
    fresh, _ = fitted(tmp_path / "none")
    assert done == [1, 2, 3]
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), fresh.parameters(), strict=True))


def test_fitting_goes_on_from_its_check_point_which_is_there_whole(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        fitted(tmp_path / "checkpoint", steps=102, killed_after=101)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    assert fitted(tmp_path / "checkpoint", steps=102)[1] == [101, 102]
