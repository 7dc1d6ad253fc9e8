"""Which parts two bundles judged, so that what is found of a part finds its pair of verdicts."""

import threading
from collections import OrderedDict
from typing import Final

from edge.core.types import Decision

KEPT: Final = 100_000
"""Parts that are remembered; a truth that comes after so many more finds nothing."""
EARLY: Final = 1_000
"""Truths that are remembered because their parts have no pair, or none yet."""


class Pairs:
    """Pairs of verdicts by the part's name; of parts with one name the last counts. Each is given out once.

    A truth may come before the candidate's answer: it waits. Times are Unix ms. Used by any thread.
    """

    def __init__(self) -> None:
        self._pairs: OrderedDict[str, tuple[Decision, Decision]] = OrderedDict()
        self._early: OrderedDict[str, tuple[int, bool]] = OrderedDict()
        self._lock = threading.Lock()

    def judged(self, part: str, own: Decision, other: Decision, received_at: int) -> bool | None:
        """Remember a pair; a part without a name cannot be found again.

        Return whether the part was found to be defective since it was received, and give the pair out; None where
        nothing was found yet.
        """
        if not part:
            return None
        with self._lock:
            at, defective = self._early.pop(part, (-1, False))
            if at >= received_at:
                return defective
            self._pairs[part] = (own, other)
            self._pairs.move_to_end(part)
            if len(self._pairs) > KEPT:
                self._pairs.popitem(last=False)
        return None

    def forget(self, part: str) -> None:
        """Forget the pair of a part whose name came again: what is found later is not found of that one."""
        with self._lock:
            self._pairs.pop(part, None)

    def found(self, part: str, at: int, *, defective: bool) -> tuple[Decision, Decision] | None:
        """Return the pair of a part whose truth has come; None where none is known, or it was given out."""
        with self._lock:
            pair = self._pairs.pop(part, None)
            if pair is None:
                self._early[part] = (at, defective)
                self._early.move_to_end(part)
                if len(self._early) > EARLY:
                    self._early.popitem(last=False)
            return pair
