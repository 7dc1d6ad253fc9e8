from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from camera.quality import measure
from camera.virtual import VirtualLine, VirtualParameters
from edge.core.dataset import LabelledBox
from edge.core.quality import FrameQuality
from edge.core.types import Decision
from models.bundle.manifest import Novelty
from models.preprocess import Exposure, Geometry, InputSize, prepare
from models.training.calibration import calibrate, fit_platt
from models.training.embedding import whitening
from models.training.evidence import ScoredPicture, Unseen
from models.training.export import fold_batch_norms
from models.training.figures import novel_counts
from models.training.finishing import frames_like, like_the_training
from models.training.implants import RENDERERS, implant
from models.training.jobs import plan_jobs
from models.training.lighting import relight
from models.training.limits import choose_limits, decision_limits, nested_counts, provisional_limits
from models.training.loss import defect_loss, distillation_loss
from models.training.measures import frame_quality, halved, quality_range
from models.training.network import STUDENT, TEACHER, DefectNetwork, parameter_count
from models.training.parity import Compared, Parity, ParityError, faded
from models.training.pictures import OTHER_DEFECT, UNKNOWN, PictureEntry
from models.training.robustness import darkened
from models.training.sampling import NOT_TAUGHT
from models.training.settings import (
    DecisionSettings,
    DistillationSettings,
    ParitySettings,
    SettingsError,
    TrainingSettings,
    read_settings,
)

pytestmark = pytest.mark.training


def test_platt_recovers_the_probabilities() -> None:
    random = np.random.default_rng(1)
    logits = random.normal(0.0, 2.0, 20_000)
    defective = random.random(20_000) < 1 / (1 + np.exp(-(1.5 * logits - 1.0)))
    assert fit_platt(logits, defective) == pytest.approx((1.5, -1.0), abs=0.08)


def test_separated_scores_still_give_finite_probabilities() -> None:
    slope, intercept = fit_platt(np.array([-3.0, -2.0, 4.0, 5.0]), np.array([False, False, True, True]))
    assert 0 < slope < 100
    assert abs(intercept) < 100


@pytest.mark.parametrize("defective", [[True] * 4, [True, True, False, False]])
def test_scores_that_say_nothing_are_refused(defective: list[bool]) -> None:
    with pytest.raises(ValueError, match="good"):
        fit_platt(np.array([0.0, 0.1, 5.0, 6.0]), np.array(defective))


def scores(group: str, bad: list[float], good: list[float]) -> list[ScoredPicture]:
    return [
        ScoredPicture(name=f"{group}{value}", group=group, defective=defective, logit=value)
        for defective, values in ((True, bad), (False, good))
        for value in values
    ]


def test_provisional_limits_keep_their_margins() -> None:
    settings = DecisionSettings(accept_share=0.25, reject_share=0.5, margin=1.0)
    apart = provisional_limits(scores("a", [6.0, 9.0], [-3.0, 2.0]), settings)
    assert apart == (3.0, 4.0)
    touching = provisional_limits(scores("a", [2.5, 9.0], [-3.0, 2.0]), settings)
    assert touching == (1.5, 2.25)
    crossed = provisional_limits(scores("a", [0.0, 6.0], [-3.0, 2.0]), settings)
    assert crossed == (-1.0, 2.0)


def test_few_parts_give_no_claim_and_say_how_many_are_missing() -> None:
    pictures = scores("a", [2.0, 3.0, 6.0], [-3.0, -2.0, 1.0])
    chosen = choose_limits(pictures, DecisionSettings(alpha=0.05), independent=True)
    assert chosen.provisional
    assert (chosen.claimed.escape.parts, chosen.claimed.escape.parts_missing) == (1, 58)
    assert chosen.expected is not None
    assert (chosen.expected.score, chosen.expected.parts_missing) == (None, 18)
    limits = decision_limits(chosen, calibrate(pictures, 8), DecisionSettings())
    assert limits.risk_claim is None
    assert limits.accept_below < limits.reject_above


def test_many_parts_give_the_lowest_defective_score_with_its_claim() -> None:
    pictures = [one for number in range(60) for one in scores(f"part{number}", [2.0 + number], [-2.0 - number])]
    chosen = choose_limits(pictures, DecisionSettings(alpha=0.05), independent=True)
    assert (chosen.accept, chosen.reject) == (-2.0, 2.0)
    claim = decision_limits(chosen, calibrate(pictures, 8), DecisionSettings()).risk_claim
    assert claim is not None
    assert (claim.escape_upper, claim.confidence, claim.defective_parts) == (0.05, 0.95, 60)
    assert chosen.expected is not None
    assert (chosen.expected.rank, chosen.expected.score) == (3, 4.0)
    unknown = choose_limits(pictures, DecisionSettings(alpha=0.05), independent=False)
    assert (unknown.provisional, unknown.expected) == (True, None)


