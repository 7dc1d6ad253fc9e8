import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.core.dataset import Dataset, DatasetError, parse_dataset
from models.preprocess import InputSize
from models.training.pictures import (
    OTHER_DEFECT,
    UNKNOWN,
    PictureStore,
    class_name,
    fill_store,
    input_size,
    photo,
    virtual_pictures,
)
from models.training.sampling import CropSampler, cut_patches, stride_labels
from models.training.settings import AugmentationSettings, VirtualSettings

pytestmark = pytest.mark.training

SIZE = InputSize(width=96, height=64)
CLASSES = ("oil", "scratch", "stain")


def dataset(folder: Path, **changes: Any) -> Dataset:
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
        "categories": [{"id": 9, "name": "Stain"}],
    } | changes
    return parse_dataset(json.dumps(content))


def stored(tmp_path: Path, listed: Dataset) -> PictureStore:
    pictures = (photo(tmp_path, entry, SIZE, CLASSES, None) for entry in listed.images)
    return fill_store(tmp_path / "store", len(listed.images), SIZE, pictures)


def test_photos_carry_their_class_where_the_mask_says(tmp_path: Path) -> None:
    store = stored(tmp_path, dataset(tmp_path))
    bad, good = store.entries
    assert (bad.group, bad.truth, good.truth) == ("a", "reject", "accept")
    labels = store.labels[bad.index]
    assert (labels[10:20, 15:30] == 3).all()
    assert (labels[30:50, 50:70] == UNKNOWN).all()
    assert not store.labels[good.index].any()
    assert np.count_nonzero(labels == 3) == 150
    [patch] = cut_patches(store, store.entries)
    assert np.count_nonzero(patch.labels == 3) == 150


def test_a_rejected_picture_teaches_what_its_annotation_holds(tmp_path: Path) -> None:
    listed = dataset(tmp_path, annotations=[])
    assert set(np.unique(photo(tmp_path, listed.images[0], SIZE, CLASSES, None).labels)) == {0, OTHER_DEFECT}
    (tmp_path / "masks" / "bad.png").unlink()
    assert (photo(tmp_path, listed.images[0], SIZE, CLASSES, None).labels == UNKNOWN).all()


@pytest.mark.parametrize("missing", ["images/bad.png", "masks/bad.png"])
def test_what_cannot_be_read_is_named(tmp_path: Path, missing: str) -> None:
    listed = dataset(tmp_path)
    (tmp_path / missing).write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=missing):
        photo(tmp_path, listed.images[0], SIZE, CLASSES, None)


def test_a_store_that_does_not_fit_on_the_disk_says_how_much_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(DatasetError, match=r"No space left.*--work"):
        stored(tmp_path, dataset(tmp_path))


@pytest.mark.parametrize(
    ("category", "name"), [("Stain", "stain"), ("blow hole (big)", "blow-hole-big"), ("…", "defect")]
)
def test_categories_become_names_that_a_bundle_can_hold(category: str, name: str) -> None:
    assert class_name(category) == name


@pytest.mark.parametrize(
    ("shapes", "size"),
    [
        ([(1080, 1920)] * 10, (1920, 1088)),
        ([(3000, 4000)] * 10, (1728, 1312)),
        ([(64, 64)] * 9 + [(640, 640)], (640, 640)),
    ],
)
def test_the_input_has_the_pictures_aspect(shapes: list[tuple[int, int]], size: tuple[int, int]) -> None:
    found = input_size(shapes, 400_000, 2_200_000)
    assert (found.width, found.height) == size


def test_labels_of_a_cell() -> None:
    labels = np.zeros((16, 16), np.uint8)
    labels[3, :8] = 3  # a line of one pixel through the first cell: an eighth of it
    labels[8, 8] = 2
    assert stride_labels(labels).tolist() == [[3, 0], [0, UNKNOWN]]


def test_batches_depend_on_seed_and_number_alone(tmp_path: Path) -> None:
    rendered = list(virtual_pictures(VirtualSettings(parts=8, parts_per_seed=4, defects=0.9), SIZE, CLASSES, None, 1))
    store = fill_store(tmp_path / "store", len(rendered), SIZE, rendered)
    names = {entry.name for entry in store.entries}
    defective = [entry for entry in store.entries if entry.truth == "reject"]
    assert defective
    assert all(f"{entry.name}-clean" in names for entry in defective)
    taught = {entry.name: np.full((8, 12), 2.0, np.float32) for entry in store.entries}
    samplers = [
        CropSampler(
            store,
            store.entries,
            classes=CLASSES,
            crop=64,
            settings=AugmentationSettings(implant_share=0.9),
            seed=3,
            taught=taught,
        )
        for _ in range(2)
    ]
    samplers[1].batch(1, 12)
    first, second = (sampler.batch(7, 12) for sampler in samplers)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.taught, second.taught)
    assert first.pixels.shape == (12, 64, 64, 3)
    assert first.labels.shape == first.taught.shape == (12, 8, 8)
    assert first.labels.any()
    assert {2.0, -128.0} <= set(np.unique(first.taught))
