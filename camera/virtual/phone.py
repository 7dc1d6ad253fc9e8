"""Designs of virtual phones: what a model is, before light and camera.

Lengths are in pixels of a 1920-column frame, in the phone's own axes: origin at its centre, x along its length with
the earpiece at negative x, y across it.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from camera.virtual.drawing import Colour, Points, happens, rounded_rectangle

FeatureKind = Literal["slot", "mesh", "lens", "sensor", "hole", "ring", "icon", "lettering"]

_BEZELS: Final[dict[str, tuple[float, Colour]]] = {
    "black": (0.58, (0.0, 0.0, 0.0)),
    "white": (0.24, (305.0, 312.0, 306.0)),
    "gold": (0.05, (165.0, 205.0, 232.0)),
    "rose": (0.04, (190.0, 185.0, 232.0)),
    "grey": (0.05, (120.0, 118.0, 114.0)),
    "blue": (0.04, (112.0, 62.0, 34.0)),
}
_ROUND_CORNER: Final = 80.0
_STYLES: Final[dict[str, float]] = {"home": 0.4, "plain": 0.25, "full": 0.35}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something on the front: `angle` turns lettering and icons, `level` is its grey level where that varies."""

    kind: FeatureKind
    x: float
    y: float
    width: float
    height: float
    level: float
    variant: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneModel:
    """One model of phone.

    Attributes:
        name: Unique on the line.
        length: Long side.
        breadth: Short side.
        corner: Radius of the corners.
        bow: How far the short sides bulge at their middle.
        bezel: Colour of the printed bezel; None where it is as black as the glass.
        glass: Colour of the dark glass.
        screen: Left, top, right, bottom of the display.
        screen_step: Grey levels by which the display differs from a black bezel.
        screen_corner: Radius of the display's corners.
        edge: Width of the ground edge, pixels.
        gloss: Strength of the edge's reflections (0 to 1).
        features: Drawn in order.
    """

    name: str
    length: float
    breadth: float
    corner: float
    bow: float
    bezel: Colour | None
    glass: Colour
    screen: tuple[float, float, float, float]
    screen_step: float
    screen_corner: float
    edge: float
    gloss: float
    features: tuple[Feature, ...]

    def outline(self, inset: float = 0.0) -> Points:
        """Closed outline of the front, `inset` pixels inside the edge."""
        size = (self.length - 2 * inset, self.breadth - 2 * inset)
        points = rounded_rectangle((0.0, 0.0), size, max(self.corner - inset, 2.0))
        return self._bowed(points)

    def display(self, inset: float = 0.0) -> Points:
        """Closed outline of the display."""
        left, top, right, bottom = self.screen
        centre = ((left + right) / 2, (top + bottom) / 2)
        return rounded_rectangle(centre, (right - left - 2 * inset, bottom - top - 2 * inset), self.screen_corner)

    def _bowed(self, points: Points) -> Points:
        if self.bow <= 0.0:
            return points
        closed = np.concatenate((points, points[:1]))
        dense = np.concatenate([np.linspace(a, b, 9)[:-1] for a, b in pairwise(closed)])
        share = 1.0 - (2.0 * dense[:, 1] / self.breadth) ** 2
        dense[:, 0] += np.sign(dense[:, 0]) * self.bow * share * (np.abs(dense[:, 0]) > self.length / 4)
        return dense


def draw_model(rng: np.random.Generator, number: int) -> PhoneModel:
    """Draw a model of phone."""
    colour = str(rng.choice(list(_BEZELS), p=[share for share, _ in _BEZELS.values()]))
    style = str(rng.choice(list(_STYLES), p=list(_STYLES.values())))
    length = float(rng.uniform(1580, 1850))
    breadth = float(np.clip(length / rng.uniform(1.93, 2.2), 700, 985))
    bezel = None
    if style == "full" and happens(rng, 0.85):
        colour = "black"
    if colour != "black":
        shade = rng.uniform(0.93, 1.07) if colour == "white" else rng.uniform(0.65, 1.15)
        blue, green, red = _BEZELS[colour][1]
        tint = rng.normal(0.0, 0.02, 3)
        bezel = (blue * shade * (1 + tint[0]), green * shade * (1 + tint[1]), red * shade * (1 + tint[2]))
    level = float(rng.gamma(4.0, 3.2)) + 8.0
    glass_tint = rng.normal((-0.08, 0.03, 0.0), 0.05)
    corner = float(rng.choice([rng.uniform(45, 80), rng.uniform(80, 150), rng.uniform(14, 45)], p=[0.4, 0.45, 0.15]))
    depth = (
        (rng.uniform(8, 55), rng.uniform(8, 70)) if style == "full" else (rng.uniform(95, 190), rng.uniform(90, 190))
    )
    side = rng.uniform(3, 18) if style == "full" else rng.uniform(12, 42)
    screen = (-length / 2 + depth[0], -breadth / 2 + side, length / 2 - depth[1], breadth / 2 - side)
    bowed = happens(rng, 0.2 if corner < _ROUND_CORNER else 0.05)
    return PhoneModel(
        name=f"{colour}-{style}-{number:03d}",
        length=length,
        breadth=breadth,
        corner=corner,
        bow=float(rng.uniform(6, 22)) if bowed else 0.0,
        bezel=bezel,
        glass=(level * (1 + glass_tint[0]), level * (1 + glass_tint[1]), level * (1 + glass_tint[2])),
        screen=screen,
        screen_step=float(rng.choice([0.0, rng.normal(0.0, 2.0), rng.uniform(2.0, 9.0)], p=[0.6, 0.2, 0.2])),
        screen_corner=max(corner - side, 4.0) if style == "full" else float(rng.choice([1.0, 4.0, 20.0])),
        edge=float(rng.uniform(2.0, 16.0)),
        gloss=float(rng.beta(2.0, 1.4)),
        features=_features(rng, style, colour, (length, breadth), depth),
    )


