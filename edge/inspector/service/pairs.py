"""Which parts two bundles judged, so that what is found of a part later finds its pair of verdicts."""

import threading
from collections import OrderedDict
from typing import Final

from edge.core.types import Decision

KEPT: Final = 100_000
"""Parts that are remembered; a truth that comes after so many more finds nothing."""


class Pairs:
    """Pairs of verdicts by the part's name; of parts with one name the last counts. Each is given out once.

    Used by any thread.
    """

    def __init__(self) -> None:
        self._pairs: OrderedDict[str, tuple[Decision, Decision]] = OrderedDict()
        self._lock = threading.Lock()

    def judged(self, part: str, own: Decision, other: Decision) -> None:
        """Remember a pair; a part without a name cannot be found again."""
        if not part:
            return
        with self._lock:
            self._pairs[part] = (own, other)
            self._pairs.move_to_end(part)
            if len(self._pairs) > KEPT:
                self._pairs.popitem(last=False)

    def forget(self, part: str) -> None:
        """Forget the pair of a part whose name came again: what is found later is not found of that one."""
        with self._lock:
            self._pairs.pop(part, None)

    def found(self, part: str) -> tuple[Decision, Decision] | None:
        """Return the pair of a part whose truth has come; None where none is known, or it was given out."""
        with self._lock:
            return self._pairs.pop(part, None)
