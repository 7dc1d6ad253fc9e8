"""Stage times of the shipped detector on 1080p; run on an idle machine (two threads)."""

from pathlib import Path
from statistics import median

import pytest

from models.bundle import read_bundle
from models.detector import Detection, Detector
from models.golden import decode

RUNS = 50


@pytest.fixture(scope="module")
def runs() -> list[list[Detection]]:
    [path] = (Path(__file__).parents[2] / "models" / "shipped").glob("*.lgb")
    bundle = read_bundle(path)
    detector = Detector.load(bundle, threads=2)
    pictures = [decode(golden, bundle.label) for golden in bundle.golden]
    return [[detector.inspect(picture) for _ in range(RUNS)] for picture in pictures]


@pytest.mark.parametrize(("stage", "limit_ms"), [("preprocess_ns", 3.0), ("invoke_ns", 25.0), ("postprocess_ns", 1.5)])
def test_a_stage_keeps_its_budget(runs: list[list[Detection]], stage: str, limit_ms: float) -> None:
    for detections in runs:
        assert median(getattr(detection, stage) for detection in detections) / 1e6 <= limit_ms