def _features(
    rng: np.random.Generator,
    style: str,
    colour: str,
    size: tuple[float, float],
    depth: tuple[float, float],
) -> tuple[Feature, ...]:
    length, breadth = size
    printed = colour not in {"black", "blue"}
    top, bottom = -length / 2, length / 2
    found = _earpiece(rng, style, printed, top + depth[0] * rng.uniform(0.35, 0.6), breadth)
    if style == "full" and happens(rng, 0.55):
        found += _front_camera_of_full_screen(rng, top, breadth)
    middle = bottom - depth[1] * rng.uniform(0.45, 0.6)
    if style == "home":
        long = float(rng.uniform(105, 190))
        wide = float(min(rng.uniform(56, 96), depth[1] * 0.72))
        if happens(rng, 0.25):
            long = wide = float(min(rng.uniform(90, 125), depth[1] * 0.8))
        kind: FeatureKind = "hole" if happens(rng, 0.7) else "ring"
        found.append(Feature(kind=kind, x=middle, y=0.0, width=wide, height=long, level=float(rng.uniform(20, 70))))
    if style != "full" and happens(rng, 0.4):
        found += _touch_keys(rng, middle, breadth, printed, with_home=style != "home")
    if style != "full" and happens(rng, 0.12):
        end = middle if style == "plain" else top + depth[0] * 0.75
        level = float(rng.uniform(90, 190) if printed else rng.uniform(45, 130))
        extent = float(rng.uniform(110, 200))
        found.append(Feature(kind="lettering", x=end, y=0.0, width=26, height=extent, level=level, variant=_draw(rng)))
    return tuple(found)


def _earpiece(rng: np.random.Generator, style: str, printed: bool, x: float, breadth: float) -> list[Feature]:
    found: list[Feature] = []
    if style == "full":
        x += 12.0  # at least inside the ground edge
    kind = str(rng.choice(["long", "short", "mesh", "none"], p=[0.5, 0.2, 0.15, 0.15]))
    dark = float(rng.uniform(4, 26))
    extent = 0.0
    if kind != "none":
        extent = float(rng.uniform(120, 240) if kind == "long" else rng.uniform(46, 110))
        height = float(rng.uniform(9, 22))
        shape: FeatureKind = "mesh" if kind == "mesh" else "slot"
        offset = float(rng.choice([0.0, rng.normal(0, 30)]))
        found.append(Feature(kind=shape, x=x, y=offset, width=height, height=extent, level=dark, variant=_draw(rng)))
    if style == "full":
        return found
    side = float(rng.choice([-1.0, 1.0]))
    away = extent / 2 + float(rng.uniform(40, 130))
    for number in range(int(rng.choice([0, 1, 2], p=[0.08, 0.62, 0.3]))):
        size = float(rng.uniform(24, 44))
        y = side * (away + number * rng.uniform(70, 105))
        lens = Feature(
            kind="lens", x=x, y=y, width=size, height=size, level=float(rng.uniform(25, 110)), variant=_draw(rng)
        )
        found.append(lens)
    away = extent / 2 + float(rng.uniform(35, 110))
    for number in range(int(rng.choice([0, 1, 2, 3], p=[0.2, 0.45, 0.2, 0.15]))):
        size = float(rng.uniform(12, 24))
        long = size * float(rng.choice([1.0, 1.0, rng.uniform(1.4, 2.2)]))
        y = -side * (away + number * rng.uniform(38, 62))
        level = dark if printed else float(rng.uniform(28, 60))
        found.append(Feature(kind="sensor", x=x, y=y, width=size, height=long, level=level, variant=_draw(rng)))
    return [feature for feature in found if abs(feature.y) < breadth / 2 - 60]


def _front_camera_of_full_screen(rng: np.random.Generator, top: float, breadth: float) -> list[Feature]:
    x = top + float(rng.uniform(28, 62))
    y = float(rng.choice([0.0, rng.uniform(-0.31, 0.31) * breadth]))
    size = float(rng.uniform(24, 46))
    found = [
        Feature(kind="lens", x=x, y=y, width=size, height=size, level=float(rng.uniform(25, 120)), variant=_draw(rng))
    ]
    beside = (-1.0 if y > 0.0 else 1.0) * (size + float(rng.uniform(18, 60)))
    extra = str(rng.choice(["none", "lens", "slot", "sensor"], p=[0.35, 0.2, 0.3, 0.15]))
    if extra == "lens":
        other = Feature(
            kind="lens", x=x, y=y + beside, width=size, height=size, level=found[0].level, variant=_draw(rng)
        )
        found.append(other)
    elif extra == "slot":
        long = float(rng.uniform(36, 80))
        found.append(Feature(kind="slot", x=x, y=y + beside, width=16, height=long, level=float(rng.uniform(4, 30))))
    elif extra == "sensor":
        found.append(Feature(kind="sensor", x=x, y=y + beside, width=16, height=16, level=float(rng.uniform(28, 70))))
    return found


def _touch_keys(rng: np.random.Generator, x: float, breadth: float, printed: bool, *, with_home: bool) -> list[Feature]:
    spread = breadth * float(rng.uniform(0.24, 0.34))
    level = float(rng.uniform(130, 215) if printed else rng.uniform(34, 90))
    size = float(rng.uniform(24, 40))
    places = (-spread, 0.0, spread) if with_home else (-spread, spread)
    variants = rng.permutation(4)[: len(places)]
    return [
        Feature(kind="icon", x=x, y=y, width=size, height=size, level=level, variant=int(variant))
        for y, variant in zip(places, variants, strict=True)
    ]


def _draw(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
