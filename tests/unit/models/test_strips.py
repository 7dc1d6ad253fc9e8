"""Strips cover every row of the map once, each with the rows around it that its answer needs."""

from hypothesis import given
from hypothesis import strategies as st

from models.strips import strips_of

STRIDE = 8
multiples = st.integers(0, 6).map(lambda number: number * STRIDE)


@given(
    rows=st.integers(1, 30).map(lambda number: number * STRIDE),
    above=multiples,
    below=multiples,
    more=st.integers(0, 200).map(lambda number: number * STRIDE),
)
def test_every_row_is_answered_once_by_a_strip_that_sees_what_it_needs(
    rows: int, above: int, below: int, more: int
) -> None:
    strip_height = above + rows + below
    height = strip_height + more
    answered = []
    for strip in strips_of(height, rows=rows, above=above, below=below, stride=STRIDE):
        assert 0 <= strip.top <= height - strip_height
        assert strip.top % STRIDE == 0
        assert strip.top + strip.skipped * STRIDE == strip.first * STRIDE
        assert strip.kept.stop <= strip_height // STRIDE
        first, end = strip.first * STRIDE, strip.end * STRIDE
        assert strip.top <= max(first - above, 0)
        assert strip.top + strip_height >= min(end + below, height)
        answered += range(strip.first, strip.end)
    assert answered == list(range(height // STRIDE))
