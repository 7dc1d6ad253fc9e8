"""The life of models on a station: which bundle decides, which is tried, which is kept ready. Pure rules.

``staged -> verified -> shadow -> canary -> active -> previous``. At every moment exactly one bundle is active, at most
one is kept as the previous one, and at most one is on trial (shadow or canary). The bundle that the software carries is
always there and can never be withdrawn, so that there is something to go back to whatever happens.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

MOVES_KEPT: Final = 200
"""The history keeps the newest of them; the ledger keeps all."""
SPARE_KEPT: Final = 8
"""Bundles that nothing uses, of which the oldest go first when another is staged."""
HASH_DIGITS_MIN: Final = 8
SHIPPED: Final = "shipped"
"""What the bundle that the software carries is called in a history."""
JUST_GONE_MS: Final = 60_000
"""So long after a bundle was taken back another one has to be named: two people may have meant the same."""
AUTOMATIC: Final = "the station"
"""Who is on record for what no person did; no user of a machine is called so."""
_WHOLE: Final = 2**64


class Stage(StrEnum):
    """How far a bundle has come."""

    STAGED = "staged"
    VERIFIED = "verified"
    SHADOW = "shadow"
    CANARY = "canary"
    ACTIVE = "active"
    PREVIOUS = "previous"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


ON_TRIAL: Final = frozenset({Stage.SHADOW, Stage.CANARY})
IN_USE: Final = ON_TRIAL | {Stage.ACTIVE, Stage.PREVIOUS}


class IllegalMoveError(ValueError):
    """What was asked is no move of these rules; the message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One bundle in the store.

    ``since`` is the time of its last move (Unix ms), ``reason`` why it was refused or withdrawn, ``share`` that of the
    parts for which an accept needs it too, ``crashes`` how often the station ended badly while it was in use,
    ``origin`` where it came from, in words.
    """

    name: str
    version: int
    sha256: str
    product: str
    stage: Stage
    since: int
    reason: str = ""
    share: float = 0.0
    crashes: int = 0
    origin: str = ""

    @property
    def label(self) -> str:
        """What people call it: ``NAME-VERSION``."""
        return f"{self.name}-{self.version}"

    @property
    def file_name(self) -> str:
        """Its file in the store."""
        return f"{self.label}.lgb"


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who makes a move, when (Unix ms) and why."""

    who: str
    at: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One line of the history; ``before`` is None for a bundle that was not there, ``sha256`` for the shipped one."""

    revision: int
    at: int
    bundle: str
    sha256: str | None
    before: Stage | None
    after: Stage
    who: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """All bundles of a store; ``shipped`` is what the software's own one is now: active, previous or neither.

    ``revision`` grows by one with each change.
    """

    revision: int = 0
    shipped: Stage = Stage.ACTIVE
    bundles: tuple[Slot, ...] = ()
    moves: tuple[Move, ...] = ()

    @property
    def active(self) -> Slot | None:
        """The bundle that decides, None where it is the shipped one."""
        return self._at(Stage.ACTIVE)

    @property
    def previous(self) -> Slot | None:
        """The bundle that is kept ready to go back to, None where it is the shipped one, or none is."""
        return self._at(Stage.PREVIOUS)

    @property
    def on_trial(self) -> Slot | None:
        """The bundle in shadow or canary, if any."""
        return self._at(*ON_TRIAL)

    def known(self, sha256: str) -> Slot | None:
        """Return the bundle with this hash, if it is here."""
        return next((slot for slot in self.bundles if slot.sha256 == sha256), None)

    def _at(self, *stages: Stage) -> Slot | None:
        return next((slot for slot in self.bundles if slot.stage in stages), None)


def faults(slots: Slots) -> list[str]:
    """Return what is wrong with slots that no move of these rules can have made."""
    stages = [slots.shipped, *(slot.stage for slot in slots.bundles)]
    found = []
    if stages.count(Stage.ACTIVE) != 1:
        found.append(f"{stages.count(Stage.ACTIVE)} bundles are active")
    if stages.count(Stage.PREVIOUS) > 1:
        found.append(f"{stages.count(Stage.PREVIOUS)} bundles are the previous one")
    if sum(stage in ON_TRIAL for stage in stages) > 1:
        found.append("more than one bundle is on trial")
    if slots.shipped not in {Stage.ACTIVE, Stage.PREVIOUS, Stage.VERIFIED}:
        found.append(f"the shipped bundle is {slots.shipped}")
    for what, values in (
        ("hash", [slot.sha256 for slot in slots.bundles]),
        ("name", [slot.label for slot in slots.bundles]),
    ):
        if len(set(values)) != len(values):
            found.append(f"two bundles have the same {what}")
    return found


def taken_back(slots: Slots) -> Move | None:
    """Return the last move by which the station itself took a bundle out of use; None once a person has made one."""
    for move in reversed(slots.moves):
        if move.who != AUTOMATIC:
            return None
        if move.after in {Stage.WITHDRAWN, Stage.REFUSED}:
            return move
    return None


def _last_withdrawn(slots: Slots) -> Move | None:
    """Return the withdrawal that nothing has followed but what came in."""
    moves = [move for move in slots.moves if move.after is not Stage.STAGED]
    last = [move for move in moves if move.revision == moves[-1].revision]
    return next((move for move in last if move.after is Stage.WITHDRAWN), None)


def meant_to_go(slots: Slots, at: int) -> Slot:
    """Return the bundle that a person means who wants one taken back and names none, at a moment (Unix ms).

    Raises:
        IllegalMoveError: there is none; or one has just gone, which they may not know.
    """
    if (trial := slots.on_trial) is not None:
        return trial
    active, itself = slots.active, taken_back(slots)
    gone = itself or _last_withdrawn(slots)
    if gone is not None and (gone is itself or 0 <= at - gone.at < JUST_GONE_MS):
        more = f"; if the active one is to go too, name it: linegate model rollback {active.label}" if active else ""
        raise IllegalMoveError(f"{gone.bundle} was taken back already, by {gone.who} ({gone.reason}){more}")
    if active is None:
        raise IllegalMoveError(
            "the bundle shipped with the software is active and none is on trial: nothing can be taken back "
            "(linegate model list)"
        )
    return active


def find(slots: Slots, text: str) -> Slot:
    """Return the bundle that a person means: by ``NAME-VERSION``, file name, or at least 8 digits of its hash.

    Raises:
        IllegalMoveError: none, or more than one, is meant.
    """
    wanted = text.removesuffix(".lgb")
    named = [slot for slot in slots.bundles if slot.label == wanted]
    if not named and len(wanted) >= HASH_DIGITS_MIN:
        named = [slot for slot in slots.bundles if slot.sha256.startswith(wanted.lower())]
    if len(named) == 1:
        return named[0]
    if named:
        raise IllegalMoveError(f"{text} may be {' or '.join(slot.label for slot in named)}: give more digits")
    there = ", ".join(slot.label for slot in slots.bundles) or "none"
    raise IllegalMoveError(f"no bundle {text} is in this station's store (there: {there}): linegate model list")


def stage(slots: Slots, slot: Slot, by: By) -> Slots:
    """Take in a bundle whose file is in the store. One that was refused or withdrawn may come again.

    Raises:
        IllegalMoveError: it is here already, or another one has its name and version.
    """
    old = slots.known(slot.sha256)
    if old is not None and old.stage not in {Stage.REFUSED, Stage.WITHDRAWN}:
        raise IllegalMoveError(f"{old.label} is here already ({old.stage}): {_next(old)}")
    if any(other.label == slot.label and other.sha256 != slot.sha256 for other in slots.bundles):
        raise IllegalMoveError(
            f"another bundle with the name {slot.label} is here: a changed bundle needs a new version, "
            "have it published as one"
        )
    new = replace(slot, stage=Stage.STAGED, since=by.at, reason="", share=0.0, crashes=0)
    kept = tuple(other for other in slots.bundles if other.sha256 != slot.sha256)
    return _moved(slots, replace(slots, bundles=(*kept, new)), [(new, old.stage if old else None)], by)


def verify(slots: Slots, sha256: str, by: By) -> Slots:
    """Note that a bundle has passed every check of this station. One that was withdrawn may be tried again.

    Raises:
        IllegalMoveError: it is unknown, or in use.
    """
    slot = _known(slots, sha256)
    if slot.stage in IN_USE:
        raise IllegalMoveError(f"{slot.label} is {slot.stage}: it was verified before")
    return _put(slots, slot, Stage.VERIFIED, by)


def refuse(slots: Slots, sha256: str, by: By) -> Slots:
    """Note that a bundle must not be used: it failed a check. One that is in use is taken out of use first.

    Raises:
        IllegalMoveError: it is unknown.
    """
    slot = _known(slots, sha256)
    if slot.stage is Stage.ACTIVE:
        return _back(slots, slot, Stage.REFUSED, by)
    return _put(slots, slot, Stage.REFUSED, by)


def shadow(slots: Slots, sha256: str, by: By) -> Slots:
    """Begin to try a verified bundle in the shadow.

    Raises:
        IllegalMoveError: it is not verified, or another one is on trial.
    """
    slot = _known(slots, sha256)
    if slot.stage is not Stage.VERIFIED:
        raise IllegalMoveError(
            f"{slot.label} is {slot.stage}, and only a verified bundle goes into the shadow: {_next(slot)}"
        )
    other = slots.on_trial
    if other is not None:
        raise IllegalMoveError(
            f"{other.label} is on trial ({other.stage}), and only one can be: "
            f"first linegate model rollback {other.label}, or see it through"
        )
    return _put(slots, slot, Stage.SHADOW, by)


def canary(slots: Slots, sha256: str, share: float, by: By) -> Slots:
    """Let a shadow share in the accepts of ``share`` of the parts; also changes the share of a canary.

    Raises:
        IllegalMoveError: it is not on trial, or the share is not above 0 and at most 1.
    """
    slot = _known(slots, sha256)
    if not 0.0 < share <= 1.0:
        raise IllegalMoveError(f"a share of {share:g} of the parts: give more than 0 and at most 1, such as 0.1")
    if slot.stage not in ON_TRIAL:
        raise IllegalMoveError(
            f"{slot.label} is {slot.stage}, and only one in the shadow becomes the canary: {_next(slot)}"
        )
    return _put(slots, slot, Stage.CANARY, by, share=share)


def promote(slots: Slots, sha256: str, by: By) -> Slots:
    """Make a canary the active bundle; the one before is kept ready.

    Raises:
        IllegalMoveError: it is no canary.
    """
    slot = _known(slots, sha256)
    if slot.stage is not Stage.CANARY:
        raise IllegalMoveError(f"{slot.label} is {slot.stage}, and only a canary becomes active: {_next(slot)}")
    changed = []
    bundles = []
    for other in slots.bundles:
        after = {
            slot.stage: Stage.ACTIVE if other.sha256 == sha256 else other.stage,
            Stage.ACTIVE: Stage.PREVIOUS,
            Stage.PREVIOUS: Stage.VERIFIED,
        }.get(other.stage, other.stage)
        new = _at(other, after, by)
        bundles.append(new)
        if new is not other:
            changed.append((new, other.stage))
    # The shipped bundle steps back as any other does.
    shipped = {Stage.ACTIVE: Stage.PREVIOUS}.get(slots.shipped, Stage.VERIFIED)
    return _moved(slots, replace(slots, bundles=tuple(bundles), shipped=shipped), changed, by)


def take_back(slots: Slots, sha256: str, by: By) -> Slots:
    """Withdraw the bundle on trial, or the active one in favour of the previous one.

    Where none is kept ready the shipped one becomes active.

    Raises:
        IllegalMoveError: it is neither on trial nor active.
    """
    slot = _known(slots, sha256)
    if slot.stage in ON_TRIAL:
        return _put(slots, slot, Stage.WITHDRAWN, by)
    if slot.stage is Stage.ACTIVE:
        return _back(slots, slot, Stage.WITHDRAWN, by)
    raise IllegalMoveError(f"{slot.label} is {slot.stage}: there is nothing to take back")


def crashed(slots: Slots, sha256: str, by: By) -> Slots:
    """Count that the station ended badly while this bundle was on trial or active.

    Raises:
        IllegalMoveError: it is unknown.
    """
    slot = _known(slots, sha256)
    new = replace(slot, crashes=slot.crashes + 1)
    return _moved(slots, _replaced(slots, new), [(new, slot.stage)], by)


def settled(slots: Slots, sha256: str) -> Slots:
    """Forget the crashes of a bundle that has run well for a while.

    Raises:
        IllegalMoveError: it is unknown.
    """
    slot = _known(slots, sha256)
    return replace(_replaced(slots, replace(slot, crashes=0)), revision=slots.revision + 1)


def removable(slots: Slots) -> tuple[Slot, ...]:
    """Return the bundles beyond :data:`SPARE_KEPT` that nothing uses, the oldest first."""
    spare = sorted((slot for slot in slots.bundles if slot.stage not in IN_USE), key=lambda slot: slot.since)
    return tuple(spare[: max(0, len(spare) - SPARE_KEPT)])


def remove(slots: Slots, sha256: str) -> Slots:
    """Forget a bundle that nothing uses.

    Raises:
        IllegalMoveError: it is unknown, or in use.
    """
    slot = _known(slots, sha256)
    if slot.stage in IN_USE:
        raise IllegalMoveError(f"{slot.label} is {slot.stage}: it stays")
    kept = tuple(other for other in slots.bundles if other.sha256 != sha256)
    return replace(slots, revision=slots.revision + 1, bundles=kept)


def is_canary_part(sha256: str, session: int, trig: int, share: float) -> bool:
    """Return whether an accept of this part needs the candidate too: a hash of bundle, session and trig decides.

    The same for ever, so that a record can be checked: the first 8 bytes of SHA-256 over ``SHA256:SESSION:TRIG``
    (ASCII), taken as a big-endian number, lie below ``share`` of 2 to the power of 64.
    """
    digest = hashlib.sha256(f"{sha256}:{session}:{trig}".encode("ascii")).digest()
    return int.from_bytes(digest[:8], "big") < share * _WHOLE


def _next(slot: Slot) -> str:
    """Return the command that takes a bundle on from where it is."""
    verb = {
        Stage.STAGED: "verify",
        Stage.REFUSED: "verify",
        Stage.WITHDRAWN: "verify",
        Stage.VERIFIED: "shadow",
        Stage.SHADOW: "canary",
        Stage.CANARY: "promote",
    }.get(slot.stage)
    return "nothing more to do" if verb is None else f"next is linegate model {verb} {slot.label}"


def _known(slots: Slots, sha256: str) -> Slot:
    slot = slots.known(sha256)
    if slot is None:
        raise IllegalMoveError(f"no bundle {sha256[:12]}… is in this station's store: linegate model list")
    return slot


def _back(slots: Slots, slot: Slot, into: Stage, by: By) -> Slots:
    """Take the active bundle out of use: the previous one is active again, what was on trial against it no more."""
    changed = []
    bundles = []
    for other in slots.bundles:
        after, reason = other.stage, by.reason
        if other.sha256 == slot.sha256:
            after = into
        elif other.stage is Stage.PREVIOUS:
            after = Stage.ACTIVE
        elif other.stage in ON_TRIAL:
            after, reason = Stage.VERIFIED, f"its incumbent {slot.label} was taken back"
        new = _at(other, after, replace(by, reason=reason))
        bundles.append(new)
        if new is not other:
            changed.append((new, other.stage))
    shipped = Stage.VERIFIED if slots.previous else Stage.ACTIVE
    return _moved(slots, replace(slots, bundles=tuple(bundles), shipped=shipped), changed, by)


def _put(slots: Slots, slot: Slot, after: Stage, by: By, *, share: float = 0.0) -> Slots:
    new = replace(_at(slot, after, by, always=True), share=share)
    return _moved(slots, _replaced(slots, new), [(new, slot.stage)], by)


def _at(slot: Slot, after: Stage, by: By, *, always: bool = False) -> Slot:
    if after is slot.stage and not always:
        return slot
    bad = after in {Stage.REFUSED, Stage.WITHDRAWN}
    # A trial's crashes count until it ends, those of an active bundle anew.
    crashes = slot.crashes if after is Stage.CANARY or bad else 0
    return replace(slot, stage=after, since=by.at, reason=by.reason if bad else "", share=0.0, crashes=crashes)


def _replaced(slots: Slots, new: Slot) -> Slots:
    return replace(slots, bundles=tuple(new if slot.sha256 == new.sha256 else slot for slot in slots.bundles))


def _moved(old: Slots, new: Slots, changed: Sequence[tuple[Slot, Stage | None]], by: By) -> Slots:
    """Return the slots after a change, its lines in the history."""
    lines: list[tuple[str, str | None, Stage | None, Stage]] = [
        (slot.label, slot.sha256, before, slot.stage) for slot, before in changed
    ]
    if new.shipped is not old.shipped:
        lines.append((SHIPPED, None, old.shipped, new.shipped))
    revision = old.revision + 1
    moves = tuple(
        Move(
            revision=revision,
            at=by.at,
            bundle=label,
            sha256=sha256,
            before=before,
            after=after,
            who=by.who,
            reason=by.reason,
        )
        for label, sha256, before, after in lines
    )
    return replace(new, revision=revision, moves=(*old.moves, *moves)[-MOVES_KEPT:])
