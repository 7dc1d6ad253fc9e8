"""Where things stand in a file: the lines that faults are reported at."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from edge.config.lines import line_numbers, line_of

TEXT = '''# [not.a.table]
title = """
[nor.this]
key = 1
"""
[[recipe]]
id = 0 # = [
views = [  # the views
  { camera = "a]", roi = [1, 2,
    3] },

  { camera = "b", "bundle" = '#' }, { camera = "c" },
]
[[recipe]]
[[recipe.views]]
camera = "x"
[[recipe.views]]
camera = "y"
[recipe.more]
a . "b" = 1
'''


def test_every_table_key_and_entry_has_its_line():
    lines = line_numbers(TEXT)
    expected = {
        ("title",): 2,
        ("recipe", 0): 6,
        ("recipe", 0, "id"): 7,
        ("recipe", 0, "views"): 8,
        ("recipe", 0, "views", 0, "camera"): 9,
        ("recipe", 0, "views", 0, "roi", 1): 9,
        ("recipe", 0, "views", 0, "roi", 2): 10,
        ("recipe", 0, "views", 1): 12,
        ("recipe", 0, "views", 1, "bundle"): 12,
        ("recipe", 0, "views", 2, "camera"): 12,
        ("recipe", 1): 14,
        ("recipe", 1, "views", 0): 15,
        ("recipe", 1, "views", 1, "camera"): 18,
        ("recipe", 1, "more"): 19,
        ("recipe", 1, "more", "a", "b"): 20,
    }
    assert {place: lines.get(place) for place in expected} == expected
    assert ("nor",) not in lines
    assert ("not",) not in lines


def test_what_has_no_line_is_reported_at_what_holds_it():
    lines = line_numbers("[station]\nsite = 1\n")
    assert line_of(("station", "name"), lines) == 1
    assert line_of(("camera",), lines) == 0


@given(st.recursive(st.booleans(), lambda inner: st.lists(inner, max_size=4), max_leaves=20), st.booleans())
def test_every_entry_of_any_list_is_found(value, spread):
    text = f"x = {value}".lower()
    text = text.replace("[", "[\n").replace(",", "\n,") if spread else text
    assert tomllib.loads(text) == {"x": value}
    lines = line_numbers(text)

    def places(inner, place):
        yield place
        for index, entry in enumerate(inner if isinstance(inner, list) else ()):
            yield from places(entry, (*place, index))

    assert set(lines) == set(places(value, ("x",)))
