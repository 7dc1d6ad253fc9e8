from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import PictureError
from models.pod.errors import ImplantError
from models.pod.implants import KINDS, Kind, Request, implant
from models.pod.measure import measure
from tests.support.surfaces import part_on_ground, plate

EVERYWHERE = (0, 0, 320, 240)
FREE_KINDS = [kind for kind in KINDS if kind != "chip"]
SIZES = {"scratch": 90.0, "oil": 60.0, "stain": 40.0, "crack": 90.0, "chip": 24.0, "spot": 12.0}


def asked(kind: Kind, contrast: float = 0.15, seed: int = 1, **changes: float) -> Request:
    return Request(kind=kind, size=changes.pop("size", SIZES[kind]), contrast=contrast, seed=seed, **changes)


def grooved() -> np.ndarray:
    """A plate with a step down its middle, for chips to bite into."""
    picture = plate(level=90.0)
    picture[:, 160:] = plate(level=150.0)[:, 160:]
    return picture


@pytest.mark.parametrize(("kind", "contrast", "seed"), list(product(KINDS, (0.1, -0.1, 0.25, -0.25), (1, 2, 3))))
def test_an_implant_measures_what_was_asked_for(kind: Kind, contrast: float, seed: int) -> None:
    clean = grooved()
    drawn = implant(clean, asked(kind, contrast, seed), EVERYWHERE)
    measured = measure(clean, drawn.picture, drawn.mask)
    # The brightest grains of a strong one may clip; then up to 15 % are given away, no more.
    assert measured.signed_contrast == pytest.approx(contrast, rel=0.03 if abs(contrast) < 0.2 else 0.15)
    assert measured.length == pytest.approx(SIZES[kind], rel=0.15, abs=1.5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_every_byte(kind: Kind) -> None:
    clean = grooved()
    one, again, other = (implant(clean, asked(kind, seed=seed), EVERYWHERE) for seed in (5, 5, 6))
    assert np.array_equal(one.picture, again.picture)
    assert np.array_equal(one.mask, again.mask)
    assert not np.array_equal(one.picture, other.picture)


@pytest.mark.parametrize("kind", KINDS)
def test_the_clean_picture_and_what_lies_far_from_the_defect_stay(kind: Kind) -> None:
    clean = grooved()
    before = clean.copy()
    drawn = implant(clean, asked(kind), EVERYWHERE)
    assert np.array_equal(clean, before)
    near = cv2.dilate(drawn.mask.astype(np.uint8), np.ones((61, 61), np.uint8)) > 0
    assert np.array_equal(drawn.picture[~near], clean[~near])
    x, y, width, height = drawn.box
    assert drawn.mask[y : y + height, x : x + width].sum() == drawn.mask.sum() > 0
    assert drawn.mask[y].any()
    assert drawn.mask[y + height - 1].any()
    assert drawn.mask[:, x].any()
    assert drawn.mask[:, x + width - 1].any()


@pytest.mark.parametrize("kind", FREE_KINDS)
def test_the_picture_keeps_its_own_noise_under_the_defect(kind: Kind) -> None:
    clean = plate(noise=4.0)
    drawn = implant(clean, asked(kind, 0.2), EVERYWHERE)
    added = drawn.picture[drawn.mask].astype(float) - clean[drawn.mask]
    noise = clean[drawn.mask].astype(float) - 120.0
    assert abs(np.corrcoef(added[:, 0], noise[:, 0])[0, 1]) < 0.25


@pytest.mark.parametrize("shape", [(240, 320), (240, 320, 1), (240, 320, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_grey_and_colour_pictures_keep_their_shape(kind: Kind, shape: tuple[int, ...]) -> None:
    clean = grooved()[:, :, : (shape[2] if len(shape) == 3 else 1)].reshape(shape)
    drawn = implant(clean, asked(kind), EVERYWHERE)
    assert (drawn.picture.shape, drawn.picture.dtype) == (shape, np.uint8)
    assert drawn.mask.shape == (240, 320)


def test_a_grey_camera_s_picture_gets_no_colour() -> None:
    clean = np.repeat(grooved()[:, :, :1], 3, axis=2)
    drawn = implant(clean, asked("oil", 0.2), EVERYWHERE)
    assert np.array_equal(drawn.picture[:, :, 0], drawn.picture[:, :, 2])


def test_a_hairline_is_thin_and_its_edges_are_graded() -> None:
    clean = plate(level=60.0, noise=0.0)
    drawn = implant(clean, asked("scratch", 0.2, width=1.0, size=120.0), EVERYWHERE)
    measured = measure(clean, drawn.picture, drawn.mask)
    assert measured.width < 2.0
    added = drawn.picture.astype(int)[:, :, 0] - 60
    assert len(np.unique(added[added > 0])) > 20


@pytest.mark.parametrize("wanted", [1.5, 2.0, 4.0, 8.0])
def test_a_line_is_as_wide_as_asked_for(wanted: float) -> None:
    clean = plate(noise=0.0)
    widths = []
    for seed in range(6):
        drawn = implant(clean, asked("scratch", 0.2, seed, width=wanted, size=150.0), EVERYWHERE)
        widths.append(measure(clean, drawn.picture, drawn.mask).width)
    assert np.mean(widths) == pytest.approx(wanted, rel=0.35)


def test_a_blurring_lens_widens_a_spot_s_edge() -> None:
    clean = plate(noise=0.0)
    sharp, soft = (implant(clean, asked("spot", 0.2, blur=blur, size=20.0), EVERYWHERE) for blur in (0.0, 3.0))
    steepest = [int(np.abs(np.diff(one.picture[:, :, 0].astype(int), axis=1)).max()) for one in (sharp, soft)]
    assert steepest[1] < 0.5 * steepest[0]


def test_an_oil_drop_has_a_rim_brighter_than_its_film() -> None:
    clean = plate(level=60.0, noise=0.0)
    for contrast in (0.06, -0.06):
        drawn = implant(clean, asked("oil", contrast, size=90.0), EVERYWHERE)
        measured = measure(clean, drawn.picture, drawn.mask)
        assert int(drawn.picture.max()) - 60 > 2.0 * 255.0 * measured.contrast


@pytest.mark.parametrize("kind", FREE_KINDS)
def test_a_defect_stays_in_its_region(kind: Kind) -> None:
    box = (150, 90, 130, 120)
    mask = np.zeros((240, 320), np.bool_)
    mask[90:210, 150:280] = True
    for region in (box, mask):
        drawn = implant(plate(), asked(kind, size=30.0), region)
        assert np.count_nonzero(drawn.mask & mask) >= 0.97 * np.count_nonzero(drawn.mask)


def test_without_a_region_a_defect_lies_on_the_smooth_part() -> None:
    clean = part_on_ground()
    for seed in range(8):
        x, y, width, height = implant(clean, asked("spot", 0.2, seed)).box
        assert x >= 78
        assert x + width <= 402
        assert y >= 58
        assert y + height <= 262


def test_a_chip_bites_from_an_edge_into_the_part() -> None:
    clean = part_on_ground()
    inside = np.zeros(clean.shape[:2], np.bool_)
    inside[60:260, 80:400] = True
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    for seed in range(8):
        drawn = implant(clean, asked("chip", 0.2, seed), (80, 60, 320, 200))
        assert np.count_nonzero(drawn.mask & inside) >= 0.75 * np.count_nonzero(drawn.mask)
        assert depth[drawn.mask].min() < 4.0


def test_nothing_is_drawn_where_no_light_can_be_added() -> None:
    white = np.full((240, 320, 3), 254, np.uint8)
    with pytest.raises(ImplantError, match="too near to black or white"):
        implant(white, asked("spot", 0.1), EVERYWHERE)
    assert implant(white, asked("spot", -0.1), EVERYWHERE).mask.any()


def test_a_region_too_small_for_the_defect_is_named() -> None:
    with pytest.raises(ImplantError, match="no place for a scratch of 90 px"):
        implant(plate(), asked("scratch"), (10, 10, 20, 20))


def test_a_chip_needs_an_edge() -> None:
    with pytest.raises(ImplantError, match="no edge is strong"):
        implant(plate(), asked("chip"), EVERYWHERE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "dent"}, "not one of"),
        ({"size": 1.0}, "at least 2 px"),
        ({"size": float("nan")}, "at least 2 px"),
        ({"contrast": 0.0}, "contrast must be"),
        ({"contrast": 1.5}, "contrast must be"),
        ({"width": 0.0}, "width must be"),
        ({"blur": -1.0}, "blur must be"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_impossible_requests_are_refused(changes: dict[str, object], words: str) -> None:
    values: dict[str, object] = {"kind": "spot", "size": 10.0, "contrast": 0.1, "seed": 1, **changes}
    with pytest.raises(ImplantError, match=words):
        Request(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "region",
    [(0, 0, 400, 10), (-1, 0, 10, 10), (0, 0, 0, 10), np.zeros((240, 320), np.bool_), np.ones((5, 5), np.bool_)],
)
def test_a_region_that_is_none_is_refused(region: object) -> None:
    with pytest.raises(ImplantError, match="region"):
        implant(plate(), asked("spot"), region)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "picture", [np.zeros((240, 320, 4), np.uint8), np.zeros((240, 320), np.float32), np.zeros((8, 320), np.uint8)]
)
def test_what_is_no_picture_is_refused(picture: np.ndarray) -> None:
    with pytest.raises(PictureError):
        implant(picture, asked("spot"))


@settings(max_examples=60, deadline=None)
@given(
    request=st.builds(
        Request,
        kind=st.sampled_from(KINDS),
        size=st.floats(2.0, 400.0),
        contrast=st.floats(0.005, 1.0) | st.floats(-1.0, -0.005),
        seed=st.integers(0, 2**31),
    ),
    shape=st.tuples(st.integers(16, 200), st.integers(16, 200)),
    level=st.integers(0, 255),
    whole=st.booleans(),
)
def test_any_request_gives_an_honest_implant_or_a_reason(
    request: Request, shape: tuple[int, int], level: int, whole: bool
) -> None:
    clean = plate(*shape, level=level, noise=3.0)
    try:
        drawn = implant(clean, request, (0, 0, shape[1], shape[0]) if whole else None)
    except ImplantError as error:
        assert "no place" in str(error)
        return
    measured = measure(clean, drawn.picture, drawn.mask)
    wanted = abs(request.contrast)
    assert measured.sign == np.sign(request.contrast)
    assert 0.84 * wanted <= measured.contrast <= 1.16 * wanted + 0.004
