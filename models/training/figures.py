"""The figures of a run, and its report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import Manifest
from models.bundle.manifest import Novelty
from models.evaluation import evaluate_dataset
from models.training.beside import Beside
from models.training.evidence import Evidence, Unseen, judged, ranking
from models.training.files import write_file
from models.training.gathering import Gathered
from models.training.limits import ChosenLimits, nested_counts
from models.training.reading import read_picture
from models.training.report import report_page
from models.training.settings import TrainingSettings


def out_of_fold_figures(
    gathered: Gathered, evidence: Evidence, chosen: ChosenLimits, manifest: Manifest, settings: TrainingSettings
) -> dict[str, Any]:
    """Return all figures that rest on what networks said of groups they never saw."""
    limits = manifest.decision.limits()
    figures: dict[str, Any] = {}
    for origin in ("photo", "virtual"):
        own = [one for one in evidence.unseen if one.entry.origin == origin]
        if own:
            figures[f"{origin}_out_of_fold"] = evaluate_dataset(judged(own, manifest, gathered.store), limits)
            figures[f"{origin}_out_of_fold"].pop("latency_ms")  # not measured here
            figures[f"{origin}_novel"] = novel_counts(own, gathered.folds, manifest.novelty)
    return figures | {
        "nested_limits": nested_counts(
            evidence.decisive,
            gathered.folds,
            settings.decision,
            independent=gathered.independent and evidence.photos_decide,
        ),
        "limits": {
            "accept_logit": chosen.accept,
            "reject_logit": chosen.reject,
            "claimed": asdict(chosen.claimed),
            "expected": asdict(chosen.expected) if chosen.expected else None,
            "chosen_on": "photo" if evidence.photos_decide else "all",
        },
        "auroc_of_students": ranking(evidence.decisive),
        "auroc_of_teachers": evidence.teachers,
        "folds": [list(groups) for groups in gathered.folds],
        "data_checks": [check.summary() for check in gathered.checks],
    }


def novel_counts(unseen: Sequence[Unseen], folds: Sequence[Sequence[str]], novelty: Novelty | None) -> dict[str, Any]:
    """Count the pictures of left-out groups that are held to be unlike the training.

    ``unknown_classes`` are those of a single fold: the network that judged it had seen no picture of them. Of each, how
    many pictures there are, and how many novelty tells.
    """
    limit = float("inf") if novelty is None else novelty.limit
    told = {one.entry.name for one in unseen if not 0.0 <= one.novelty <= limit}  # nor where it is no number
    fold_of = {group: number for number, groups in enumerate(folds) for group in groups}
    having: dict[str, list[Unseen]] = {}
    for one in unseen:
        for category in sorted({box.category for box in one.entry.boxes if not box.ignore}):
            having.setdefault(category, []).append(one)
    return {
        "pictures": len(unseen),
        "good_novel": sum(one.entry.truth == "accept" and one.entry.name in told for one in unseen),
        "bad_novel": sum(one.entry.truth == "reject" and one.entry.name in told for one in unseen),
        "unknown_classes": {
            category: {"pictures": len(shown), "novel": sum(one.entry.name in told for one in shown)}
            for category, shown in sorted(having.items())
            if len({fold_of.get(one.entry.group) for one in shown}) == 1
        },
    }


def reported(evidence: Evidence) -> list[Unseen]:
    """Return the pictures that the report is of: the photos where there are any, else the virtual line's."""
    photos = [one for one in evidence.unseen if one.entry.origin == "photo"]
    return photos or list(evidence.unseen)


def write_report(
    settings: TrainingSettings,
    gathered: Gathered,
    own: Sequence[Unseen],
    manifest: Manifest,
    *,
    beside: Beside,
    compared: int,
) -> str:
    """Return the bundle's report on some pictures as HTML; one that shows them is left in the work folder.

    ``own`` are those of :func:`reported`; ``compared`` is on how many int8 and float were compared.
    """
    paths = {one.entry.name: one.entry.path for one in own}
    data = ", ".join(source.name for source in gathered.sources)

    def page(pictures: Callable[[str], NDArray[np.uint8] | None]) -> str:
        return report_page(
            judged(own, manifest, gathered.store), manifest, data, pictures=pictures, beside=beside, compared=compared
        )

    def picture(name: str) -> NDArray[np.uint8] | None:
        path = paths[name]
        return None if path is None else read_picture(path)

    shown = page(picture)
    write_file(settings.work / "report.html", shown.encode("utf-8", "backslashreplace"))
    return page(lambda _name: None) if settings.private_pictures else shown


def without_pictures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics without what was said picture by picture: a bundle is small, and names may tell much."""
    return {
        name: {key: kept for key, kept in value.items() if key != "per_image"} if isinstance(value, dict) else value
        for name, value in metrics.items()
    }
