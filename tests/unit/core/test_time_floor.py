from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.core.time_floor import raised, reference

times = st.floats(0, 4e9, allow_nan=False)


class Floors(RuleBasedStateMachine):
    """Whatever clocks and signatures say, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.floor = 0.0
        self.before = 0.0
        self.witnessed = 0.0

    @rule(clock=times)
    def a_clock_that_nobody_vouches_for(self, clock: float) -> None:
        self.before, self.floor = self.floor, raised(self.floor, clock=clock, synchronised=False, signed=None)
        assert self.floor == self.before

    @rule(clock=times)
    def a_synchronised_clock(self, clock: float) -> None:
        self.before, self.floor = self.floor, raised(self.floor, clock=clock, synchronised=True, signed=None)
        self.witnessed = max(self.witnessed, clock)

    @rule(clock=times, signed=times)
    def a_signature(self, clock: float, signed: float) -> None:
        self.before, self.floor = self.floor, raised(self.floor, clock=clock, synchronised=False, signed=signed)
        self.witnessed = max(self.witnessed, signed)

    @rule(clock=times, signed=times)
    def a_signature_beside_a_synchronised_clock(self, clock: float, signed: float) -> None:
        self.before, self.floor = self.floor, raised(self.floor, clock=clock, synchronised=True, signed=signed)
        self.witnessed = max(self.witnessed, clock)  # the publisher's own clock may be ahead

    @invariant()
    def it_only_rises_and_only_by_witnesses(self) -> None:
        assert self.floor >= self.before
        assert self.floor == self.witnessed


TestFloors = Floors.TestCase


@given(floor=times, clock=times)
def test_expiry_is_judged_never_before_the_floor(floor: float, clock: float) -> None:
    assert reference(floor, clock) >= floor
    assert reference(floor, clock) >= clock
