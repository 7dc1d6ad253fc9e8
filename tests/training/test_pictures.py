import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.core.dataset import DatasetError
from models.training.pictures import IGNORED, load_photos, load_virtual
from models.training.sampling import CropSampler, cut_patches
from models.training.settings import OptimiserSettings, TrainingSettings, VirtualSettings

pytestmark = pytest.mark.training


def quiet(_what: str, _done: int, _whole: int) -> None:
    pass


def small(tmp_path: Path) -> TrainingSettings:
    return TrainingSettings(
        output=tmp_path,
        width=96,
        height=64,
        virtual=VirtualSettings(parts_per_seed=4, defects=0.9),
        optimiser=OptimiserSettings(real_share=0.0),
    )


def dataset(folder: Path, **changes: Any) -> Path:
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    mask = np.zeros((128, 192), np.uint8)
    mask[20:40, 30:60] = 255
    cv2.imwrite(str(folder / "masks" / "bad.png"), mask)
    for name in ("bad.png", "good.png"):
        cv2.imwrite(str(folder / "images" / name), np.full((128, 192, 3), 50, np.uint8))
    content = {
        "images": [
            {"id": 1, "file_name": "bad.png", "verdict": "reject", "phone": "a"},
            {"id": 2, "file_name": "good.png", "verdict": "accept", "phone": "b"},
        ],
        "annotations": [
            {"image_id": 1, "category_id": 9, "bbox": [30, 20, 30, 20]},
            {"image_id": 1, "category_id": 9, "bbox": [100, 60, 40, 40], "ignore": 1},
        ],
        "categories": [{"id": 9, "name": "stain"}],
    } | changes
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_photos_carry_their_class_where_the_mask_says(tmp_path: Path) -> None:
    loaded = load_photos(dataset(tmp_path), small(tmp_path), quiet)
    bad, good = loaded.pictures
    assert (bad.group, bad.truth, good.truth) == ("a", "reject", "accept")
    assert (bad.labels[10:20, 15:30] == 3).all()
    assert (bad.labels[30:50, 50:70] == IGNORED).all()
    assert not good.labels.any()
    assert np.count_nonzero(bad.labels == 3) == 150
    [patch] = cut_patches([bad])
    assert np.count_nonzero(patch.labels == 3) == 150


@pytest.mark.parametrize("missing", ["annotations.json", "images/bad.png", "masks/bad.png"])
def test_what_cannot_be_read_is_named(tmp_path: Path, missing: str) -> None:
    folder = dataset(tmp_path)
    (folder / missing).unlink()
    with pytest.raises(DatasetError, match=missing):
        load_photos(folder, small(tmp_path), quiet)


def test_an_unknown_category_is_named(tmp_path: Path) -> None:
    folder = dataset(tmp_path, categories=[{"id": 9, "name": "rust"}])
    with pytest.raises(DatasetError, match="rust"):
        load_photos(folder, small(tmp_path), quiet)


def test_crops_of_the_virtual_line_are_reproducible(tmp_path: Path) -> None:
    pictures = load_virtual(5, 8, small(tmp_path), quiet).pictures
    defective = [picture for picture in pictures if picture.truth == "reject"]
    twins = {picture.name for picture in pictures}
    assert defective
    assert all(f"{picture.name}-clean" in twins for picture in defective)
    first, second = (CropSampler((), pictures, crop=64, real_share=0.0, seed=3).batch(12) for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.labels, second.labels)
    assert first.pixels.shape == (12, 64, 64, 3)
    assert first.labels.shape == (12, 16, 16)
    assert first.labels.any()
