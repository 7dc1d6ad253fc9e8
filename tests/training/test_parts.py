from pathlib import Path

import numpy as np
import pytest
import torch

from camera.quality import measure
from camera.virtual import VirtualLine, VirtualParameters
from models.training.calibration import (
    ScoredPicture,
    calibrate,
    choose_limits,
    fit_platt,
    limit_logits,
    nested_counts,
)
from models.training.export import fold_batch_norms
from models.training.fitting import defect_loss
from models.training.measures import frame_quality
from models.training.network import DefectNetwork, NetworkWidths
from models.training.sampling import relight, stride_labels
from models.training.settings import DecisionSettings, SettingsError, read_settings

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


def test_limits_keep_their_margins() -> None:
    settings = DecisionSettings(accept_margin=1.0, accept_slack=0.25, reject_margin=0.5)
    assert limit_logits(scores("a", [2.0, 6.0], [-3.0, 1.0]), settings) == (1.0, 1.5)
    assert limit_logits(scores("a", [5.0, 6.0], [-3.0, -2.0]), settings) == (-1.75, -1.5)
    assert limit_logits(scores("a", [0.0, 6.0], [-3.0, 2.0]), settings) == (-1.0, 2.5)
    pictures = scores("a", [2.0, 3.0, 6.0], [-3.0, -2.0, 1.0])
    limits = choose_limits(pictures, calibrate(pictures, 8), settings)
    assert limits.risk_claim is None
    assert limits.accept_below < limits.reject_above


def test_nested_limits_do_not_see_the_fold_that_they_judge() -> None:
    settings = DecisionSettings(accept_margin=1.0, accept_slack=0.25, reject_margin=0.5)
    pictures = [*scores("a", [4.0, 5.0], [-1.0]), *scores("b", [-0.9], [-0.7, 3.0])]
    counts = nested_counts(pictures, [["a"], ["b"]], settings)
    assert counts["bad"] == {"accept": 1, "reject": 2, "cannot_judge": 0}
    assert counts["good"] == {"accept": 0, "reject": 1, "cannot_judge": 2}
    alone = nested_counts(scores("a", [4.0], [-1.0]), [["a"]], settings)
    assert alone["bad"]["cannot_judge"] == alone["good"]["cannot_judge"] == 1


def test_labels_at_stride_four() -> None:
    labels = np.zeros((8, 8), np.uint8)
    labels[:2, :2] = 3  # a quarter of the first cell
    labels[4, 4] = 2  # a sixteenth of the last
    assert stride_labels(labels).tolist() == [[3, 0], [0, 255]]


def test_relighting_is_reproducible_and_keeps_the_shape() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    for seed in range(20):
        first, second = (relight(crop, np.random.default_rng(seed)) for _ in range(2))
        assert first.shape == crop.shape
        assert np.array_equal(first, second)


def test_folding_batch_norms_changes_nothing() -> None:
    torch.manual_seed(0)
    network = DefectNetwork(5, NetworkWidths())
    network(torch.randn(2, 3, 64, 64))
    picture = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.allclose(network.eval()(picture), fold_batch_norms(network)(picture), atol=1e-4)
        assert network(picture).shape == (1, 6, 16, 24)


def test_the_loss_falls_with_the_right_answer() -> None:
    labels = torch.zeros(2, 16, 16, dtype=torch.long)
    labels[0, 4:8, 4:8] = 2
    labels[0, 8, 8] = 255
    wrong = torch.zeros(2, 6, 16, 16)
    right = torch.full((2, 6, 16, 16), -6.0)
    right[0, 0, 4:8, 4:8] = 6.0
    right[0, 2, 4:8, 4:8] = 6.0
    assert defect_loss(right, labels) < 0.2 < defect_loss(wrong, labels)
    assert torch.isfinite(defect_loss(wrong, torch.zeros_like(labels)))


def test_quality_is_measured_as_the_camera_layer_does() -> None:
    frame = VirtualLine(VirtualParameters(seed=4)).render(2).image
    half = frame.reshape(540, 2, 960, 2, 3).astype(np.uint16).sum(axis=(1, 3), dtype=np.uint16)
    ours, theirs = frame_quality(((half + 2) // 4).astype(np.uint8)), measure(frame)
    assert ours.brightness == pytest.approx(theirs.brightness, abs=0.05)
    assert ours.contrast == pytest.approx(theirs.contrast, abs=1)
    assert ours.sharpness == pytest.approx(theirs.sharpness, abs=1)
    assert ours.clipped == pytest.approx(theirs.clipped, abs=1e-3)


def test_the_shipped_settings_are_read(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "models" / "training" / "phones-1.toml"
    settings = read_settings(shipped, photos=[tmp_path], output=tmp_path)
    assert (settings.name, settings.version, settings.output) == ("phones", 1, tmp_path)
    assert settings.folds


@pytest.mark.parametrize(
    ("text", "message"),
    [("steps = 3", "steps"), ("a = ", "not TOML"), ("folds = []", "folds must list"), (None, "name a")],
)
def test_faulty_settings_are_explained(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "run.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        read_settings(path, photos=[tmp_path], output=tmp_path)
