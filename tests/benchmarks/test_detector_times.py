"""Stage times of the shipped detector on 1080p, as multiples of a bare baseline measured in the same turns."""

import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pytest

from models.bundle import read_bundle
from models.detector import Detector
from models.golden import decode

RUNS = 40
BLUR = (9, 9)


@pytest.fixture(scope="module")
def multiples() -> dict[str, float]:
    """Return each stage's time by that of blurring the same picture once: both suffer the same machine."""
    [path] = (Path(__file__).parents[2] / "models" / "shipped").glob("*.lgb")
    bundle = read_bundle(path)
    detector = Detector.load(bundle, threads=2)
    pictures = [decode(golden, bundle.label) for golden in bundle.golden]
    times: dict[str, list[int]] = {"preprocess_ns": [], "invoke_ns": [], "postprocess_ns": [], "blur": []}
    for number in range(RUNS):
        picture = pictures[number % len(pictures)]
        started_ns = time.perf_counter_ns()
        blurred = cv2.GaussianBlur(picture, BLUR, 0)
        times["blur"].append(time.perf_counter_ns() - started_ns)
        assert np.shape(blurred) == picture.shape
        found = detector.inspect(picture)
        for stage in ("preprocess_ns", "invoke_ns", "postprocess_ns"):
            times[stage].append(getattr(found, stage))
    return {stage: median(values) / median(times["blur"]) for stage, values in times.items()}


@pytest.mark.parametrize(("stage", "limit"), [("preprocess_ns", 3.0), ("invoke_ns", 12.0), ("postprocess_ns", 2.0)])
def test_a_stage_costs_no_more_than_some_blurs_of_the_picture(
    multiples: dict[str, float], stage: str, limit: float
) -> None:
    assert multiples[stage] <= limit
