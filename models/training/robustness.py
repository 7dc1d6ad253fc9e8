"""How out-of-fold scores fare when the factory grows darker."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.training.evidence import ScoredPicture, ranking, raw_score
from models.training.fitting import float_logits
from models.training.jobs import Job, Plan, outcome_of, rebuilt, stored_map
from models.training.limits import ChosenLimits
from models.training.pictures import PAD, PictureEntry, PictureStore, Progress

_BRIGHTNESS: Final = 0.5


def at_half_the_light(
    plan: Plan,
    students: Sequence[Job],
    store: PictureStore,
    *,
    chosen: ChosenLimits,
    top_cells: int,
    progress: Progress,
) -> dict[str, Any] | None:
    """Judge each photo at half its brightness by the student that never saw its group; None without photos.

    Returns AUROC and, by truth, how many would be accepted, rejected and not judged under the chosen limits.
    """
    photos = {entry.name: entry for entry in plan.entries if entry.origin == "photo"}
    pictures: list[ScoredPicture] = []
    for job in students:
        outcome = outcome_of(job, plan)
        own = [photos[name] for name in outcome.maps if name in photos]
        network = rebuilt(outcome, len(plan.classes))
        for entry in own:
            progress("judging at half the light", len(pictures), len(photos))
            logits = float_logits(network, darkened(store.pixels[entry.index], entry))
            pictures.append(
                ScoredPicture(
                    name=entry.name,
                    group=entry.group,
                    defective=entry.truth == "reject",
                    logit=raw_score(stored_map(logits), top_cells),
                )
            )
    if not pictures:
        return None
    progress("judging at half the light", len(photos), len(photos))
    return {
        "auroc": ranking(pictures),
        **{
            truth: {
                "accept": sum(one.logit < chosen.accept for one in pictures if one.defective == defective),
                "reject": sum(one.logit > chosen.reject for one in pictures if one.defective == defective),
                "pictures": sum(one.defective == defective for one in pictures),
            }
            for truth, defective in (("bad", True), ("good", False))
        },
    }


def darkened(pixels: NDArray[np.uint8], entry: PictureEntry) -> NDArray[np.uint8]:
    """Return a prepared picture at half its brightness; what surrounds it stays as it is."""
    geometry = entry.geometry
    height, width = round(geometry.region[3] * geometry.scale_y), round(geometry.region[2] * geometry.scale_x)
    window = np.s_[geometry.top : geometry.top + height, geometry.left : geometry.left + width]
    dark = np.full_like(pixels, PAD)
    dark[window] = np.rint(pixels[window] * _BRIGHTNESS).astype(np.uint8)
    return dark
