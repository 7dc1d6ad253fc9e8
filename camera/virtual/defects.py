"""Lays defects into a picture so that each is really visible, and measures their masks."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual.breakage import draw_chip, draw_crack
from camera.virtual.marks import draw_scratch, draw_stain
from camera.virtual.oil import draw_oil
from camera.virtual.optics import Optics
from camera.virtual.part import VirtualDefect
from camera.virtual.site import Overlay, Site, grown

_DRAWERS: Final[dict[str, Callable[[Site, np.random.Generator, float], Overlay]]] = {
    "oil": draw_oil,
    "scratch": draw_scratch,
    "stain": draw_stain,
    "crack": draw_crack,
    "chip": draw_chip,
}
_ATTEMPTS: Final = 14
_STRENGTHENED: Final = 1.35
_VISIBLE: Final = 3.5
"""Multiple of the noise above which a pixel counts as changed."""
_STRONG: Final = 18.0
"""Multiple of the noise that the clearest tenth of a defect must reach."""
_FEWEST_PIXELS: Final = 60
_CRUMB: Final = 24
_LEAST_CHANGE: Final = 3.0
_LEAST_SHARE: Final = {False: 0.2, True: 0.1}
"""Share of the drawn extent that must be seen, of marks and of puddles."""
_OVERLAP: Final = 0.02


def add_defect(
    site: Site,
    category: str,
    optics: Optics,
    earlier: tuple[VirtualDefect, ...],
    rng: np.random.Generator,
) -> VirtualDefect:
    """Draw a defect into the site's picture; draw it anew and stronger until it is seen clear of the others.

    Raises:
        RuntimeError: No attempt could be seen at all: the light is too weak for this frame size.
    """
    floor = max(optics.noise, _LEAST_CHANGE / _VISIBLE)
    taken = np.zeros(site.shape, np.bool_)
    for defect in earlier:
        taken |= defect.mask > 0
    best: tuple[float, Overlay, NDArray[np.bool_]] | None = None
    for attempt in range(_ATTEMPTS):
        overlay = _DRAWERS[category](site, rng, _STRENGTHENED**attempt)
        score, mask = _seen(overlay, site, optics, floor, taken)
        if best is None or score > best[0]:
            best = score, overlay, mask
        if score >= 1.0:
            break
    if best is None or not best[2].any():
        message = f"virtual line: a {category} cannot be seen at this lighting ({optics.gain:.2f}); raise lighting"
        raise RuntimeError(message)
    return _laid(site, category, best[1], best[2])


def _seen(
    overlay: Overlay,
    site: Site,
    optics: Optics,
    floor: float,
    taken: NDArray[np.bool_],
) -> tuple[float, NDArray[np.bool_]]:
    """How well a defect is seen (1 or more is well enough) and the mask that hugs what is seen."""
    rows, columns = overlay.region.slices
    if not overlay.extent.any():
        return -1.0, overlay.extent
    change = optics.visible(site.planes[:, rows, columns], overlay.picture)
    changed = (change > _VISIBLE * floor) & overlay.extent
    count = int(changed.sum())
    if not count:
        return -1.0, changed
    clearest = np.sort(change[changed])[-max(count // 10, 12) :]
    score = min(
        float(clearest.mean()) / (_STRONG * floor),
        count / (_FEWEST_PIXELS * site.pose.scale**2),
        count / (_LEAST_SHARE[overlay.solid] * float(overlay.extent.sum())),
    )
    mask = overlay.extent if overlay.solid else _without_crumbs(grown(changed, 1) & overlay.extent)
    if float((mask & taken[rows, columns]).mean()) > _OVERLAP * float(mask.mean()):
        score -= 1.0
    return score, mask


def _without_crumbs(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out the pieces of a few pixels that no eye would call part of the defect."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = statistics[:, cv2.CC_STAT_AREA]
    largest = int(areas[1:].max()) if count > 1 else 0
    kept = areas >= min(_CRUMB, largest)
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)


def _laid(site: Site, category: str, overlay: Overlay, mask: NDArray[np.bool_]) -> VirtualDefect:
    rows, columns = overlay.region.slices
    site.planes[:, rows, columns] = overlay.picture
    whole = np.zeros(site.shape, np.uint8)
    whole[rows, columns][mask] = 255
    whole.flags.writeable = False
    inside_rows, inside_columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (
        overlay.region.left + int(inside_columns[0]),
        overlay.region.top + int(inside_rows[0]),
        int(inside_columns[-1] - inside_columns[0]) + 1,
        int(inside_rows[-1] - inside_rows[0]) + 1,
    )
    return VirtualDefect(category, whole, box)
