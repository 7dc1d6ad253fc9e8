"""Watches one view for parts: learns what it shows when empty, and tells when a part has come and stands still."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from camera.presence import (
    Cells,
    EmptyView,
    Mask,
    Region,
    Seen,
    changed,
    compare,
    first_view,
    has_moved,
    learnt,
    reduce,
    relit,
    shows_what_left,
)
from camera.source import Image
from edge.core.presence import Happening, Look, Phase, Presence, PresenceRules, interrupted, standing_at_start, step

FIRST_MS: Final = 5_000.0
FIRST_PICTURES: Final = 20
"""So many pictures in the first so long are taken for the empty view: what a cell shows in most of them."""

GAP_MS: Final = 1000.0
"""After so long without a look, nobody knows what happened meanwhile."""

FREE_MS: Final = 20_000.0
DEBRIS_MS: Final = 300_000.0
"""Time constants by which the empty view follows the light, and takes in what is too small for a part."""

PROVEN_PARTS: Final = 3
"""After so many parts that came and went, the empty view is known for certain."""

FALSE_STARTS: Final = 3
"""Before that, so many doubtful parts without an empty view between show that it was not the empty view."""

ARRIVAL_SHARE: Final = 0.25
"""Something has arrived where so many cells changed at once, as a share of the smallest area that counts."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pose:
    """What stood in view at a look: the view's cells, and those that it covered."""

    cells: Cells
    covers: Mask

    def still_shown_by(self, cells: Cells, region: Mask, empty: EmptyView) -> bool:
        return not has_moved(changed(cells, self.cells, empty), region)


class _Place:
    """The place of the triggered part, and what became of it since the part began to leave."""

    def __init__(self, pose: _Pose) -> None:
        self.pose = pose
        self._size = max(1, int(pose.covers.sum()))
        self._free, self._vacated, self._swept = (np.zeros_like(pose.covers) for _ in range(3))

    def follow(self, cells: Cells, seen: Seen, empty: EmptyView) -> tuple[float, float]:
        """Return the shares of it that have been empty, and that have changed; one look alone counts as neither."""
        self._vacated |= seen.free & self._free
        self._free = seen.free
        self._swept |= changed(cells, self.pose.cells, empty)
        return self._share(self._vacated), self._share(self._swept)

    def _share(self, mask: Mask) -> float:
        return int((mask & self.pose.covers).sum()) / self._size


class _FirstPictures:
    """What is seen in the first seconds of a view of which nothing is known."""

    def __init__(self, at_ms: float) -> None:
        self._began_ms = at_ms
        self._pictures: list[Cells] = []

    def add(self, cells: Cells, at_ms: float) -> EmptyView | None:
        """Return the empty view once it has been seen for long enough."""
        if at_ms - self._began_ms >= len(self._pictures) * FIRST_MS / FIRST_PICTURES:
            self._pictures.append(cells)
        return first_view(self._pictures) if len(self._pictures) >= FIRST_PICTURES else None