def test_nested_limits_follow_the_rule_of_the_final_ones() -> None:
    settings = DecisionSettings(alpha=0.05)
    pictures = [one for number in range(120) for one in scores(f"part{number}", [5.0 + number], [-6.0 - number])]
    pictures += [one for number in range(2) for one in scores(f"faint{number}", [0.5], [])]
    folds = [[f"part{number}" for number in range(60)] + ["faint0"], [f"part{number}" for number in range(60, 120)]]
    claimed = nested_counts(pictures, [*folds, ["faint1"]], settings, independent=True)
    by_thumb = nested_counts(pictures, [*folds, ["faint1"]], settings, independent=False)
    assert (claimed["bad"]["cannot_judge"], by_thumb["bad"]["cannot_judge"]) == (2, 0)


def test_nested_limits_do_not_see_the_fold_that_they_judge() -> None:
    settings = DecisionSettings(accept_share=0.0, reject_share=0.5, margin=1.0)
    pictures = [*scores("a", [4.0, 5.0], [-1.0]), *scores("b", [-0.9], [-0.7, 3.0])]
    counts = nested_counts(pictures, [["a"], ["b"]], settings, independent=True)
    assert counts["bad"] == {"accept": 0, "reject": 2, "cannot_judge": 1}
    assert counts["good"] == {"accept": 0, "reject": 1, "cannot_judge": 2}
    alone = nested_counts(scores("a", [4.0], [-1.0]), [["a"]], settings, independent=True)
    assert alone["bad"]["cannot_judge"] == alone["good"]["cannot_judge"] == 1


def test_relighting_is_reproducible_and_keeps_the_shape() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    for seed in range(20):
        first, second = (relight(crop, np.random.default_rng(seed)) for _ in range(2))
        assert first.shape == crop.shape
        assert np.array_equal(first, second)


def test_folding_batch_norms_changes_nothing() -> None:
    torch.manual_seed(0)
    network = DefectNetwork(5, STUDENT)
    network(torch.randn(2, 3, 64, 64))
    picture = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.allclose(network.eval()(picture), fold_batch_norms(network)(picture), atol=1e-4)
        logits, coarse = network.judged(picture)
    assert logits.shape == (1, 6, 8, 12)
    assert coarse.shape == (1, STUDENT.coarse, 2, 3)


def test_a_teacher_has_a_million_parameters() -> None:
    assert 1_000_000 <= parameter_count(DefectNetwork(5, TEACHER)) <= 3_000_000
    assert parameter_count(DefectNetwork(5, STUDENT)) < 250_000


def test_the_loss_falls_with_the_right_answer() -> None:
    labels = torch.zeros(2, 16, 16, dtype=torch.long)
    labels[0, 4:8, 4:8] = 2
    labels[0, 8, 8] = 255
    wrong = torch.zeros(2, 6, 16, 16)
    right = torch.full((2, 6, 16, 16), -6.0)
    right[0, 0, 4:8, 4:8] = 6.0
    right[0, 2, 4:8, 4:8] = 6.0
    assert defect_loss(right, labels) < 0.2 < defect_loss(wrong, labels)
    for special in (0, OTHER_DEFECT, UNKNOWN):
        assert torch.isfinite(defect_loss(wrong, torch.full_like(labels, special)))


def test_teachers_are_followed_where_they_speak() -> None:
    taught = torch.full((1, 8, 8), float(NOT_TAUGHT))
    logits = torch.randn(1, 6, 8, 8)
    assert distillation_loss(logits, taught, 2.0) == 0.0
    taught[0, 2:6, 2:6] = 3.0
    agreed = logits.clone()
    agreed[:, 0] = 3.0
    assert distillation_loss(agreed, taught, 2.0) == pytest.approx(0.0, abs=1e-5)
    assert distillation_loss(-agreed, taught, 2.0) > 0.5


def test_students_learn_from_teachers_that_saw_neither_the_picture_nor_the_fold() -> None:
    settings = run_settings().model_copy(update={"distillation": DistillationSettings(weight=0.5)})
    teachers, students = plan_jobs(settings, 4)
    assert len(teachers) == 6
    assert [job.left_out for job in students] == [(0,), (1,), (2,), (3,), ()]
    for student in students[:-1]:
        for fold in set(range(4)) - set(student.left_out):
            allowed = [one for one in teachers if {*student.left_out, fold} <= set(one.left_out)]
            assert len(allowed) == 1
    assert plan_jobs(settings, 2)[0] == []
    assert plan_jobs(run_settings(), 4)[0] == []


