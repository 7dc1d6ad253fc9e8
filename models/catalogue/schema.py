"""The schema of ``catalogue.toml``: which blemishes are accepted where, what is always rejected, and limit samples."""

from collections.abc import Iterator
from datetime import date as calendar_date
from pathlib import PurePosixPath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from edge.config.faults import Finding, tables

ALL: Final = "all"
ELSEWHERE: Final = "elsewhere"
"""The zone of what lies in none of the catalogue's zones."""
COUNT_MAX: Final = 1
"""How many accepted blemishes a rule allows in one picture (not over a part's views), unless it says otherwise."""
REJECT_FROM: Final = 0.5
"""The probability from which a box is always rejected, unless the rule says otherwise."""

_RECTANGLE_ROUNDING: Final = 1e-9


def _written(value: object) -> object:
    """Return a date that TOML understood as one in the way it was written."""
    return value.isoformat() if isinstance(value, calendar_date) else value


def _own_name(value: str) -> str:
    if value in {ALL, ELSEWHERE}:
        raise ValueError(f"{value!r} has a meaning of its own: give the zone another name")
    return value


def _relative(value: str) -> str:
    path = PurePosixPath(value)
    if not value.isprintable() or path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(
            f"{value!r:.80} cannot be used: write the picture's path from the catalogue's folder, such as "
            "'samples/dust.png'"
        )
    return value


Fraction = Annotated[float, Field(strict=True, ge=0.0, le=1.0, allow_inf_nan=False)]
Pixels = Annotated[float, Field(strict=True, gt=0.0, le=1_000_000_000.0, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True, ge=0, le=16_384)]
Text = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_written)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Corner = tuple[Fraction, Fraction]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Zone(_Table):
    """``[[zone]]``: a part of the picture; a rectangle (x, y, width, height) or a polygon, in fractions 0-1."""

    name: Annotated[Name, AfterValidator(_own_name)]
    rectangle: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    polygon: Annotated[tuple[Corner, ...], Field(min_length=3, max_length=200)] | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if (self.rectangle is None) == (self.polygon is None):
            raise ValueError("needs one shape: write either rectangle = [x, y, width, height] or polygon = [[x, y], …]")
        if self.rectangle is not None:
            x, y, width, height = self.rectangle
            if min(width, height) <= 0.0 or max(x + width, y + height) > 1.0 + _RECTANGLE_ROUNDING:
                raise ValueError(
                    "its rectangle [x, y, width, height] is empty or leaves the picture: keep it in 0 to 1"
                )
        return self

    @property
    def corners(self) -> tuple[Corner, ...]:
        """The zone's outline in fractions."""
        if self.rectangle is None:
            return self.polygon or ()
        x, y, width, height = self.rectangle
        return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


class Rule(_Table):
    """``[[rule]]``: what is accepted, or always rejected, of one class (or all) in one zone (or all).

    What is below all the limits given is an accepted blemish, at most ``count_max`` of them in a picture: views of one
    part are counted each by itself. A rule without limits accepts nothing. ``always_reject`` rejects every box of at
    least ``always_reject_from``.
    """

    zone: Annotated[str, Field(min_length=1, max_length=32)] = ALL
    category: Annotated[str, Field(alias="class", min_length=1, max_length=32)] = ALL
    accept_length_below_px: Pixels | None = None
    accept_area_below_px: Pixels | None = None
    accept_contrast_below: Annotated[float, Field(strict=True, gt=0.0, le=1.0, allow_inf_nan=False)] | None = None
    count_max: Annotated[int, Field(strict=True, ge=1, le=99)] = COUNT_MAX
    always_reject: Annotated[bool, Field(strict=True)] = False
    always_reject_from: Fraction = REJECT_FROM

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        limits = self.accept_length_below_px, self.accept_area_below_px, self.accept_contrast_below
        given = self.model_fields_set
        if self.always_reject and (any(limit is not None for limit in limits) or "count_max" in given):
            raise ValueError(
                "always_reject leaves nothing to accept: remove the limits and count_max, or always_reject"
            )
        if "always_reject_from" in given and not self.always_reject:
            raise ValueError(
                "always_reject_from is set without always_reject = true: add it, or remove the probability"
            )
        if self.accept_contrast_below is not None and not self.excuses:
            raise ValueError(
                "accept_contrast_below alone would accept a blemish of any size: add accept_length_below_px or "
                "accept_area_below_px"
            )
        return self

    @property
    def excuses(self) -> bool:
        """Whether the rule accepts any blemish."""
        return self.accept_length_below_px is not None or self.accept_area_below_px is not None

    @property
    def title(self) -> str:
        """The rule as people name it."""
        return f"rule zone {self.zone}, class {self.category}"


class Sample(_Table):
    """``[[sample]]``: a picture that shows what is just accepted, or just not; ``box`` says where, in its pixels."""

    picture: Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_relative)]
    verdict: Literal["accept", "reject"]
    box: tuple[Whole, Whole, Whole, Whole] | None = None


class Catalogue(_Table):
    """A whole catalogue; zones are in fractions of the picture, or of the view's region of interest."""

    product: Name
    revision: Annotated[int, Field(strict=True, ge=1, le=999_999)]
    author: Text | None = None
    date: Text | None = None
    zones_in: Literal["picture", "roi"] = "picture"
    zone: Annotated[tuple[Zone, ...], Field(max_length=64)] = ()
    rule: Annotated[tuple[Rule, ...], Field(max_length=500)] = ()
    sample: Annotated[tuple[Sample, ...], Field(max_length=500)] = ()

    @property
    def excuses(self) -> bool:
        """Whether any rule accepts a blemish, so that the catalogue is laxer than the bundle."""
        return any(rule.excuses for rule in self.rule)


def broken_rules(raw: dict[str, Any]) -> Iterator[Finding]:
    """Yield every rule between tables that a parsed and unchecked catalogue breaks."""
    zones: list[object] = []
    for index, zone in tables(raw, "zone"):
        if isinstance(zone.get("name"), str) and zone["name"] in zones:
            yield ("zone", index, "name"), f"{zone['name']!r} names two zones: names must differ"
        zones.append(zone.get("name"))
    seen: set[tuple[str, str]] = set()
    for index, rule in tables(raw, "rule"):
        zone, category = rule.get("zone", ALL), rule.get("class", ALL)
        if not isinstance(zone, str) or not isinstance(category, str):
            continue
        if zone not in {ALL, ELSEWHERE, *(name for name in zones if isinstance(name, str))}:
            yield ("rule", index, "zone"), f"{zone!r:.50} is no zone of this catalogue: add it, or correct the name"
        if (zone, category) in seen:
            yield ("rule", index), f"is the second for zone {zone!r:.50} and class {category!r:.50}: join the two"
        seen.add((zone, category))
