"""How out-of-fold scores fare when the factory grows darker."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.preprocess import prepare
from models.training.evidence import ScoredPicture, ranking, raw_score
from models.training.fitting import float_logits
from models.training.gathering import Gathered
from models.training.jobs import Job, Plan, outcome_of, rebuilt, stored_map
from models.training.limits import ChosenLimits
from models.training.pictures import PAD, Progress
from models.training.reading import read_picture

_BRIGHTNESS: Final = 0.5


def at_half_the_light(
    plan: Plan,
    students: Sequence[Job],
    gathered: Gathered,
    *,
    chosen: ChosenLimits,
    top_cells: int,
    progress: Progress,
) -> dict[str, Any] | None:
    """Judge each photo at half its brightness by the student that never saw its group; None without photos.

    Returns AUROC and, by truth, how many would be accepted, rejected and not judged under the chosen limits.

    Raises:
        DatasetError: A picture cannot be read any more.
    """
    photos = {entry.name: (entry, entry.path) for entry in plan.entries if entry.path is not None}
    pictures: list[ScoredPicture] = []
    for job in students:
        outcome = outcome_of(job, plan)
        network = rebuilt(outcome, len(plan.classes))
        for entry, path in [photos[name] for name in outcome.maps if name in photos]:
            progress("judging at half the light", len(pictures), len(photos))
            pixels = prepare(darkened(read_picture(path)), gathered.size, PAD, exposure=gathered.exposure).pixels
            pictures.append(
                ScoredPicture(
                    name=entry.name,
                    group=entry.group,
                    defective=entry.truth == "reject",
                    logit=raw_score(stored_map(float_logits(network, pixels)), top_cells),
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


def darkened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture as taken with half the light."""
    return np.rint(picture * _BRIGHTNESS).astype(np.uint8)
