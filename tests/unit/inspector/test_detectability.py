"""What a study of detectability takes from a folder: the line's own judge, bases, and real defects to compare with."""

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.core.types import Decision
from edge.inspector.detectability import StudyRequest, good_bases, line_judge, real_defects, study_detectability
from edge.inspector.evaluation import read_dataset
from edge.inspector.views import LoadedView, Shelf, trial_view
from models.bundle.prints import sorted_prints
from models.pod import StudyReport
from tests.support import networks
from tests.support.commissioned import LONG, SMALL, catalogue_file, commissioned_file, slotted, specks
from tests.support.networks import PictureFolder

pytestmark = pytest.mark.usefixtures("arithmetic_network")


def view(bundle: Path, **files: Any) -> LoadedView:
    return trial_view(Shelf(), bundle, **files)


def test_the_judge_is_the_line_s_own(bundle: Path, tmp_path: Path) -> None:
    cold, catalogued = line_judge(view(bundle)), line_judge(view(bundle, catalogue=catalogue_file(tmp_path)))
    assert (cold(SMALL).decision, catalogued(SMALL).decision) == (Decision.REJECT, Decision.ACCEPT)
    assert catalogued(LONG).decision is Decision.REJECT
    commissioned = line_judge(view(bundle, commissioned=commissioned_file(tmp_path, bundle)))
    assert (cold(slotted(70)).decision, commissioned(slotted(70)).decision) == (Decision.CANNOT_JUDGE, Decision.ACCEPT)


def test_a_picture_that_the_line_would_not_judge_is_a_fault(bundle: Path) -> None:
    verdict = line_judge(view(bundle))(np.zeros((64, 128, 3), np.uint8))
    assert (verdict.decision, verdict.score) == (Decision.CANNOT_JUDGE, None)
    assert verdict.fault


def defects(folder: PictureFolder) -> PictureFolder:
    """Add a defect with a mask, one without, and a picture with two of them."""
    (folder.folder / "masks").mkdir()
    for name, places in {
        "one": [(100, 60, 20, 10)],
        "bare": [(100, 60, 20, 10)],
        "two": [(20, 20, 9, 9), (60, 60, 9, 9)],
    }.items():
        folder.add(f"{name}.png", specks(*places, level=110), "reject", group="g")
        mask = np.zeros((networks.HEIGHT, networks.WIDTH), np.uint8)
        for x, y, width, height in places:
            folder.label(f"{name}.png", "scratch", (x, y, width, height))
            mask[y : y + height, x : x + width] = 255
        if name != "bare":
            cv2.imwrite(str(folder.folder / "masks" / f"{name}.png"), mask)
    return folder


def test_real_defects_are_those_that_can_be_measured_and_told_apart(bundle: Path, tmp_path: Path) -> None:
    folder = defects(PictureFolder(tmp_path / "set").add("good.png", specks(), "accept", group="g")).folder
    pictures = read_dataset(folder, None).images
    told: list[tuple[str, int, int]] = []
    cv2.imwrite(str(folder / "masks" / "bare.png"), np.zeros((9, 8), np.uint8))
    faults: list[str] = []
    judge = line_judge(view(bundle))
    [found] = real_defects(folder, pictures, judge, lambda *one: told.append(one), faults.append)
    assert faults == ["masks/bare.png has 8 x 9 pixels, its picture 256 x 128"]
    assert found.kind == "scratch"
    assert found.size == pytest.approx(np.hypot(19, 9) + 1)
    assert 0.2 < found.contrast < 0.3
    assert found.hit
    assert told[-1] == ("real defects", 2, 2)


def test_implants_stay_in_the_region_that_is_judged(bundle: Path, tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "set").add("a.png", specks(), "accept", part_id="7").folder
    [base] = good_bases(folder, read_dataset(folder, None).images, view(bundle, roi=(128, 0, 128, 64)))
    assert (base.region, base.group) == ((128, 0, 128, 64), "7")


def test_pictures_of_the_training_are_told_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = PictureFolder(tmp_path / "set")
    folder.add("a.png", specks(), "accept", group="x").add("b.png", specks((9, 9, 2, 2)), "accept", group="y")
    known = hashlib.sha256((folder.folder / "images" / "a.png").read_bytes()).hexdigest()
    bundle = tmp_path / networks.write(tmp_path, {"trained_pictures": sorted_prints([known])}).manifest.file_name
    given: list[Any] = []

    def study(_bases: Any, _judge: Any, provenance: Any, **_options: Any) -> StudyReport:
        given.append(provenance)
        return StudyReport(summary={}, html="")

    monkeypatch.setattr("edge.inspector.detectability.run_study", study)
    study_detectability(StudyRequest(view=view(bundle), data=folder.folder), lambda *_one: None)
    study_detectability(StudyRequest(view=view(bundle), data=folder.folder, only=("y",)), lambda *_one: None)
    assert given[0].warnings[0].startswith("The network was trained on 1 of the 2 pictures")
    assert (given[1].warnings, given[1].bases) == ((), "1 good pictures of set, groups y")
