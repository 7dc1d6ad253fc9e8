"""What a badly programmed PLC puts on the wire: the named misbehaviours of the PLC simulator, as pure functions."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edge.core import wire
from edge.core.types import Trigger

EVERY: Final = 5
"""Most misbehaviours strike at every fifth trigger, so that each is seen to be survived by the others."""

REBOOT_EVERY: Final = 10
BURST: Final = 5
SKIPPED: Final = 3
STALE_MS: Final = 5000
FOREIGN_EPOCHS: Final = 1000
UNKNOWN_RECIPE: Final = 64999


class Misbehaviour(StrEnum):
    """Names for ``--misbehave``; unless said otherwise they strike at every fifth trigger."""

    DUPLICATE = "duplicate"
    """The trigger is published twice."""
    RETAINED = "retained"
    """The trigger is published retained, so that a station that connects later gets it again; removed at the end."""
    FOREIGN_EPOCH = "foreign-epoch"
    """The trigger names an epoch that is not the station's."""
    GARBAGE = "garbage"
    """A payload that is no JSON goes out before the trigger."""
    OVERSIZED = "oversized"
    """A payload of 4 KiB goes out before the trigger."""
    OUT_OF_RANGE = "out-of-range"
    """A trigger with number 0 and recipe 70000 goes out before the trigger."""
    WRONG_RECIPE = "wrong-recipe"
    """The trigger asks for recipe 64999, which no station has."""
    REUSE_TRIG = "reuse-trig"
    """A new part is given the number of the part before."""
    SKIP_TRIG = "skip-trig"
    """Three numbers are left out before the trigger."""
    NO_ACK = "no-ack"
    """No part is ever acknowledged."""
    REBOOT = "reboot"
    """The PLC restarts, with a new session, right after every tenth trigger."""
    BURST = "burst"
    """Five triggers go out at once, whatever is outstanding."""
    STALE_TICK = "stale-tick"
    """The trigger's tick says that it is five seconds old."""
    ACCEPT_ANYTHING = "accept-anything"
    """Every accept of a known trigger is actuated, against the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Something to publish on ``cmd/trigger``."""

    data: bytes
    retain: bool = False


def strikes(kinds: frozenset[Misbehaviour], kind: Misbehaviour, count: int) -> bool:
    """Tell whether a misbehaviour strikes at the part with this count (1 is the first)."""
    return kind in kinds and count % (REBOOT_EVERY if kind is Misbehaviour.REBOOT else EVERY) == 0


def next_number(kinds: frozenset[Misbehaviour], last: int, count: int) -> int:
    """Return the trigger number of the part with this count; ``last`` is the one before (0: none)."""
    if last and strikes(kinds, Misbehaviour.REUSE_TRIG, count):
        return last
    skipped = SKIPPED if strikes(kinds, Misbehaviour.SKIP_TRIG, count) else 0
    return (last + skipped) % wire.MAX_U32 + 1


def payloads(kinds: frozenset[Misbehaviour], trigger: Trigger, count: int) -> tuple[Payload, ...]:
    """Return what goes out for a trigger, in order; the PLC itself believes that it sent ``trigger``."""

    def struck(kind: Misbehaviour) -> bool:
        return strikes(kinds, kind, count)

    before: list[bytes] = []
    if struck(Misbehaviour.GARBAGE):
        before.append(b'{"sess":1,"trig":')
    if struck(Misbehaviour.OVERSIZED):
        before.append(b"x" * 4096)
    if struck(Misbehaviour.OUT_OF_RANGE):
        before.append(wire.encode_trigger(replace(trigger, trig=0, recipe=70000)))
    sent = trigger
    if struck(Misbehaviour.FOREIGN_EPOCH):
        sent = replace(sent, epoch=sent.epoch + FOREIGN_EPOCHS)
    if struck(Misbehaviour.STALE_TICK):
        sent = replace(sent, tick=(sent.tick - STALE_MS - 1) % wire.MAX_U32 + 1)
    data = Payload(data=wire.encode_trigger(sent), retain=struck(Misbehaviour.RETAINED))
    copies = 2 if struck(Misbehaviour.DUPLICATE) else 1
    return (*(Payload(data=extra) for extra in before), *[data] * copies)
