import numpy as np
import pytest

from models.pod.errors import ImplantError
from models.pod.measure import core_of, measure, measure_labelled
from tests.support.surfaces import plate


def bar(clean: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """A bar of 40 x 6 px, ``step`` grey levels off the surface."""
    mask = np.zeros(clean.shape[:2], np.bool_)
    mask[100:106, 50:90] = True
    final = clean.astype(int)
    final[mask] += step
    return np.clip(final, 0, 255).astype(np.uint8), mask


@pytest.mark.parametrize("step", [8, -8, 51])
def test_a_bar_is_measured(step: int) -> None:
    clean = plate(noise=2.0)
    final, mask = bar(clean, step)
    measured = measure(clean, final, mask)
    assert measured.length == pytest.approx(np.hypot(40, 6), abs=1.0)
    assert measured.area == 240
    assert measured.width == pytest.approx(6.0, abs=0.3)
    assert measured.contrast == pytest.approx(abs(step) / 255)
    assert measured.sign == np.sign(step)
    assert measured.peak == pytest.approx(abs(step) / 255)
    # The mean of three channels has the noise of one over the square root of three.
    assert measured.contrast_to_noise == pytest.approx(abs(step) / (2.0 / 3**0.5), rel=0.25)


def test_a_flat_surface_still_has_the_noise_of_rounding() -> None:
    clean = plate(noise=0.0)
    final, mask = bar(clean, 10)
    assert measure(clean, final, mask).contrast_to_noise == pytest.approx(10 * 12**0.5)


@pytest.mark.parametrize("step", [20, -20])
def test_a_labelled_defect_measures_the_same_without_its_clean_picture(step: int) -> None:
    clean = plate(noise=2.0)
    final, mask = bar(clean, step)
    known, labelled = measure(clean, final, mask), measure_labelled(final, mask)
    assert labelled.signed_contrast == pytest.approx(known.signed_contrast, abs=0.003)
    assert (labelled.length, labelled.area) == (known.length, known.area)


def test_the_core_leaves_out_a_drop_s_rim_and_nothing_of_a_line() -> None:
    disc = np.hypot(*np.mgrid[-30:31, -30:31]) < 20
    assert not core_of(disc)[30, 12:16].any()
    assert core_of(disc)[30, 25:36].all()
    line = np.zeros((20, 60), np.bool_)
    line[10, 5:50] = True
    assert np.array_equal(core_of(line), line)


def test_what_cannot_be_measured_is_refused() -> None:
    clean = plate()
    with pytest.raises(ImplantError, match="marks no pixel"):
        measure(clean, clean, np.zeros((240, 320), np.bool_))
    with pytest.raises(ImplantError, match="the mask is"):
        measure(clean, clean, np.ones((5, 5), np.bool_))
    with pytest.raises(ImplantError, match="differ in shape"):
        measure(clean, clean[:100], np.ones((240, 320), np.bool_))
    with pytest.raises(ImplantError, match="whole picture"):
        measure_labelled(clean, np.ones((240, 320), np.bool_))