@pytest.mark.parametrize("kind", RENDERERS)
def test_implants_are_seen_where_they_are_labelled(kind: str) -> None:
    ground = np.full((256, 256, 3), 90, np.uint8)
    ground[:, 128:] = 30
    drawn = [implant(ground, kind, np.random.default_rng(seed)) for seed in range(20)]
    assert sum(one is not None for one in drawn) > 5
    for seed, one in enumerate(drawn):
        if one is None:
            continue
        changed = (one.pixels != ground).any(axis=2)
        assert (changed & one.mask).sum() > 0.5 * one.mask.sum()
        again = implant(ground, kind, np.random.default_rng(seed))
        assert again is not None
        assert np.array_equal(one.pixels, again.pixels)


def test_half_the_light_leaves_the_network_s_input_as_it_was() -> None:
    picture = np.random.default_rng(3).integers(20, 120, (64, 96, 3), np.uint8)
    size, exposure = InputSize(width=96, height=64), Exposure(level=60.0)
    bright, dark = (prepare(one, size, 128, exposure=exposure).pixels for one in (picture, darkened(picture)))
    assert np.abs(bright.astype(int) - dark).max() <= 2


def test_what_cannot_be_seen_is_not_drawn() -> None:
    white = np.full((128, 128, 3), 255, np.uint8)
    seen = [implant(white, "stain", np.random.default_rng(seed)) for seed in range(30)]
    for one in seen:
        assert one is None or np.abs(one.pixels[one.mask].astype(int) - 255).mean() > 4


def test_whitened_components_vary_by_one() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(4000, 6)) @ random.normal(size=(6, 6)) + 3.0
    weight, bias = whitening(rows, 4)
    projected = rows @ weight.T + bias
    assert np.allclose(projected.mean(axis=0), 0.0, atol=1e-9)
    assert np.allclose(np.cov(projected, rowvar=False), np.eye(4), atol=1e-6)


def test_a_defect_is_faded_to_the_wanted_score() -> None:
    clean, drawn = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 200, np.uint8)
    found = faded(clean, drawn, 50.0, lambda pixels: float(pixels.mean()))
    assert abs(float(found.mean()) - 50.0) < 15.0


def test_the_gate_names_what_flips() -> None:
    same = Compared(
        name="a", exact=1.0, quantised=1.1, exact_verdict=Decision.ACCEPT, quantised_verdict=Decision.ACCEPT
    )
    grave = Compared(
        name="b", exact=1.0, quantised=9.0, exact_verdict=Decision.ACCEPT, quantised_verdict=Decision.REJECT
    )
    other = Compared(
        name="c", exact=1.0, quantised=1.2, exact_verdict=Decision.ACCEPT, quantised_verdict=Decision.CANNOT_JUDGE
    )
    Parity(pictures=(same,) * 200).refuse(ParitySettings())
    Parity(pictures=(*(same,) * 199, other)).refuse(ParitySettings())
    with pytest.raises(ParityError, match=r"between accept and reject.*b: float 1\.00 accept, int8 9\.00 reject"):
        Parity(pictures=(*(same,) * 999, grave)).refuse(ParitySettings())
    with pytest.raises(ParityError, match="3 other flips"):
        Parity(pictures=(*(same,) * 197, other, other, other)).refuse(ParitySettings())


def test_quality_is_measured_as_the_camera_layer_does() -> None:
    frame = VirtualLine(VirtualParameters(seed=4)).render(2).image
    ours, theirs = frame_quality(halved(frame)), measure(frame)
    assert ours.brightness == pytest.approx(theirs.brightness, abs=0.05)
    assert ours.contrast == pytest.approx(theirs.contrast, abs=1)
    assert ours.sharpness == pytest.approx(theirs.sharpness, abs=1)
    assert ours.clipped == pytest.approx(theirs.clipped, abs=1e-3)


def test_frames_may_be_darker_than_any_picture_by_far_and_brighter_by_little() -> None:
    seen = [
        FrameQuality(brightness=30.0, contrast=75.0, sharpness=30.0, clipped=0.0),
        FrameQuality(brightness=94.45, contrast=242.0, sharpness=137.0, clipped=0.112),
    ]
    found = quality_range(seen)
    assert (found.brightness_min, found.contrast_min, found.sharpness_min) == (7.5, 18.8, 6.0)
    assert (found.brightness_max, found.clipped_max) == (113.3, 0.162)
    white = FrameQuality(brightness=240.0, contrast=242.0, sharpness=137.0, clipped=0.995)
    assert (quality_range([white]).brightness_max, quality_range([white]).clipped_max) == (250.0, 1.0)


def lit_entry(group: str, origin: Literal["photo", "virtual"], brightness: float) -> PictureEntry:
    entry = unseen(f"{group}{brightness}", group, 1.0, None).entry
    quality = FrameQuality(brightness=brightness, contrast=90.0, sharpness=40.0, clipped=brightness / 1000.0)
    return replace(entry, origin=origin, quality=quality)


