"""The shipped bundle on the real interpreter."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from camera.virtual import VirtualLine, VirtualParameters
from edge.core.policy import judge_view
from edge.core.types import Decision, ViewJudgement
from models.bundle import Bundle, read_bundle
from models.detector import Detector
from models.errors import GoldenMismatchError, ModelError, PictureError
from models.golden import decode, verify_golden
from models.runtime import Runtime

SHIPPED = Path(__file__).parents[3] / "models" / "shipped"
SIZE_MAX = 2_000_000


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    [path] = SHIPPED.glob("*.lgb")
    return read_bundle(path)


@pytest.fixture(scope="module")
def detector(bundle: Bundle) -> Detector:
    return Detector.load(bundle, threads=2)


def test_exactly_one_small_bundle_is_shipped(bundle: Bundle) -> None:
    [path] = SHIPPED.glob("*.lgb")
    assert path.name == bundle.manifest.file_name
    assert path.stat().st_size < SIZE_MAX
    assert bundle.manifest.product == "phone"
    assert [entry.name for entry in bundle.manifest.classes] == ["oil", "scratch", "stain", "crack", "chip"]
    assert [entry.id for entry in bundle.manifest.classes] == [1, 2, 3, 4, 5]
    assert (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8") == bundle.card


def test_the_golden_pictures_give_what_they_gave(bundle: Bundle, detector: Detector) -> None:
    verify_golden(bundle, detector)
    decisions = {judged(detector, decode(golden, "shipped"), bundle) for golden in bundle.golden}
    assert Decision.REJECT in decisions
    assert Decision.ACCEPT in decisions


def test_another_score_or_box_is_a_mismatch(bundle: Bundle, detector: Detector) -> None:
    for change in ({"score": 0.5}, {"boxes": ()}):
        golden = next(golden for golden in bundle.golden if golden.expected.boxes)
        altered = dataclasses.replace(golden, expected=golden.expected.model_copy(update=change))
        with pytest.raises(GoldenMismatchError, match="computes differently"):
            verify_golden(dataclasses.replace(bundle, golden=(altered,)), detector)


@pytest.mark.parametrize(
    "shape", [(1080, 1920, 3), (1, 1, 3), (300, 200), (3000, 4000, 3), (480, 640, 1), (9, 2000, 3)]
)
def test_any_frame_is_judged(detector: Detector, shape: tuple[int, ...]) -> None:
    for level in (0, 255):
        found = detector.inspect(np.full(shape, level, np.uint8))
        assert 0.0 <= found.score <= 1.0
        assert found.invoke_ns > 0


def test_noise_gives_bounded_boxes_inside_the_region(bundle: Bundle, detector: Detector) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (700, 900, 3), np.uint8)
    found = detector.inspect(noise, roi=(100, 50, 400, 300))
    assert len(found.boxes) <= bundle.manifest.boxes.maximum
    for box in found.boxes:
        assert 100 <= box.x < box.x + box.width <= 500
        assert 50 <= box.y < box.y + box.height <= 350


def test_the_frame_is_not_touched(detector: Detector) -> None:
    frame = np.random.default_rng(5).integers(0, 256, (1080, 1920, 3), np.uint8)
    frame.flags.writeable = False
    first, second = detector.inspect(frame), detector.inspect(frame)
    assert (first.score, first.boxes) == (second.score, second.boxes)


def test_what_is_no_frame_is_refused(detector: Detector) -> None:
    with pytest.raises(PictureError, match="picture"):
        detector.inspect(np.zeros((10, 10, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="roi"):
        detector.inspect(np.zeros((10, 10, 3), np.uint8), roi=(5, 5, 9, 9))


def test_a_network_that_is_not_the_manifest_s_is_refused(bundle: Bundle) -> None:
    wide = bundle.manifest.input.model_copy(update={"width": 480})
    with pytest.raises(ModelError, match="the manifest says"):
        Runtime(bundle.model, bundle.manifest.model_copy(update={"input": wide}), threads=1)
    with pytest.raises(ModelError, match="cannot be loaded"):
        Runtime(b"no network" * 100, bundle.manifest, threads=1)


def test_an_input_of_another_shape_is_refused(bundle: Bundle) -> None:
    runtime = Runtime(bundle.model, bundle.manifest, threads=1)
    with pytest.raises(ModelError, match="takes"):
        runtime.invoke(np.zeros((544, 959, 3), np.int8))


def test_most_good_parts_of_the_virtual_line_are_accepted(bundle: Bundle, detector: Detector) -> None:
    line = VirtualLine(VirtualParameters(seed=1, defects=0.25))
    good = [index for index in range(40) if line.plan(index).verdict == "accept"][:20]
    accepted = [judged(detector, line.render(index).image, bundle) is Decision.ACCEPT for index in good]
    assert sum(accepted) >= len(good) / 2


def judged(detector: Detector, frame: np.ndarray, bundle: Bundle) -> Decision:
    found = detector.inspect(frame)
    limits = bundle.manifest.decision.limits()
    return judge_view(ViewJudgement(camera="top", score=found.score, boxes=found.boxes, limits=limits)).decision
