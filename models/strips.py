"""Which rows of a picture go through the network's entrance together, and which of the rows it gives are kept. Pure.

An entrance that looks at few rows around each gives the same numbers for a strip of the picture as for all of it, but
for the rows next to a cut: a strip therefore takes more rows than it gives, except at the picture's own edges, where
the entrance pads as ever. What it needs at once is then the strip's, not the picture's.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One strip: it begins at row ``top`` of the picture; of the rows it gives, those from ``skipped`` on are kept.

    They are rows ``first`` up to, not including, ``end`` of the whole map.
    """

    top: int
    skipped: int
    first: int
    end: int

    @property
    def kept(self) -> slice:
        """Which of the strip's own rows are kept."""
        return slice(self.skipped, self.skipped + self.end - self.first)


def strips_of(height: int, *, rows: int, above: int, below: int, stride: int) -> Iterator[Strip]:
    """Yield the strips of a picture in their order; all are ``above`` + ``rows`` + ``below`` rows high.

    Args:
        height: Rows of the picture, at least as many as a strip has.
        rows: Rows of the picture that a strip answers for; a whole multiple of the stride, as is every other number.
        above: Rows above them that their answer needs.
        below: Rows below them that their answer needs.
        stride: Rows of the picture for one of the map.
    """
    last = height - (above + rows + below)
    for begin in range(0, height, rows):
        top = min(max(begin - above, 0), last)
        yield Strip(
            top=top,
            skipped=(begin - top) // stride,
            first=begin // stride,
            end=min(begin + rows, height) // stride,
        )
