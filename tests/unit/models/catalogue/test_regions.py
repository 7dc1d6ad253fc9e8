"""What each box of the network's map stands for."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalogue.regions import NetworkView, find_regions
from models.postprocess import extract_boxes
from models.preprocess import Geometry
from models.quantisation import Quantisation
from tests.support import networks

ROWS, COLUMNS = networks.HEIGHT // networks.STRIDE, networks.WIDTH // networks.STRIDE
QUANTISATION = Quantisation(scale=networks.LOGIT_SCALE, zero_point=0)
GEOMETRY = Geometry(region=(0, 0, networks.WIDTH, networks.HEIGHT), scale_x=1.0, scale_y=1.0, left=0, top=0)

blocks = st.lists(
    st.tuples(
        st.integers(0, COLUMNS - 1),
        st.integers(0, ROWS - 1),
        st.integers(1, 9),
        st.integers(1, 9),
        st.integers(11, 127),
    ),
    max_size=8,
)


def view(drawn: list[tuple[int, int, int, int, int]], lead: int = 20) -> NetworkView:
    logits = np.full((ROWS, COLUMNS, 3), -60, np.int8)
    for column, row, width, height, level in drawn:
        logits[row : row + height, column : column + width] = (level, level, level - lead)
    return NetworkView(logits=logits, quantisation=QUANTISATION, manifest=networks.manifest(), geometry=GEOMETRY)


@settings(deadline=None, max_examples=60)
@given(blocks)
def test_the_cells_of_all_boxes_are_apart_and_fill_their_boxes(drawn) -> None:
    known = view(drawn)
    boxes = extract_boxes(known.logits, QUANTISATION, known.manifest, GEOMETRY)
    regions = find_regions(known, boxes)
    assert [region.box for region in regions] == list(boxes)
    total = np.zeros((ROWS, COLUMNS), int)
    for region in regions:
        assert region.cells is not None
        rows, columns = np.nonzero(region.cells)
        place = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        box = region.box
        assert (box.x, box.y, box.width, box.height) == tuple(4 * step for step in place)
        total += region.cells
    assert total.max(initial=0) <= 1
    assert not (total > known.raised).any()


def test_a_class_that_is_close_behind_is_possible_too() -> None:
    for lead, classes in ((20, ("scratch",)), (9, ("scratch", "oil")), (-30, ("oil",))):
        known = view([(20, 10, 3, 3, 60)], lead)
        [region] = find_regions(known, extract_boxes(known.logits, QUANTISATION, known.manifest, GEOMETRY))
        assert region.classes == classes


def test_a_region_at_the_border_is_known_as_such() -> None:
    for column, expected in ((0, True), (1, True), (2, False), (COLUMNS - 5, False), (COLUMNS - 4, True)):
        known = view([(column, 10, 3, 3, 60)])
        [region] = find_regions(known, extract_boxes(known.logits, QUANTISATION, known.manifest, GEOMETRY))
        assert region.at_border is expected