def test_frames_are_measured_by_the_photos_as_drawn_light_is_no_station_s() -> None:
    photos, drawn = [lit_entry("a", "photo", 50.0)], [lit_entry("v", "virtual", 120.0)]
    assert frames_like([*photos, *drawn]) == frames_like(photos)
    assert frames_like(photos).brightness_max == 60.0
    assert frames_like(drawn).brightness_max == 144.0


def many_entries(origin: Literal["photo", "virtual"], sizes: dict[str, int], first: int = 0) -> list[PictureEntry]:
    groups = [group for group, size in sizes.items() for _ in range(size)]
    return [replace(lit_entry(group, origin, 50.0), index=first + place) for place, group in enumerate(groups)]


def test_what_the_training_looks_like_is_told_by_every_group() -> None:
    large = many_entries("photo", {"a": 350, "b": 30, "c": 300, "d": 1})
    chosen = like_the_training([*large, *many_entries("virtual", {"v": 9}, first=1000)])
    assert Counter(entry.group for entry in chosen) == {"a": 185, "b": 30, "c": 184, "d": 1}
    of_a = [entry.index for entry in chosen if entry.group == "a"]
    assert max(np.diff(of_a)) == 2
    assert of_a[0] == 0
    assert of_a[-1] > 345
    singles = like_the_training(many_entries("photo", {f"g{number}": 1 for number in range(800)}))
    assert [entry.index for entry in singles] == list(range(0, 800, 2))


def test_up_to_400_photos_are_all_taken_and_drawn_parts_fill_what_is_left() -> None:
    photos, drawn = many_entries("photo", {"a": 124}), many_entries("virtual", {"v": 320, "w": 320}, first=124)
    assert like_the_training([*drawn, *photos]) == [*photos, *drawn[:276]]
    assert like_the_training(many_entries("photo", {"a": 400})) == many_entries("photo", {"a": 400})


def run_settings() -> TrainingSettings:
    return read_settings(None, data=[Path("photos")], output=Path("out.lgb"))


def test_the_shipped_settings_are_read(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "models" / "training" / "phones.toml"
    settings = read_settings(shipped, data=[tmp_path], output=tmp_path / "phones-3.lgb")
    assert (settings.name, settings.version, settings.output) == ("phones", 3, tmp_path / "phones-3.lgb")
    assert settings.private_pictures
    assert settings.folds


@pytest.mark.parametrize(
    ("output", "name", "version", "file"),
    [
        ("tiles-7.lgb", "tiles", 7, "tiles-7.lgb"),
        ("B.lgb", "b", 1, "B.lgb"),
        ("made/here", "model", 1, "made/here/model-1.lgb"),
    ],
)
def test_the_bundle_is_named_after_its_file(output: str, name: str, version: int, file: str) -> None:
    settings = read_settings(None, data=[Path("photos")], output=Path(output))
    assert (settings.name, settings.version, settings.product) == (name, version, name)
    assert settings.output == Path(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [("steps = 3", "steps"), ("a = ", "not TOML"), ("[optimiser]\nbatch = 1", "batch"), (None, "name a")],
)
def test_faulty_settings_are_explained(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "run.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        read_settings(path, data=[tmp_path], output=tmp_path / "a-1.lgb")


def test_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--data"):
        read_settings(None, data=[], output=tmp_path / "a-1.lgb")


def unseen(name: str, group: str, novelty: float, category: str | None) -> Unseen:
    boxes = () if category is None else (LabelledBox(x=1, y=1, width=4, height=4, category=category),)
    entry = PictureEntry(
        index=0,
        name=name,
        group=group,
        origin="photo",
        truth="accept" if category is None else "reject",
        boxes=boxes,
        geometry=Geometry(region=(0, 0, 8, 8), scale_x=1.0, scale_y=1.0, left=0, top=0),
        quality=FrameQuality(brightness=1.0, contrast=1.0, sharpness=1.0, clipped=0.0),
        path=None,
    )
    return Unseen(entry=entry, stored=np.zeros((1, 1, 2), np.int8), novelty=novelty)


def test_novelty_is_counted_on_classes_that_the_judge_never_saw() -> None:
    novelty = Novelty(centre=(0.0,) * 4, precision=tuple(tuple(row) for row in np.eye(4).tolist()), limit=2.0)
    pictures = [
        unseen("a", "g", 1.0, None),
        unseen("b", "g", 3.0, "stain"),
        unseen("c", "g", 1.0, "stain"),
        unseen("d", "h", float("nan"), "oil"),
        unseen("e", "g", 1.0, "oil"),
    ]
    counts = novel_counts(pictures, [["g"], ["h"]], novelty)
    assert (counts["pictures"], counts["good_novel"], counts["bad_novel"]) == (5, 0, 2)
    assert counts["unknown_classes"] == {"stain": {"pictures": 2, "novel": 1}}
