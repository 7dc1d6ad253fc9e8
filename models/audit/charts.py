"""Charts as inline SVG: numbers in, text out. Orange is a defective part, teal a good one, grey what is undecided."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

from edge.core.statistics import Interval
from edge.core.types import Limits
from models.audit.reliability import Bin

BAD: Final = "#c2410c"
GOOD: Final = "#0f766e"
INK: Final = "#1f2933"
FAINT: Final = "#7b8794"
LINE: Final = "#cbd2d9"
UNSURE: Final = "#f1ede4"

_BINS: Final = 25
_BAR_GAP: Final = 1.5
_LABEL_CHARACTERS_MAX: Final = 22
_LIMIT_TEXT: Final = 110.0
_ROUND_TOPS: Final = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One row of scores (0-1): those of defective pictures and those of good ones."""

    name: str
    bad: tuple[float, ...]
    good: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisker:
    """One share with its interval; ``strong`` draws it as the chart's subject."""

    name: str
    text: str
    value: float | None
    interval: Interval | None
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """Maps shares, 0 to ``top``, to pixels from ``left`` over ``width``."""

    left: float
    width: float
    top: float = 1.0

    def at(self, value: float) -> float:
        return self.left + self.width * min(max(value, 0.0), self.top) / self.top


def score_histogram(bad: Sequence[float], good: Sequence[float], limits: Limits) -> str:
    """Return the scores' histogram: defective pictures upwards, good ones downwards, the limits drawn through both."""
    axis = _Axis(left=46, width=830)
    up, down = _histogram(bad), _histogram(good)
    highest = max(*up, *down, 1)
    middle, room = 144.0, 96.0
    shapes = [_zones(axis, limits, top=32.0, bottom=256.0)]
    width = axis.width / _BINS - _BAR_GAP
    for place, (above, below) in enumerate(zip(up, down, strict=True)):
        x = axis.left + place * axis.width / _BINS + _BAR_GAP / 2.0
        if above:
            height = room * above / highest
            shapes.append(_rect(x, middle - height, width, height, BAD))
            shapes.append(_text(x + width / 2, middle - height - 3, str(above), size=9, colour=BAD, anchor="middle"))
        if below:
            height = room * below / highest
            shapes.append(_rect(x, middle, width, height, GOOD))
            shapes.append(_text(x + width / 2, middle + height + 10, str(below), size=9, colour=GOOD, anchor="middle"))
    shapes.append(_line(axis.left, middle, axis.left + axis.width, middle, INK))
    shapes += _ticks(axis, 272.0)
    shapes.append(_text(axis.left - 8, middle - 40, "defective", size=11, colour=BAD, anchor="middle", turned=True))
    shapes.append(_text(axis.left - 8, middle + 40, "good", size=11, colour=GOOD, anchor="middle", turned=True))
    return _svg(900, 280, shapes, "Histogram of scores, defective pictures above, good ones below, with the limits")


def score_strips(strips: Sequence[Strip], limits: Limits) -> str:
    """Return one row of dots for each group, the limits drawn through all: whether limits travel."""
    axis, pitch, top = _Axis(left=190, width=686), 26.0, 36.0
    bottom = top + pitch * len(strips)
    shapes = [_zones(axis, limits, top=top - 4, bottom=bottom)]
    for row, strip in enumerate(strips):
        y = top + pitch * (row + 0.5)
        name = strip.name if len(strip.name) <= _LABEL_CHARACTERS_MAX else f"{strip.name[: _LABEL_CHARACTERS_MAX - 1]}…"
        shapes.append(_line(axis.left, y, axis.left + axis.width, y, LINE, width=0.6))
        shapes.append(_text(axis.left - 52, y + 4, name, anchor="end"))
        shapes.append(_text(axis.left - 30, y + 4, str(len(strip.bad)), size=10, colour=BAD, anchor="middle"))
        shapes.append(_text(axis.left - 10, y + 4, str(len(strip.good)), size=10, colour=GOOD, anchor="middle"))
        shapes += [_dot(axis.at(score), y - 4.5, BAD) for score in strip.bad]
        shapes += [_dot(axis.at(score), y + 4.5, GOOD) for score in strip.good]
    shapes += _ticks(axis, bottom + 14)
    return _svg(900, bottom + 22, shapes, "Scores of each group's pictures, with the limits")


