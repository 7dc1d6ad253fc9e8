"""A whole run in miniature: pictures in, a bundle out that the station loads."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from camera.virtual import VirtualLine, VirtualParameters
from edge.core.codes import Code
from edge.core.policy import judge_view
from edge.core.types import Decision
from edge.inspector.examine import examine
from models.bundle import Bundle, read_bundle
from models.bundle.manifest import Quality
from models.bundle.prints import picture_print, trained_prints
from models.detector import Detector
from models.errors import ModelError
from models.golden import verify_golden
from models.training.ablation import VARIANTS, ablate
from models.training.measures import frame_quality, halved, quality_range
from models.training.settings import read_settings
from models.training.train import card_file, train_bundle

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]

SETTINGS = """
product = "plate"
[input]
width = 192
height = 128
[optimiser]
teacher_steps = 30
fold_steps = 120
steps = 120
crop = 96
batch = 6
average_decay = 0.97
[distillation]
weight = 0.5
[parity]
pictures = 20
other_flips_max = 0.2
logit_difference_max = 3.0
"""


def plates(folder: Path) -> Path:
    """Write a product that nothing knows: grey plates of mixed sizes with dark pits; four groups."""
    random = np.random.default_rng(2)
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    images, annotations = [], []
    for number in range(24):
        height, width = (128, 192) if number % 3 else (120, 180)
        plate = random.normal(120, 6, (height, width)).clip(0, 255).astype(np.uint8)
        name = f"plate{number:02d}.png"
        bad = number % 2 == 0
        if bad:
            x, y = int(random.integers(20, width - 50)), int(random.integers(20, height - 50))
            cv2.circle(plate, (x + 14, y + 14), 13, 30, -1)
            mask = np.zeros_like(plate)
            cv2.circle(mask, (x + 14, y + 14), 13, 255, -1)
            cv2.imwrite(str(folder / "masks" / name), mask)
            annotations.append({"image_id": number, "category_id": 1, "bbox": [x, y, 28, 28]})
        cv2.imwrite(str(folder / "images" / name), plate)
        images.append(
            {"id": number, "file_name": name, "verdict": "reject" if bad else "accept", "part": f"p{number // 2 % 6}"}
        )
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "pit"}]}
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def no_defect_is_accepted_for_being_bright(bundle: Bundle, detector: Detector, folder: Path) -> None:
    """Exposure makes a bright frame's level that of all others; what was clipped is lost to the network."""
    quality, limits = bundle.manifest.quality.limits(), bundle.manifest.decision.limits()
    for mask in sorted((folder / "masks").iterdir()):
        plate = np.asarray(cv2.imread(str(folder / "images" / mask.name)), np.uint8)
        for gain in (1.5, 1.9, 2.5, 4.0, 8.0):
            bright = np.clip(plate * gain, 0, 255).astype(np.uint8)
            found = examine(bright, camera="top", judge=detector, quality=quality, limits=limits).judgement
            assert found.fault is Code.TOO_BRIGHT
            assert judge_view(found).decision is Decision.CANNOT_JUDGE


def frames_of_the_others(folder: Path, left_out: list[str]) -> Quality:
    images = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))["images"]
    pictures = [cv2.imread(str(folder / "images" / one["file_name"])) for one in images if one["part"] not in left_out]
    return quality_range([frame_quality(halved(np.asarray(picture, np.uint8))) for picture in pictures])


def what_people_read(read: Bundle) -> None:
    metrics = json.loads(read.metrics)
    card = " ".join(read.card.split())
    assert "on average over draws of 6 such defective parts and a next one" in card
    assert "with a chance of at most 14.3%. To bring it to 5% takes 19 parts" in card
    assert "| bad | " in card
    assert metrics["limits"]["expected"]["parts_missing"] == 13
    assert "chosen on the scores of these very pictures" in read.report
    assert metrics["half_light"]["good"]["pictures"] == 12
    assert "compared with the float one on 20 pictures only" in read.report
    assert "**The int8 network was compared with the float one on 20 pictures only" in card
    assert metrics["beside"]["classical"]["escape"]["n"] == 12
    assert metrics["beside"]["repeatability"]["flips"]["n"] == 24
    assert "There is no classical baseline" not in read.report
    assert "moved by up to 2 px" in read.report
    assert "From decoded pixels to verdict" in read.report
    assert "in favour" not in read.report
    assert "A classical detector (local median, threshold, blobs), tuned without" in card


