import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.types import Decision
from edge.spool.selection import KeepReason, keep_reason

U32 = st.integers(0, 2**32 - 1)


@given(U32, U32)
def test_rejects_and_cannot_judges_are_always_kept(epoch: int, seq: int) -> None:
    assert keep_reason(Decision.REJECT, epoch, seq, accept_share=0.0) is KeepReason.REJECT
    assert keep_reason(Decision.CANNOT_JUDGE, epoch, seq, accept_share=0.0) is KeepReason.CANNOT_JUDGE


@given(U32, U32, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_keeps_all_that_a_smaller_one_kept(epoch: int, seq: int, one: float, other: float) -> None:
    small, large = sorted((one, other))
    if keep_reason(Decision.ACCEPT, epoch, seq, accept_share=small):
        assert keep_reason(Decision.ACCEPT, epoch, seq, accept_share=large) is KeepReason.ACCEPT_SAMPLE


@given(U32, U32)
def test_shares_of_none_and_all(epoch: int, seq: int) -> None:
    assert keep_reason(Decision.ACCEPT, epoch, seq, accept_share=0.0) is None
    assert keep_reason(Decision.ACCEPT, epoch, seq, accept_share=1.0) is KeepReason.ACCEPT_SAMPLE


@pytest.mark.parametrize("epoch", [1, 2, 77])
def test_the_default_share_is_about_two_percent_in_every_epoch(epoch: int) -> None:
    kept = sum(keep_reason(Decision.ACCEPT, epoch, seq) is not None for seq in range(1, 20_001))
    assert 320 <= kept <= 480  # 4 standard deviations around 400


def test_the_draw_is_the_same_in_every_version() -> None:
    assert [seq for seq in range(1, 200) if keep_reason(Decision.ACCEPT, 1, seq)] == [74, 179, 185, 189]