def reliability_chart(bins: Sequence[Bin]) -> str:
    """Return stated probability against the share found defective, each bin with its interval if it has one."""
    across, up = _Axis(left=60, width=360), _Axis(left=0, width=300)
    floor = 320.0
    shapes: list[str] = []
    for step in range(6):
        share = step / 5.0
        x, y = across.at(share), floor - up.at(share)
        shapes.append(_line(across.left, y, across.left + across.width, y, LINE, width=0.6))
        shapes.append(_text(across.left - 8, y + 4, f"{100 * share:.0f} %", size=10, colour=FAINT, anchor="end"))
        shapes.append(_text(x, floor + 16, f"{100 * share:.0f} %", size=10, colour=FAINT, anchor="middle"))
    shapes.append(_line(across.at(0.0), floor, across.at(1.0), floor - up.at(1.0), FAINT, dash="4 4"))
    for one in bins:
        x, interval = across.at(one.mean), one.defective.interval
        assert one.defective.value is not None
        if interval is not None:
            shapes.append(_line(x, floor - up.at(interval[0]), x, floor - up.at(interval[1]), INK, width=1.6))
        shapes.append(_dot(x, floor - up.at(one.defective.value), INK, radius=4.5))
    shapes.append(
        _text(across.left + across.width / 2, floor + 36, "stated probability", size=11, colour=FAINT, anchor="middle")
    )
    shapes.append(_text(18, floor - 150, "found defective", size=11, colour=FAINT, anchor="middle", turned=True))
    return _svg(440, 364, shapes, "Reliability: stated probability against the share found defective")


def whiskers(rows: Sequence[Whisker]) -> str:
    """Return shares with their intervals below each other, on one axis from 0 to beyond the highest end."""
    ends = [row.interval[1] for row in rows if row.interval] or [1.0]
    axis, pitch, top = _Axis(left=170, width=520, top=_round_top(max(ends))), 24.0, 8.0
    bottom = top + pitch * len(rows)
    shapes: list[str] = []
    for row, one in enumerate(rows):
        y = top + pitch * (row + 0.5)
        colour = INK if one.strong else FAINT
        shapes.append(_text(axis.left - 12, y + 4, one.name, anchor="end", strong=one.strong))
        shapes.append(_text(axis.left + axis.width + 14, y + 4, one.text, size=11, strong=one.strong))
        shapes.append(_line(axis.left, y, axis.left + axis.width, y, LINE, width=0.6))
        if one.interval and one.value is not None:
            low, high = one.interval
            shapes.append(_line(axis.at(low), y, axis.at(high), y, colour, width=3.0 if one.strong else 1.6))
            shapes.append(_dot(axis.at(one.value), y, colour, radius=5.0 if one.strong else 4.0))
    shapes += _ticks(axis, bottom + 12)
    return _svg(900, bottom + 20, shapes, "Shares with 95 % intervals")


def _round_top(highest: float) -> float:
    """Return the first end of an axis that holds a share and is divided into five round steps."""
    return next((top for top in _ROUND_TOPS if highest <= top), 1.0)


def _histogram(scores: Sequence[float]) -> list[int]:
    counts = [0] * _BINS
    for score in scores:
        counts[min(int(score * _BINS), _BINS - 1)] += 1
    return counts


def _zones(axis: _Axis, limits: Limits, *, top: float, bottom: float) -> str:
    """Return the band between the limits, their lines and what lies on each side."""
    accept, reject = axis.at(limits.accept_below), axis.at(limits.reject_above)
    shapes = [
        _rect(accept, top, reject - accept, bottom - top, UNSURE),
        _line(accept, top, accept, bottom, INK, dash="5 3"),
        _line(reject, top, reject, bottom, INK, dash="5 3"),
        _limit_text(axis, accept, top - 5, f"accept below {limits.accept_below:.3f}", anchor="end"),
        _limit_text(axis, reject, top - 17, f"reject above {limits.reject_above:.3f}", anchor="start"),
    ]
    return "".join(shapes)


def _limit_text(axis: _Axis, x: float, y: float, text: str, *, anchor: Literal["start", "end"]) -> str:
    """Return a limit's label beside its line, on the other side of it where it would leave the chart."""
    before = anchor == "end"
    room = x - axis.left if before else axis.left + axis.width - x
    if room < _LIMIT_TEXT:
        before = not before
    return _text(x - 5 if before else x + 5, y, text, size=10, anchor="end" if before else "start")


def _ticks(axis: _Axis, y: float) -> list[str]:
    """Return six labels from 0 to the axis' end, in percent where it does not end at 1."""
    steps = [axis.top * step / 5.0 for step in range(6)]
    texts = [f"{step:.1f}" if axis.top == 1.0 else f"{100 * step:.0f} %" for step in steps]
    return [
        _text(axis.at(step), y, text, size=10, colour=FAINT, anchor="middle")
        for step, text in zip(steps, texts, strict=True)
    ]


def _svg(width: float, height: float, shapes: Sequence[str], title: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(shapes)}</svg>"
    )


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1.0, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"{dashed}/>'
    )


def _dot(x: float, y: float, colour: str, *, radius: float = 3.2) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}" fill-opacity=".8"/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    colour: str = INK,
    anchor: str = "start",
    strong: bool = False,
    turned: bool = False,
) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    weight = ' font-weight="700"' if strong else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}{turn}>'
        f"{escape(text)}</text>"
    )