def test_any_product_gives_a_bundle_that_works_and_a_run_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    configured = tmp_path / "run.toml"
    configured.write_text(SETTINGS, encoding="utf-8")
    settings = read_settings(configured, data=[plates(tmp_path / "plates")], output=tmp_path / "plates-3.lgb")

    warnings: list[str] = []

    class KilledError(Exception):
        pass

    def dies(what: str, done: int, whole: int) -> None:
        if what == "fitting students" and done == whole:
            raise KilledError

    with pytest.raises(KilledError):
        train_bundle(settings, dies, warnings.append)
    assert not settings.output.exists()
    fitted = {path: path.stat().st_mtime_ns for path in settings.work.rglob("teacher-*.npz")}
    assert fitted

    bundle = train_bundle(settings, lambda *_progress: None, warnings.append, fold_bundles=tmp_path / "folds")
    assert {path: path.stat().st_mtime_ns for path in settings.work.rglob("teacher-*.npz")} == fitted
    read = read_bundle(tmp_path / "plates-3.lgb")
    assert read == bundle
    assert read.manifest.provisional
    assert [entry.name for entry in read.manifest.classes] == ["pit"]
    assert (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8") == read.card
    detector = Detector.load(read, threads=1)
    verify_golden(read, detector)
    plate = cv2.imread(str(tmp_path / "plates" / "images" / "plate01.png"))
    found = detector.inspect(np.asarray(plate, np.uint8))
    assert 0.0 <= found.score <= 1.0
    no_defect_is_accepted_for_being_bright(read, detector, tmp_path / "plates")
    stranger = detector.inspect(VirtualLine(VirtualParameters(seed=3)).render(0).image)
    assert stranger.novelty is not None
    assert stranger.novelty > 1.0
    folds = [read_bundle(path) for path in sorted((tmp_path / "folds").glob("*.lgb"))]
    assert [fold.manifest.name for fold in folds] == [f"plates-without-{number}" for number in range(4)]
    assert len({fold.model for fold in (*folds, read)}) == 5
    for fold in folds:
        assert fold.manifest.quality == frames_of_the_others(tmp_path / "plates", json.loads(fold.metrics)["left_out"])
    metrics = json.loads(read.metrics)
    trained, without = trained_prints(read), [trained_prints(fold) for fold in folds]
    files = [path.read_bytes() for path in sorted((tmp_path / "plates" / "images").iterdir())]
    assert trained == {picture_print(hashlib.sha256(file).hexdigest()) for file in files}
    assert sum(len(trained - known) for known in without) == len(trained)
    what_people_read(read)
    assert "per_image" not in metrics["photo_out_of_fold"]
    assert "<html" in read.report
    assert metrics["photo_out_of_fold"]["counts"]["images"] == 24
    assert metrics["auroc_of_students"] > 0.75  # a minute of training; processors differ in the last digits


def test_no_bundle_takes_the_card_of_another(tmp_path: Path) -> None:
    (tmp_path / "MODEL_CARD.md").write_text("# plates-3\n\nIts figures.\n", encoding="utf-8")
    assert card_file(tmp_path / "plates-3.lgb", "# plates-3\n\nNew.\n") == tmp_path / "MODEL_CARD.md"
    assert card_file(tmp_path / "plates-4.lgb", "# plates-4\n") == tmp_path / "plates-4.MODEL_CARD.md"
    assert card_file(tmp_path / "other" / "plates-4.lgb", "# plates-4\n") == tmp_path / "other" / "MODEL_CARD.md"


def test_the_virtual_line_alone_gives_a_bundle(tmp_path: Path) -> None:
    configured = tmp_path / "run.toml"
    text = SETTINGS.replace("weight = 0.5", "weight = 0.0")
    virtual = "\n[virtual]\nparts = 16\nparts_per_seed = 4\n"
    configured.write_text(text + virtual, encoding="utf-8")
    settings = read_settings(configured, data=[], output=tmp_path / "virtual-1.lgb")
    warnings: list[str] = []
    bundle = train_bundle(settings, lambda *_progress: None, warnings.append)
    assert not warnings
    assert bundle.manifest.teacher is None
    verify_golden(bundle, Detector.load(bundle, threads=1))


def test_the_ablation_table_says_what_each_ingredient_is_worth(tmp_path: Path) -> None:
    configured = tmp_path / "run.toml"
    configured.write_text(SETTINGS.replace("fold_steps = 120", "fold_steps = 80"), encoding="utf-8")
    settings = read_settings(configured, data=[plates(tmp_path / "plates")], output=tmp_path / "plates-1.lgb")
    chosen = [variant for variant in VARIANTS if variant.name in {"all", "all, int8", "distilled"}]
    plain, quantised, distilled = ablate(settings, chosen, lambda *_progress: None)
    assert [row["variant"] for row in (plain, quantised, distilled)] == [variant.name for variant in chosen]
    assert abs(plain["auroc_photos"] - quantised["auroc_photos"]) < 0.1
    assert plain["auroc_teachers"] is None
    assert distilled["auroc_teachers"] is not None
    assert plain["steps"] == distilled["steps"] == 80
    assert not list(settings.work.rglob("student.npz"))
    assert sum(plain["verdicts"]["good"].values()) == plain["half_light"]["good"]["pictures"]


def test_a_place_that_cannot_be_written_is_told_before_anything_is_fitted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    settings = read_settings(None, data=[tmp_path], output=tmp_path / "file" / "plates-1.lgb")
    with pytest.raises(ModelError, match=r"file: cannot be written.*--out"):
        train_bundle(settings, lambda *_progress: None, lambda _text: None)
