"""A whole run in miniature: virtual parts in, a bundle out that the station loads."""

from pathlib import Path

import numpy as np
import pytest

from camera.virtual import VirtualLine, VirtualParameters
from models.bundle import read_bundle
from models.detector import Detector
from models.golden import verify_golden
from models.training.settings import OptimiserSettings, TrainingSettings, VirtualSettings
from models.training.train import train_bundle

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]


def test_a_small_run_gives_a_bundle_that_works(tmp_path: Path) -> None:
    settings = TrainingSettings(
        name="tiny",
        output=tmp_path,
        width=192,
        height=128,
        virtual=VirtualSettings(parts=16, held_out=12, parts_per_seed=8, defects=0.6),
        optimiser=OptimiserSettings(steps=160, crop=96, batch=6, real_share=0.0, average_decay=0.97),
    )
    shown: list[str] = []
    bundle = train_bundle(settings, lambda what, _done, _whole: shown.append(what))
    read = read_bundle(tmp_path / "tiny-1.lgb")
    assert read == bundle
    assert read.manifest.provisional
    assert (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8") == read.card
    detector = Detector.load(read, threads=1)
    verify_golden(read, detector)
    found = detector.inspect(VirtualLine(VirtualParameters(seed=3)).render(0).image)
    assert 0.0 <= found.score <= 1.0
    assert detector.logit_map(np.zeros((128, 192, 3), np.uint8)).shape == (32, 48, 6)
    assert {"virtual line", "fitting networks", "quantising"} <= set(shown)
