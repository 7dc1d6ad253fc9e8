"""What the networks said of pictures they never saw, as the evaluation takes it."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import DatasetImage
from edge.core.policy import judge_view
from edge.core.statistics import auroc
from edge.core.types import Decision, Limits, ViewJudgement
from models.bundle import Manifest
from models.evaluation import JudgedImage, evaluate_dataset
from models.postprocess import LogitMap, extract_boxes, picture_score, top_mean
from models.training.calibration import ScoredPicture
from models.training.jobs import MAP_QUANTISATION
from models.training.pictures import TrainingPicture

Unseen = tuple[TrainingPicture, LogitMap]
"""A picture and the map that a network gave which was not trained on its group."""


def scored(unseen: Iterable[Unseen], top_cells: int) -> list[ScoredPicture]:
    """Return each picture's raw score, the mean of its highest defect logits."""
    return [
        ScoredPicture(
            name=picture.name,
            group=picture.group,
            defective=picture.truth == "reject",
            logit=MAP_QUANTISATION.real(top_mean(stored[:, :, 0], top_cells)),
        )
        for picture, stored in unseen
    ]


def evaluated(unseen: Sequence[Unseen], manifest: Manifest, *, by_group: bool) -> dict[str, Any]:
    """Return the evaluation of these pictures under a bundle's calibration and limits.

    The list of pictures is left out, as a bundle should stay small; ``per_group`` holds, where asked for, AUROC and
    counts of accept, reject and cannot-judge by truth.
    """
    limits = manifest.decision.limits()
    report = evaluate_dataset((_judged(picture, stored, manifest, limits) for picture, stored in unseen), limits)
    pictures = report.pop("per_image")
    del report["latency_ms"]  # not measured here
    groups = sorted({picture["group"] for picture in pictures}) if by_group else []
    report["per_group"] = {name: _group([one for one in pictures if one["group"] == name]) for name in groups}
    return report


def _group(pictures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    bad = [one for one in pictures if one["truth"] == "reject"]
    good = [one for one in pictures if one["truth"] == "accept"]
    return {
        "auroc": auroc([one["score"] for one in bad], [one["score"] for one in good]),
        "bad": [sum(one["verdict"] == decision.label for one in bad) for decision in Decision],
        "good": [sum(one["verdict"] == decision.label for one in good) for decision in Decision],
    }


def _judged(
    picture: TrainingPicture,
    stored: LogitMap,
    manifest: Manifest,
    limits: Limits,
) -> JudgedImage:
    boxes = extract_boxes(stored, MAP_QUANTISATION, manifest, picture.geometry)
    score = picture_score(stored, MAP_QUANTISATION, manifest.calibration)
    verdict = judge_view(ViewJudgement(camera="held-out", score=score, boxes=boxes, limits=limits))
    entry = DatasetImage(
        id=picture.name,
        file=picture.name,
        truth=picture.truth,
        group=picture.group,
        part_id=None,
        view=None,
        boxes=picture.boxes,
    )
    return JudgedImage(
        entry=entry, decision=verdict.decision, code=verdict.code, score=score, boxes=boxes, mask=_mask(picture)
    )


def _mask(picture: TrainingPicture) -> NDArray[np.bool_] | None:
    """Return the defects in pixels of the picture as taken, from the labels at the network's size."""
    if not picture.boxes:
        return None
    geometry = picture.geometry
    _, _, width, height = geometry.region
    columns = (np.arange(width) * geometry.scale_x + geometry.left).astype(np.int64)
    rows = (np.arange(height) * geometry.scale_y + geometry.top).astype(np.int64)
    return (picture.labels > 0)[np.ix_(rows, columns)]
