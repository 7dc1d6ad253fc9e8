import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.core.dataset import DatasetError
from models.training.gathering import gather
from models.training.settings import InputSettings, TrainingSettings

pytestmark = pytest.mark.training


def folder(path: Path, *, named: int = 8, seed: int = 0) -> Path:
    """Eight pictures of eight parts, of which ``named`` say which part they show; every other one has a defect."""
    random = np.random.default_rng(seed)
    (path / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(8):
        picture = cv2.resize(random.integers(20, 120, (6, 8, 3), np.uint8), (128, 96))
        cv2.imwrite(str(path / "images" / f"{number}.png"), picture)
        bad = bool(number % 2)
        entry = {"id": number, "file_name": f"{number}.png", "verdict": "reject" if bad else "accept"}
        images.append(entry | ({"part": f"p{number}"} if number < named else {}))
        if bad:
            annotations.append({"image_id": number, "category_id": 1, "bbox": [20, 20, 20, 20]})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "pit"}]}
    (path / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return path


def settings(tmp_path: Path, *data: Path) -> TrainingSettings:
    small = InputSettings(width=128, height=96)
    output, work = tmp_path / "x-1.lgb", tmp_path / "work"
    return TrainingSettings(name="x", version=1, product="x", output=output, work=work, data=data, input=small)


def test_a_claim_needs_the_part_of_every_picture(tmp_path: Path) -> None:
    whole, partly = folder(tmp_path / "whole"), folder(tmp_path / "partly", named=7)
    assert gather(settings(tmp_path, whole), lambda *_progress: None).independent
    assert not gather(settings(tmp_path, partly), lambda *_progress: None).independent


def test_groups_that_look_like_one_part_carry_no_claim(tmp_path: Path) -> None:
    data = folder(tmp_path / "plates")
    picture = cv2.imread(str(data / "images" / "2.png"))
    cv2.imwrite(str(data / "images" / "4.png"), np.asarray(picture * 0.8, np.uint8))
    assert not gather(settings(tmp_path, data), lambda *_progress: None).independent


def test_the_same_picture_in_two_folders_is_refused(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other", seed=1)
    shutil.copy(one / "images" / "3.png", other / "images" / "5.png")
    with pytest.raises(DatasetError, match=r"other/5\.png is one/3\.png again \(1 such"):
        gather(settings(tmp_path, one, other), lambda *_progress: None)


def test_data_under_another_name_is_read_anew(tmp_path: Path) -> None:
    """A store remembers where its pictures lie: half the light and the goldens are read from there."""
    first = gather(settings(tmp_path, folder(tmp_path / "first")), lambda *_progress: None)
    (tmp_path / "first").rename(tmp_path / "second")
    second = gather(settings(tmp_path, tmp_path / "second"), lambda *_progress: None)
    assert second.key != first.key
    assert all(entry.path is not None and entry.path.exists() for entry in second.store.entries)


def test_every_picture_is_made_as_bright_as_the_median_one(tmp_path: Path) -> None:
    gathered = gather(settings(tmp_path, folder(tmp_path / "plates")), lambda *_progress: None)
    assert gathered.exposure is not None
    means = [gathered.store.pixels[entry.index].mean() for entry in gathered.store.entries]
    assert means == pytest.approx([gathered.exposure.level] * len(means), rel=0.02)
