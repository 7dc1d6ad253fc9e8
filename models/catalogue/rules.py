"""What a catalogue makes of the blemishes found in a picture; pure."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.catalogue.schema import ALL, Catalogue, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A blemish as measured: maximum Feret diameter (px), area (px), |defect - ground| / 255 of grey (0-1)."""

    length: float
    area: int
    contrast: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Blemish:
    """What a rule goes by: the zones it touches, every class that it may be, its size (None: not measured)."""

    zones: Collection[str]
    classes: Collection[str]
    size: Size | None


class Reason(StrEnum):
    """Why a blemish is accepted, or is not."""

    ACCEPTED = "accepted blemish"
    NO_RULE = "no rule accepts it here"
    ALWAYS_REJECTED = "always rejected here"
    BEYOND_LIMITS = "beyond the limits"
    NOT_MEASURED = "not measured"
    TOO_MANY = "more of them than count_max"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What becomes of one blemish, and which rules of the catalogue (their places, from 0) say so."""

    reason: Reason
    rules: tuple[int, ...] = ()

    @property
    def excused(self) -> bool:
        """Whether the blemish is accepted."""
        return self.reason is Reason.ACCEPTED


def governing(catalogue: Catalogue, zone: str, category: str) -> int | None:
    """Return the place of the most specific rule for a zone and class, None without one.

    A rule that names the zone goes before one that names the class. Rules that always reject govern nothing: they hold
    beside whatever governs (:func:`always_rejected`).
    """
    matching = [
        place for place, rule in enumerate(catalogue.rule) if not rule.always_reject and _matches(rule, zone, category)
    ]
    return max(matching, key=lambda place: _specificity(catalogue.rule[place]), default=None)


def always_rejected(
    catalogue: Catalogue, zones: Collection[str], classes: Collection[str], score: float | None = None
) -> bool:
    """Return whether any rule always rejects one of these classes in one of these zones.

    With ``score`` only rules count that reject a box of this probability.
    """
    return any(
        rule.always_reject
        and (score is None or score >= rule.always_reject_from)
        and any(_matches(rule, zone, category) for zone in zones for category in classes)
        for rule in catalogue.rule
    )


def rulings(catalogue: Catalogue, blemishes: Sequence[Blemish]) -> tuple[Ruling, ...]:
    """Return what becomes of each blemish of one picture.

    A blemish is accepted only where every class that it may be is accepted in every zone that it touches. Where more
    blemishes lie within a rule's limits than it allows, none of them is accepted. One that is always rejected counts
    there as well, so that no such rule can make room for another.
    """
    alone = [_alone(catalogue, blemish) for blemish in blemishes]
    counts = Counter(place for ruling in alone if ruling.excused for place in ruling.rules)
    crowded = {place for place, count in counts.items() if count > catalogue.rule[place].count_max}
    return tuple(_final(catalogue, blemish, ruling, crowded) for blemish, ruling in zip(blemishes, alone, strict=True))


def longest_excused(catalogue: Catalogue, places: Collection[int]) -> float:
    """Return the length (px) that no blemish accepted by all of these rules can have."""
    bounds: list[float] = []
    for place in places:
        rule = catalogue.rule[place]
        # A length takes at least as many pixels.
        bounds += [limit for limit in (rule.accept_length_below_px, rule.accept_area_below_px) if limit is not None]
    return min(bounds, default=0.0)


def governing_all(catalogue: Catalogue, zones: Collection[str], classes: Collection[str]) -> tuple[int, ...] | None:
    """Return the rules that must all accept a blemish; None where one is missing or accepts nothing."""
    places = {governing(catalogue, zone, category) for zone in zones for category in classes}
    found = sorted(place for place in places if place is not None)
    if not found or None in places or not all(catalogue.rule[place].excuses for place in found):
        return None
    return tuple(found)


def _alone(catalogue: Catalogue, blemish: Blemish) -> Ruling:
    """Return the ruling before blemishes are counted and before anything is always rejected."""
    places = governing_all(catalogue, blemish.zones, blemish.classes)
    if places is None:
        return Ruling(reason=Reason.NO_RULE)
    if blemish.size is None:
        return Ruling(reason=Reason.NOT_MEASURED, rules=places)
    size = blemish.size
    within = all(_within(catalogue.rule[place], size) for place in places)
    return Ruling(reason=Reason.ACCEPTED if within else Reason.BEYOND_LIMITS, rules=places)


def _final(catalogue: Catalogue, blemish: Blemish, alone: Ruling, crowded: Collection[int]) -> Ruling:
    if always_rejected(catalogue, blemish.zones, blemish.classes):
        return Ruling(reason=Reason.ALWAYS_REJECTED, rules=alone.rules)
    if alone.excused and any(place in crowded for place in alone.rules):
        return Ruling(reason=Reason.TOO_MANY, rules=alone.rules)
    return alone


def _within(rule: Rule, size: Size) -> bool:
    """Return whether a size is below every limit given; a size that is no number is not."""
    pairs = (
        (size.length, rule.accept_length_below_px),
        (size.area, rule.accept_area_below_px),
        (size.contrast, rule.accept_contrast_below),
    )
    return all(limit is None or 0.0 <= measured < limit for measured, limit in pairs)


def _matches(rule: Rule, zone: str, category: str) -> bool:
    return rule.zone in {ALL, zone} and rule.category in {ALL, category}


def _specificity(rule: Rule) -> tuple[bool, bool]:
    return rule.zone != ALL, rule.category != ALL