class Watch:
    """Takes picture after picture of one view. Used by one thread; :meth:`still_there` may be asked by another.

    ``empty`` is what an earlier run knew of the empty view; without it the first pictures are taken for it.
    """

    def __init__(self, rules: PresenceRules, *, roi: Region | None = None, empty: EmptyView | None = None) -> None:
        self._rules = rules
        self._roi = roi
        self._recalled = empty
        self._at_ms = -math.inf
        self._state = Presence()
        self._empty: EmptyView | None = None
        self._first: _FirstPictures | None = None
        self._parts = self._doubtful = 0
        self._gone = False
        self._before: Cells | None = None
        self._covered: Mask | None = None
        self._reference: _Pose | None = None
        self._place: _Place | None = None

    @property
    def phase(self) -> Phase | None:
        """Where the part is; None while the empty view is not known yet."""
        return None if self._empty is None else self._state.phase

    @property
    def known(self) -> EmptyView | None:
        """The empty view, once parts have come and gone before it: worth keeping for the next start."""
        return self._empty if self._parts >= PROVEN_PARTS else None

    def look(self, image: Image, at_ms: float) -> Happening | None:
        """Take one picture (height x width x 3, BGR, uint8) and the time of its exposure; return what has happened.

        The time is monotonic, in milliseconds; a picture that is not newer than the last one is passed over.
        """
        if at_ms <= self._at_ms:
            return None
        elapsed_ms, self._at_ms = min(at_ms - self._at_ms, GAP_MS), at_ms
        cells = reduce(image, self._roi)
        if cells is None or elapsed_ms >= GAP_MS:
            self.lost()
        if cells is None:
            return None
        if self._before is not None and self._before.shape != cells.shape:
            self._forget()
        empty = self._empty
        happening = None
        if empty is None:
            self._begin(cells)
        else:
            happening = self._watch(cells, empty, elapsed_ms)
        self._before = cells
        return happening

    def lost(self) -> None:
        """Note that nothing can be seen: the camera is away, or the light is out."""
        self._state = interrupted(self._state)
        if self._state.phase is not Phase.TRIGGERED:
            self._reference = None

    def still_there(self, image: Image) -> bool:
        """Tell whether a picture shows the last part that was triggered where it stood."""
        place, empty = self._place, self._empty
        cells = reduce(image, self._roi)
        if place is None or empty is None or cells is None or cells.shape != place.pose.cells.shape:
            return False
        return place.pose.still_shown_by(cells, place.pose.covers, empty)

    def _forget(self) -> None:
        """Know nothing: this view was never looked at, or another one than was thought."""
        self._state = Presence()
        self._empty = self._first = self._before = self._covered = self._reference = self._place = None
        self._parts = self._doubtful = 0
        self._gone = False

    def _begin(self, cells: Cells) -> None:
        recalled, self._recalled = self._recalled, None
        if recalled is not None and recalled.shape == cells.shape:
            self._empty = recalled
            seen = self._seen(cells, recalled)
            self._state = standing_at_start(self._told(cells, recalled, seen), self._rules)
            self._remember(cells, seen, Phase.EMPTY)
            return
        self._first = self._first or _FirstPictures(self._at_ms)
        self._empty = self._first.add(cells, self._at_ms)

    def _watch(self, cells: Cells, empty: EmptyView, elapsed_ms: float) -> Happening | None:
        seen = self._seen(cells, empty)
        look = self._told(cells, empty, seen)
        phase = self._state.phase
        self._state, happening = step(self._state, look, self._rules)
        if look.moved:
            self._reference = None
        unproven = self._parts < PROVEN_PARTS
        if happening is Happening.TRIGGER and unproven and shows_what_left(cells, empty, seen):
            # What stood in view at the very first start has gone; nobody saw it come, so it was never judged.
            happening, self._state, self._empty = Happening.MISSED, Presence(), relit(empty, cells)
        elif happening is Happening.RELIT:
            self._empty = relit(empty, cells)
        else:
            self._empty = self._learnt(cells, empty, seen, elapsed_ms)
        self._remember(cells, seen, phase)
        self._prove(happening)
        return happening

    def _seen(self, cells: Cells, empty: EmptyView) -> Seen:
        relight = self._state.phase in {Phase.EMPTY, Phase.LEAVING}
        return compare(cells, empty, self._covered, smallest=self._smallest(cells), relight=relight)

    def _told(self, cells: Cells, empty: EmptyView, seen: Seen) -> Look:
        """Return what the rule is told of one look."""
        vacated = swept = 0.0
        if self._place is not None and self._state.phase is Phase.LEAVING:
            vacated, swept = self._place.follow(cells, seen, empty)
        moved = True
        if self._reference is not None:
            region = seen.covers | self._reference.covers
            if self._state.phase is Phase.EMPTY:
                region = np.ones_like(region)
            moved = not self._reference.still_shown_by(cells, region, empty)
        arrived = 0
        if self._before is not None:
            arrived = int((changed(cells, self._before, empty) & seen.covers).sum())
        x, y = seen.place
        return Look(
            at_ms=self._at_ms,
            covered=seen.share,
            structured=seen.structured,
            arrived=arrived > ARRIVAL_SHARE * self._smallest(cells),
            moved=moved,
            x=x,
            y=y,
            vacated=vacated,
            swept=swept,
        )

    def _remember(self, cells: Cells, seen: Seen, phase: Phase) -> None:
        """Keep what the next looks are compared with; ``phase`` is the one before this look."""
        changed_to = self._state.phase if self._state.phase is not phase else None
        if self._reference is None or changed_to in {Phase.ENTERING, Phase.TRIGGERED}:
            self._reference = _Pose(cells=cells, covers=seen.covers)
        if changed_to is Phase.TRIGGERED:
            self._place = _Place(self._reference)
        self._covered = seen.covers

    def _learnt(self, cells: Cells, empty: EmptyView, seen: Seen, elapsed_ms: float) -> EmptyView:
        free = 1.0 - math.exp(-elapsed_ms / FREE_MS)
        debris = 1.0 - math.exp(-elapsed_ms / DEBRIS_MS) if self._state.phase is Phase.EMPTY else 0.0
        before = cells if self._before is None else self._before
        return learnt(empty, cells, before, seen, free=free, covered=debris)

    def _prove(self, happening: Happening | None) -> None:
        """Count what speaks for the empty view, and what against it; one that was never right is learnt anew."""
        if happening is Happening.GONE:
            self._doubtful, self._gone = 0, True
        elif happening is Happening.TRIGGER:
            self._gone = False
        elif happening is Happening.MISSED and self._state.phase is Phase.TRIGGERED:
            self._doubtful += 1
        if self._gone and self._state.phase is Phase.EMPTY:  # a part's end may be in view yet when its place is free
            self._parts, self._gone = self._parts + 1, False
        if self._doubtful >= FALSE_STARTS and self._parts < PROVEN_PARTS:
            self._forget()

    def _smallest(self, cells: Cells) -> float:
        """Return the number of cells that the smallest part covers."""
        return self._rules.area * float(cells[:, :, 0].size)
