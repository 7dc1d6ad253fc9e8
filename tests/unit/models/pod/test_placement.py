import numpy as np
import pytest

from models.pod.placement import edges_near, face_region
from tests.support.surfaces import part_on_ground, plate


def test_a_smooth_part_on_a_rough_ground_is_found() -> None:
    face = face_region(part_on_ground())
    truth = np.zeros((320, 480), np.bool_)
    truth[60:260, 80:400] = True
    assert np.count_nonzero(face & ~truth) < 0.02 * np.count_nonzero(truth)
    assert np.count_nonzero(face & truth) > 0.9 * np.count_nonzero(truth)


def test_dust_on_the_face_belongs_to_it() -> None:
    picture = part_on_ground()
    picture[150:153, 200:203] = 255
    assert face_region(picture)[151, 201]


@pytest.mark.parametrize("noise", [0.0, 1.0, 12.0])
def test_one_even_surface_is_face_everywhere(noise: float) -> None:
    assert face_region(plate(noise=noise)).all()


@pytest.mark.parametrize("level", [0, 255])
def test_a_picture_without_detail_is_face_everywhere(level: int) -> None:
    assert face_region(np.full((100, 120), level, np.uint8)).all()


def test_edges_lead_into_the_region() -> None:
    picture = part_on_ground()
    allowed = np.zeros((320, 480), np.bool_)
    allowed[60:260, 80:400] = True
    edges = edges_near(picture, allowed, 10.0, np.random.default_rng(1), 20)
    assert edges
    for edge in edges:
        column, row = round(edge.x + 8 * edge.inward_x), round(edge.y + 8 * edge.inward_y)
        assert allowed[row, column]
