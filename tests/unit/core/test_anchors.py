from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.anchors import Anchor, AnchorError, anchors_in, parse_anchor

HASH = "0123456789abcdef" * 4
anchors = st.builds(Anchor, event=st.integers(1, 2**62), digest=st.text("0123456789abcdef", min_size=16, max_size=64))


@given(anchor=anchors)
def test_an_anchor_comes_back_as_it_was_written(anchor: Anchor) -> None:
    assert parse_anchor(str(anchor)) == anchor
    assert parse_anchor(f" {anchor}\n".upper()) == anchor
    assert list(anchors_in(anchor.fields())) == [anchor]
    assert list(anchors_in({"online": 1, "ledger": anchor.fields()})) == [anchor]
    assert list(anchors_in([{"ledger": anchor.fields()}, {"ledger": None}, {}, 5])) == [anchor]


@pytest.mark.parametrize(
    "text",
    ["", "5", "5:", f"0:{HASH}", f"-1:{HASH}", "5:0123", f"5:{HASH}0", f"5:{'g' * 64}", f"\u0665:{HASH}", "5 " + HASH],
)
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(AnchorError, match="write ID:HASH"):
        parse_anchor(text)


@pytest.mark.parametrize("found", [5, "x", [], {"id": 5}, {"id": "x", "hash": HASH}, {"id": 1.5, "hash": HASH}])
def test_what_stands_where_an_anchor_is_due_is_refused(found: object) -> None:
    with pytest.raises(AnchorError):
        list(anchors_in({"ledger": found}))


@given(
    value=st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_gives_anchors_or_is_refused(value: object) -> None:
    with suppress(AnchorError):
        assert all(isinstance(anchor, Anchor) for anchor in anchors_in(value))
