"""When a part has come: the presence trigger's rule, as a pure function of what one look at the view showed.

A part is looked for against the empty view: it comes (entering), stands (still), is triggered once, and goes (leaving)
before another can come. What goes through without standing is missed; what comes and withdraws the way it came, such as
a hand, is nothing. Measuring a look is the camera layer's (:mod:`camera.presence`).
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

RELEASE: Final = 0.5
"""The view counts as empty below this share of the area at which it counts as covered."""

CONFIRMING_LOOKS: Final = 2
"""So many looks in a row make a part still, or a view empty."""

GONE_SHARE: Final = 0.9
"""A part whose place has been seen empty to this share is gone, though another may have entered by then."""

SWEPT_SHARE: Final = 0.6
"""Where this share of a part's place changed before something stands there again, it may be another part."""

CROSSING: Final = 0.35
"""What leaves the view this far (as a share of its side) from where it came in has passed through it."""

FOLLOWED_LOOKS: Final = 3
"""What was seen less often was too fast to tell where it came from: it counts as passed through."""

RELIGHT_MS: Final = 1000
"""A view that differs, but in no structure and without motion, for so long is the empty view in another light."""


class Phase(StrEnum):
    """Where the part is."""

    EMPTY = "empty"
    ENTERING = "entering"
    STILL = "still"
    TRIGGERED = "triggered"
    LEAVING = "leaving"


