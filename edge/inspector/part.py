"""One part in hand, and the single claim that the loop and the deadline guard contend for."""

import threading
from dataclasses import dataclass
from typing import Literal

from edge.core.codes import Code
from edge.core.events import Decided, Instant, PartKey, Received
from edge.core.types import Trigger
from edge.inspector.clock import NS_PER_MS
from edge.inspector.recipes import LoadedRecipe
from edge.ledger import Ledger, Ticket

Origin = Literal["plc", "timer", "presence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is known of a part when its trigger is taken on; never changes.

    ``recipe`` is None where the trigger names an unknown one. ``refusal`` is the code of a trigger that must not be
    imaged (late, unknown recipe, not ready), else 0. ``deadline_ms`` counts from the receipt.
    """

    key: PartKey
    trigger: Trigger
    origin: Origin
    received: Instant
    deadline_ms: int
    recipe: LoadedRecipe | None
    refusal: int

    @property
    def deadline_ns(self) -> int:
        """The deadline as a monotonic instant, in nanoseconds."""
        return self.received.mono_ns + self.deadline_ms * NS_PER_MS

    def receipt(self) -> Received:
        """Return the ledger's event of the receipt."""
        return Received(
            key=self.key,
            part=self.trigger.part,
            recipe=self.trigger.recipe,
            deadline_ms=self.deadline_ms,
            at=self.received,
            origin=self.origin,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAnswer:
    """The guard's cannot-judge: its reason code, and whether a verdict of the loop stands in the ledger before it."""

    code: int
    overrules: bool


class Part:
    """An order on its way to its verdict.

    Exactly one of loop and guard wins the claim and with it the right to send. What stands in the ledger and who holds
    the claim change together under one lock, so that the guard knows whether to overrule a verdict or to decide.
    """

    def __init__(self, order: Order) -> None:
        self.order = order
        self._lock = threading.Lock()
        self._taken = False
        self._claimed = False
        self._recorded = False
        self._photographed = False
        self._guard_code: int | None = None

    def take(self) -> bool:
        """Begin to judge the part; False if it is answered already."""
        with self._lock:
            self._taken = True
            return not self._claimed

    def photographed(self) -> None:
        """Note that its pictures are taken, or will never be."""
        self._photographed = True

    @property
    def waiting(self) -> bool:
        """Whether its pictures have still to be taken, and nobody has answered for it meanwhile."""
        return not (self._photographed or self._claimed)

    def record(self, decided: Decided, ledger: Ledger) -> Ticket | None:
        """Append the loop's verdict, unless the guard was faster (then None, and nothing is appended)."""
        with self._lock:
            if self._claimed:
                return None
            ticket = ledger.append(decided, owed=True)
            self._recorded = True
            return ticket

    def claim(self) -> bool:
        """Take the right to send the recorded verdict; False if the guard has answered."""
        with self._lock:
            won = not self._claimed
            self._claimed = True
            return won

    def take_over(self, *, stopping: bool, store_failed: bool) -> GuardAnswer | None:
        """Take the right to send in the guard's name; None if it is gone."""
        with self._lock:
            if self._claimed:
                return None
            self._claimed = True
            self._guard_code = self.order.refusal or self._reason(stopping=stopping, store_failed=store_failed)
            return GuardAnswer(code=self._guard_code, overrules=self._recorded)

    @property
    def guard_code(self) -> int | None:
        """The code that the guard answered with, None if it did not."""
        return self._guard_code

    def _reason(self, *, stopping: bool, store_failed: bool) -> Code:
        if self._recorded:
            return Code.STORE_FAILED if store_failed else Code.STORE_LATE
        if stopping:
            return Code.STOPPING
        return Code.DEADLINE if self._taken else Code.BUSY
