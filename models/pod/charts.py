"""POD curves as inline SVG, without scripts or fonts of their own."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_WIDTH: Final = 430
_HEIGHT: Final = 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 28, 40
_LEGEND_STEP: Final = 125
_COLOURS: Final = ("#c2571a", "#7a5195", "#1f77a4")
_DASHES: Final = ("2 3", "7 3", "")
_TICKS: Final = (1.0, 2.0, 5.0)
_TARGET: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A curve: its label and points [x, POD, low, high]; x above 0."""

    label: str
    points: Sequence[Sequence[float]]


def chart(title: str, x_label: str, series: Sequence[Series]) -> str:
    """Return an SVG of POD over a logarithmic x axis, each curve with its 95 % band; at most three curves."""
    xs = [point[0] for one in series for point in one.points]
    low, high = math.log(min(xs)), math.log(max(xs))

    def place(x: float, y: float) -> str:
        share = (math.log(x) - low) / max(high - low, 1e-9)
        return f"{_LEFT + share * (_WIDTH - _LEFT - _RIGHT):.1f},{_TOP + (1.0 - y) * (_HEIGHT - _TOP - _BOTTOM):.1f}"

    parts = [_axes(x_label)]
    for x in _ticks(min(xs), max(xs)):
        across = place(x, 0.0).split(",")[0]
        parts.append(
            f'<text x="{across}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{x:g}</text>'
            f'<line x1="{across}" x2="{across}" y1="{_HEIGHT - _BOTTOM}" y2="{_HEIGHT - _BOTTOM + 4}"/>'
        )
    for rank, one in enumerate(series):
        colour = _COLOURS[rank % len(_COLOURS)]
        band = [place(x, above) for x, _, _, above in one.points] + [place(x, below) for x, _, below, _ in one.points][
            ::-1
        ]
        line = " ".join(place(x, pod) for x, pod, _, _ in one.points)
        parts.append(
            f'<polygon points="{" ".join(band)}" fill="{colour}" fill-opacity=".13" stroke="none"/>'
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{_DASHES[rank % len(_DASHES)]}"/>'
            f'<line x1="{_LEFT + _LEGEND_STEP * rank}" x2="{_LEFT + _LEGEND_STEP * rank + 22}" y1="12" y2="12" '
            f'stroke="{colour}" stroke-width="2" stroke-dasharray="{_DASHES[rank % len(_DASHES)]}"/>'
            f'<text x="{_LEFT + _LEGEND_STEP * rank + 27}" y="16">{html.escape(one.label)}</text>'
        )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{html.escape(title)}" class="pod-chart"><title>{html.escape(title)}</title>{"".join(parts)}</svg>'
    )


def _axes(x_label: str) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    lines = [
        f'<line x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>',
        f'<line x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{bottom}"/>',
        f'<text x="{(_LEFT + right) / 2:.0f}" y="{_HEIGHT - 6}" text-anchor="middle">{html.escape(x_label)}</text>',
    ]
    for level in (0.0, 0.5, _TARGET, 1.0):
        y = _TOP + (1.0 - level) * (bottom - _TOP)
        dashes = ' stroke-dasharray="4 4" stroke-opacity=".5"' if level == _TARGET else ' stroke-opacity=".12"'
        lines.append(
            f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"{dashes}/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{level:g}</text>'
        )
    return "".join(lines)


def _ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for power in powers for step in _TICKS if low <= (tick := step * 10.0**power) <= high * 1.0001]