class Happening(StrEnum):
    """What a look brought to light, where it was anything."""

    TRIGGER = "trigger"
    """A part has come and stands still."""
    MISSED = "missed"
    """A part went by that never stood still, or another may stand in the place of one that never left."""
    WITHDRAWN = "withdrawn"
    """Something came and withdrew the way it had come."""
    GONE = "gone"
    """The part that was triggered has left."""
    RELIT = "relit"
    """The empty view looks different now: what is seen is to be taken for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the view: shares of its cells (0-1), and in ``x`` and ``y`` of its sides, where what covers it lies.

    ``covered`` differs from the empty view; ``structured`` tells that by more than its light. ``arrived``: changed
    much since the look before. ``moved``: not where it was when it was last seen to move. ``vacated`` is the share of
    the triggered part's place that has been seen empty since it began to leave, ``swept`` the share that has changed.
    """

    at_ms: float
    covered: float
    structured: bool
    arrived: bool
    moved: bool
    x: float = 0.5
    y: float = 0.5
    vacated: float = 0.0
    swept: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceRules:
    """From which share of the view (0-1) it counts as covered, and how long a part has to stand, in milliseconds."""

    area: float
    still_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What the rule remembers from look to look.

    ``since_ms`` is when the phase, or the present stand, began; ``looks`` counts those at what is in the view,
    ``stands`` those since it last moved, ``clear`` those in a row that found the view empty. ``came`` tells that it was
    seen to come: what fades in without any motion is light. ``entry`` and ``last`` are its first and last place.
    ``rest`` is the smallest share that was covered since the part before had left its place, while all that is in view
    may be the rest of it. ``unseen``: it may have been exchanged while nothing could be seen. ``faint_ms`` is when the
    empty view began to differ in its light.
    """

    phase: Phase = Phase.EMPTY
    since_ms: float = 0.0
    looks: int = 0
    stands: int = 0
    clear: int = 0
    came: bool = False
    entry: tuple[float, float] = (0.5, 0.5)
    last: tuple[float, float] = (0.5, 0.5)
    rest: float | None = None
    unseen: bool = False
    faint_ms: float | None = None


def step(state: Presence, look: Look, rules: PresenceRules) -> tuple[Presence, Happening | None]:
    """Return the state after one more look, and what happened."""
    if state.phase is Phase.EMPTY:
        return _empty(state, look, rules)
    if state.phase is Phase.TRIGGERED:
        # It cannot go without moving: what else changes is the light.
        return (_leaving(state, look, rules) if look.moved else state), None
    state = replace(state, clear=state.clear + 1 if _is_empty(state.phase, look, rules) else 0)
    if state.clear >= CONFIRMING_LOOKS:
        return Presence(since_ms=look.at_ms), _ended(state)
    if state.clear:  # one look alone decides nothing, and tells no place; yet what moved has to stand again
        return (_unsettled(state, look) if look.moved else state), None
    return _left(state, look, rules) if state.phase is Phase.LEAVING else _coming(state, look, rules)


def interrupted(state: Presence) -> Presence:
    """Return the state after a time in which nothing could be seen: whoever stood must be seen to stand again."""
    phase = Phase.ENTERING if state.phase is Phase.STILL else state.phase
    unseen = state.phase in {Phase.TRIGGERED, Phase.LEAVING}
    return replace(state, phase=phase, since_ms=math.inf, stands=0, clear=0, faint_ms=None, unseen=unseen)


def standing_at_start(look: Look, rules: PresenceRules) -> Presence:
    """Return the state to begin with: what is in view has perhaps been judged by the process before, so it only may go.

    Starting again and again with a parked part must not judge it again and again.
    """
    phase = Phase.EMPTY if _is_empty(Phase.EMPTY, look, rules) else Phase.TRIGGERED
    return Presence(phase=phase, since_ms=look.at_ms)


def _is_empty(phase: Phase, look: Look, rules: PresenceRules) -> bool:
    """Tell whether nothing is there; a plain part that fills the whole view shows no structure while it comes."""
    unstructured = phase in {Phase.EMPTY, Phase.LEAVING} and not look.structured
    return unstructured or look.covered < RELEASE * rules.area


def _empty(state: Presence, look: Look, rules: PresenceRules) -> tuple[Presence, Happening | None]:
    if look.covered < rules.area:
        return replace(state, faint_ms=None), None
    if look.structured:
        return _entering(look, came=look.arrived), None
    if look.moved or state.faint_ms is None:
        return replace(state, faint_ms=look.at_ms), None
    if look.at_ms - state.faint_ms < RELIGHT_MS:
        return state, None
    return replace(state, faint_ms=None), Happening.RELIT


def _entering(look: Look, *, came: bool) -> Presence:
    place = (look.x, look.y)
    return Presence(phase=Phase.ENTERING, since_ms=look.at_ms, looks=1, came=came, entry=place, last=place)


def _unsettled(state: Presence, look: Look) -> Presence:
    phase = Phase.ENTERING if state.phase is Phase.STILL else state.phase
    return replace(state, phase=phase, since_ms=look.at_ms, stands=0)


def _coming(state: Presence, look: Look, rules: PresenceRules) -> tuple[Presence, Happening | None]:
    state = _without_rest(state, look, rules)
    came = state.came or look.arrived or look.moved
    state = replace(state, looks=state.looks + 1, came=came, last=(look.x, look.y))
    if look.moved or state.since_ms > look.at_ms:
        return _unsettled(state, look), None
    state = replace(state, phase=Phase.STILL, stands=state.stands + 1)
    if not _stood(state, look, rules):
        return state, None
    if not state.came:
        return Presence(since_ms=look.at_ms), Happening.RELIT
    return replace(state, phase=Phase.TRIGGERED, since_ms=look.at_ms, rest=None), Happening.TRIGGER


def _leaving(state: Presence, look: Look, rules: PresenceRules) -> Presence:
    clear = int(_is_empty(Phase.LEAVING, look, rules))
    return replace(state, phase=Phase.LEAVING, since_ms=look.at_ms, stands=0, clear=clear)


def _left(state: Presence, look: Look, rules: PresenceRules) -> tuple[Presence, Happening | None]:
    if look.vacated >= GONE_SHARE:
        return replace(_entering(look, came=True), rest=look.covered), Happening.GONE
    if look.moved or state.since_ms > look.at_ms:
        return _unsettled(state, look), None
    state = replace(state, stands=state.stands + 1)
    if not _stood(state, look, rules):
        return state, None
    another = state.unseen or look.swept >= SWEPT_SHARE
    stays = replace(state, phase=Phase.TRIGGERED, since_ms=look.at_ms, unseen=False)
    return stays, Happening.MISSED if another else None


def _without_rest(state: Presence, look: Look, rules: PresenceRules) -> Presence:
    """Tell the rest of the part before, on its way out, from the next one: more comes in again."""
    if state.rest is None:
        return state
    if look.covered >= state.rest + rules.area:
        return replace(state, rest=None, entry=(look.x, look.y))
    return replace(state, rest=min(state.rest, look.covered))


def _stood(state: Presence, look: Look, rules: PresenceRules) -> bool:
    return state.stands >= CONFIRMING_LOOKS and look.at_ms - state.since_ms >= rules.still_ms


def _ended(state: Presence) -> Happening | None:
    if state.phase in {Phase.TRIGGERED, Phase.LEAVING}:
        return Happening.GONE
    if not state.came or state.rest is not None:
        return None
    far = max(abs(end - start) for start, end in zip(state.entry, state.last, strict=True)) >= CROSSING
    return Happening.MISSED if far or state.looks < FOLLOWED_LOOKS else Happening.WITHDRAWN
