"""The judge of a view with a catalogue: an accept is earned by what is left of the picture."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.core.types import Limits
from models.bundle import Bundle
from models.bundle.manifest import ExposureFormat
from models.catalogue import CatalogueDetector
from models.catalogue.rules import Reason
from models.commissioning import CommissionedDetector
from models.commissioning.rules import Rules
from models.detector import Detection, Detector
from tests.support import networks
from tests.unit.models.catalogue.conftest import catalogue, speck, surface

LIMITS = Limits(accept_below=0.1, reject_above=0.9)
SPECKS = {"class": "scratch", "accept_length_below_px": 15.0}


def judge(detector: Detector, *rules: dict, **fields) -> CatalogueDetector:
    return CatalogueDetector(detector, catalogue(*rules, **fields), LIMITS)


def score(detector: Detector, picture: np.ndarray, *rules: dict, **fields) -> float:
    return judge(detector, *rules, **fields).inspect(picture).score


def test_a_small_speck_is_accepted_and_stays_in_the_record(detector: Detector) -> None:
    picture = surface(speck(100, 60))
    plain, told = detector.inspect(picture), judge(detector, SPECKS).inspect(picture)
    assert plain.score > LIMITS.reject_above
    assert told.score < LIMITS.accept_below
    assert told.boxes == plain.boxes


def test_it_is_measured_as_drawn(detector: Detector) -> None:
    [region] = judge(detector).assess(surface(speck(100, 60, 12, 6))).regions
    assert region.size is not None
    assert region.size.length == pytest.approx(1 + np.hypot(11, 5), abs=0.01)
    assert (region.size.area, region.size.contrast) == (72, pytest.approx((200 - 46) / 255, abs=0.01))


def test_a_blemish_is_not_accepted_for_being_seen_in_little_light(bundle: Bundle) -> None:
    """What is judged is made as bright as the training's pictures, and so is the contrast that a rule goes by."""
    bright = surface(speck(100, 60, 12, 6)) // 2 * 2
    exposure = ExposureFormat(level=float(bright.mean()), gain_min=0.25, gain_max=4.0)
    entrance = bundle.manifest.input.model_copy(update={"exposure": exposure})
    manifest = bundle.manifest.model_copy(update={"input": entrance})
    relit = Detector.load(replace(bundle, manifest=manifest))
    [full], [half] = (judge(relit).assess(picture).regions for picture in (bright, bright // 2))
    assert full.size is not None
    assert half.size is not None
    assert half.size.contrast == pytest.approx(full.size.contrast, abs=0.02)


@pytest.mark.parametrize(
    ("picture", "rules"),
    [
        (surface(speck(100, 60, 30, 4)), [SPECKS]),
        (surface(speck(100, 60)), []),
        (surface(speck(100, 60)), [{"class": "oil", "accept_length_below_px": 15.0}]),
        (surface(speck(100, 60)), [SPECKS | {"accept_contrast_below": 0.3}]),
        (surface(speck(100, 60)), [SPECKS | {"accept_area_below_px": 60.0}]),
        (surface(speck(100, 60), speck(40, 30)), [SPECKS]),
        (surface(speck(100, 60), speck(40, 30, 40, 3)), [SPECKS]),
        (surface(speck(0, 60)), [SPECKS]),
        (surface(speck(100, 120)), [SPECKS]),
        (surface(speck(100, 60)), [SPECKS, {"always_reject": True, "always_reject_from": 1.0}]),
    ],
    ids=["long", "no rule", "class", "contrast", "area", "two", "and a scratch", "left", "below", "always"],
)
def test_what_no_rule_accepts_is_judged_as_without_a_catalogue(detector: Detector, picture, rules) -> None:
    assert score(detector, picture, *rules) == detector.inspect(picture).score


def test_as_many_as_the_rule_allows_are_accepted(detector: Detector) -> None:
    picture = surface(speck(100, 60), speck(40, 30))
    assert score(detector, picture, SPECKS | {"count_max": 2}) < LIMITS.accept_below


def test_a_fainter_and_larger_one_around_it_is_not_overlooked(detector: Detector) -> None:
    picture = surface(speck(86, 57, 36, 14, 70), speck(100, 60))
    [region] = judge(detector, SPECKS).assess(picture).regions
    assert region.size is None
    assert score(detector, picture, SPECKS) == detector.inspect(picture).score


def test_a_thin_line_from_it_is_not_overlooked(detector: Detector) -> None:
    [region] = judge(detector, SPECKS).assess(surface(speck(100, 64, 26, 1, 110), speck(100, 60))).regions
    assert (region.size, region.trouble) == (None, "there is something thin beside it")


def test_a_doubtful_class_must_be_accepted_too(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.catalogue.regions.CLASS_DOUBT", 3.0)
    picture = surface(speck(100, 60))
    assert score(detector, picture, SPECKS) > LIMITS.reject_above
    assert score(detector, picture, SPECKS, SPECKS | {"class": "oil"}) < LIMITS.accept_below


def test_a_novel_picture_is_never_excused(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = surface(speck(100, 60))
    for novelty in (1.01, float("nan")):
        monkeypatch.setattr(Detector, "novelty", lambda _self, _reading, told=novelty: told)
        assert score(detector, picture, SPECKS) > LIMITS.reject_above


def test_zones_are_fractions_of_the_picture_or_of_the_region(detector: Detector) -> None:
    picture = surface(speck(100, 60))
    zone = {"name": "display", "rectangle": [0.5, 0.0, 0.5, 1.0]}
    roi = (20, 20, 120, 100)
    for zones_in, place in (("picture", "elsewhere"), ("roi", "display")):
        known = judge(detector, zone=[zone], zones_in=zones_in)
        [region] = known.assess(picture, roi).regions
        assert region.zones == (place,)


def test_a_speck_across_a_zone_s_edge_touches_both(detector: Detector) -> None:
    triangle = {"name": "corner", "polygon": [[0.0, 0.0], [0.4, 0.0], [0.0, 1.0]]}
    [inside, across] = sorted(
        judge(detector, zone=[triangle]).assess(surface(speck(20, 20), speck(48, 64))).regions,
        key=lambda one: one.box.x,
    )
    assert (inside.zones, across.zones) == (("corner",), ("corner", "elsewhere"))


def test_what_is_always_rejected_is_rejected_with_its_class_first(detector: Detector) -> None:
    faint = surface(speck(100, 60, 8, 8, 150))  # between the limits
    plain = detector.inspect(faint)
    assert LIMITS.accept_below < plain.score < LIMITS.reject_above
    told = judge(detector, {"class": "scratch", "always_reject": True}).inspect(faint)
    assert told.score == 1.0
    assert told.boxes[0].score == 1.0
    high = {"class": "scratch", "always_reject": True, "always_reject_from": 0.95}
    assert judge(detector, high).inspect(faint).score == plain.score


def test_a_commissioned_view_is_measured_by_its_own_map(detector: Detector) -> None:
    rules = Rules(offset=1.5, limits=LIMITS, reference=None, novelty=None, lenient=False)
    picture, faint = surface(speck(100, 60)), surface(speck(100, 60, 8, 8, 120))
    own = CommissionedDetector(detector, rules)
    both = CatalogueDetector(detector, catalogue(SPECKS), LIMITS, rules)
    none = CatalogueDetector(detector, catalogue(), LIMITS, rules)
    assert (none.inspect(picture).score, none.inspect(picture).boxes) == (
        own.inspect(picture).score,
        own.inspect(picture).boxes,
    )
    assert both.inspect(picture).score < LIMITS.accept_below
    assert not detector.inspect(faint).boxes
    assert len(both.assess(faint).regions) == 1


def speckled(detector: Detector, specks, *rules) -> tuple[Detection, Detection, CatalogueDetector, np.ndarray]:
    picture = surface(*specks)
    known = judge(detector, *rules)
    return detector.inspect(picture), known.inspect(picture), known, picture


several = st.lists(
    st.builds(
        speck, st.integers(0, 240), st.integers(0, 112), st.integers(1, 16), st.integers(1, 16), st.integers(90, 255)
    ),
    max_size=5,
)
slow = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@slow
@given(several, st.floats(2.0, 30.0), st.integers(1, 5))
def test_no_accept_without_an_accepted_and_measured_region(
    detector: Detector, specks, length: float, count: int
) -> None:
    rule = {"class": "scratch", "accept_length_below_px": length, "count_max": count}
    plain, told, known, picture = speckled(detector, specks, rule)
    seen = known.assess(picture)
    assert seen.detection.score == told.score
    if told.score < LIMITS.accept_below <= plain.score:
        accepted = [region for region in seen.regions if region.ruling.reason is Reason.ACCEPTED]
        assert accepted
        assert all(region.size is not None and region.size.length < length for region in accepted)
    else:
        assert told.score == plain.score


@slow
@given(several, st.floats(2.0, 30.0), st.integers(1, 5), st.floats(0.0, 1.0))
def test_to_reject_something_always_never_turns_into_an_accept(
    detector: Detector, specks, length: float, count: int, probability: float
) -> None:
    rule = {"class": "scratch", "accept_length_below_px": length, "count_max": count}
    zone = {"name": "left", "rectangle": [0.0, 0.0, 0.5, 1.0]}
    extra = {"zone": "left", "always_reject": True, "always_reject_from": probability}
    picture = surface(*specks)
    without = score(detector, picture, rule, zone=[zone])
    with_it = score(detector, picture, rule, extra, zone=[zone])
    assert not with_it < LIMITS.accept_below <= without


def test_the_size_of_the_network_does_not_matter_to_the_measure(detector: Detector) -> None:
    large = np.repeat(np.repeat(surface(speck(100, 60)), 3, axis=0), 3, axis=1)
    [region] = judge(detector).assess(large).regions
    assert region.size is not None
    assert region.size.length == pytest.approx(1 + 23 * 2**0.5, abs=0.1)


def test_the_view_of_a_good_part_costs_no_measuring(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.catalogue.judge.find_regions", None)
    good = networks.part(1)
    assert judge(detector, SPECKS).inspect(good).score == detector.inspect(good).score
