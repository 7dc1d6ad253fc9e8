"""What each ingredient of training is worth: the same run without it, groups left out, for equal training time.

    python -m models.training.ablation --settings FILE --data DIR --work DIR --out TABLE.json

Pictures and networks are kept in the work folder, so that a table that was cut short goes on where it was. Teachers
take time as well: beside the distilled students stand others that were trained for as many steps more as the teachers'
work is worth.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from edge.core.statistics import auroc_within_group
from models.postprocess import top_mean
from models.training.assembly import make_manifest
from models.training.evidence import ScoredPicture, collect_evidence, ranking, scored
from models.training.files import held, open_folder
from models.training.finishing import decide, quantised
from models.training.gathering import Gathered, gather
from models.training.jobs import Job, Plan, outcome_of
from models.training.limits import nested_counts
from models.training.network import STUDENT, TEACHER, DefectNetwork, NetworkWidths
from models.training.pictures import Progress
from models.training.robustness import at_half_the_light
from models.training.settings import AugmentationSettings, DistillationSettings, TrainingSettings, read_settings
from models.training.train import fit_networks

_CROP: Final = 512
_WEIGHT: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A run with one ingredient left out or changed.

    Without ``exposure`` pictures stay as bright as they were taken; ``quantised`` judges by the int8 networks of the
    folds; ``longer`` trains the students without teachers, for as long as teachers and students take together.
    """

    name: str
    augmentation: dict[str, Any]
    exposure: bool = True
    distilled: bool = False
    longer: bool = False
    quantised: bool = False


VARIANTS: Final = (
    Variant(name="all", augmentation={}),
    Variant(name="all, int8", augmentation={}, quantised=True),
    Variant(name="distilled", augmentation={}, distilled=True),
    Variant(name="as long as distilled", augmentation={}, longer=True),
    Variant(name="photos alone", augmentation={"real_share": 1.0}),
    Variant(name="virtual line alone", augmentation={"real_share": 0.0}),
    Variant(name="without composites", augmentation={"implant_share": 0.0, "blend_share": 0.0}),
    Variant(name="without relighting", augmentation={"relight": False}),
    Variant(name="as bright as taken", augmentation={}, exposure=False),
    Variant(name="as bright as taken, without relighting", augmentation={"relight": False}, exposure=False),
)


def ablate(settings: TrainingSettings, variants: Sequence[Variant], progress: Progress) -> list[dict[str, Any]]:
    """Run every variant and return a row of figures for each; the network that ships is not fitted.

    Raises:
        DatasetError: The data cannot be trained on.
        ModelError: A network cannot be fitted or stored, or another run works in the work folder.
    """
    open_folder(settings.work)
    with held(settings.work):
        rows = []
        for number, variant in enumerate(variants):
            progress("variants", number, len(variants))
            varied = _varied(settings, variant)
            rows.append(_row(varied, variant, gather(varied, progress), progress))
        progress("variants", len(variants), len(variants))
        return rows


def _row(settings: TrainingSettings, variant: Variant, gathered: Gathered, progress: Progress) -> dict[str, Any]:
    plan, students = fit_networks(settings, gathered, progress, whole=False)
    evidence = collect_evidence(settings, plan, students)
    photos = scored([one for one in evidence.unseen if one.entry.origin == "photo"], settings.decision.top_cells)
    virtual = scored([one for one in evidence.unseen if one.entry.origin == "virtual"], settings.decision.top_cells)
    if variant.quantised:
        photos = _by_int8(settings, gathered, plan, students, progress)
    largest = max(
        {one.group for one in photos}, key=lambda group: sum(one.group == group for one in photos), default=""
    )
    return {
        "variant": variant.name,
        "steps": settings.optimiser.fold_steps,
        "teacher_steps": settings.optimiser.teacher_steps if variant.distilled else 0,
        "auroc_photos": ranking(photos),
        "auroc_within_group": auroc_within_group([(one.group, one.defective, one.logit) for one in photos]),
        "auroc_without_largest_group": ranking([one for one in photos if one.group != largest]),
        "gap": _gap(photos),
        "verdicts": nested_counts(
            photos,
            gathered.folds,
            settings.decision,
            independent=gathered.independent and evidence.photos_decide,
        ),
        "half_light": None if variant.quantised else _half_light(settings, gathered, plan, students, progress),
        "auroc_virtual": None if variant.quantised else ranking(virtual),
        "auroc_teachers": evidence.teachers,
    }


def _half_light(
    settings: TrainingSettings, gathered: Gathered, plan: Plan, students: Sequence[Job], progress: Progress
) -> dict[str, Any] | None:
    """Return how photos at half their brightness fare, under limits from the photos as they were taken."""
    _, chosen = decide(settings, gathered, collect_evidence(settings, plan, students), gathered.store.entries)
    top_cells = settings.decision.top_cells
    return at_half_the_light(plan, students, gathered, chosen=chosen, top_cells=top_cells, progress=progress)


def _by_int8(
    settings: TrainingSettings, gathered: Gathered, plan: Plan, students: Sequence[Job], progress: Progress
) -> list[ScoredPicture]:
    """Score each photo by the int8 form of the student that left out its fold."""
    findings, _ = decide(settings, gathered, collect_evidence(settings, plan, students), gathered.store.entries)
    manifest = make_manifest(settings, findings, gathered)
    pictures = []
    for job in students:
        outcome = outcome_of(job, plan)
        seen = [entry for entry in plan.entries if plan.fold_of(entry) not in job.left_out]
        detector = quantised(manifest, outcome, gathered.store, seen, progress)
        for entry in gathered.store.entries:
            if entry.origin == "photo" and entry.name in outcome.maps:
                stored = detector.logit_map(np.asarray(gathered.store.pixels[entry.index]))
                logit = detector.quantisation.real(top_mean(stored[:, :, 0], settings.decision.top_cells))
                pictures.append(
                    ScoredPicture(name=entry.name, group=entry.group, defective=entry.truth == "reject", logit=logit)
                )
    return pictures


def _varied(settings: TrainingSettings, variant: Variant) -> TrainingSettings:
    augmentation = AugmentationSettings(**{**settings.augmentation.model_dump(), **variant.augmentation})
    weight = (settings.distillation.weight or _WEIGHT) if variant.distilled else 0.0
    optimiser = settings.optimiser
    if variant.longer:
        folds = len(settings.folds) or settings.fold_count
        # Each of the students gets its share of what the teachers, one for each pair of folds, would have taken.
        teachers = folds * (folds - 1) / 2 * optimiser.teacher_steps * work_of(TEACHER) / work_of(STUDENT)
        optimiser = optimiser.model_copy(update={"fold_steps": optimiser.fold_steps + round(teachers / folds)})
    return settings.model_copy(
        update={
            "augmentation": augmentation,
            "input": settings.input.model_copy(update={"exposure": settings.input.exposure and variant.exposure}),
            "distillation": DistillationSettings(weight=weight, temperature=settings.distillation.temperature),
            "optimiser": optimiser,
        }
    )


def work_of(widths: NetworkWidths) -> float:
    """Return the multiplications of one crop through a network of these widths."""
    total = 0.0

    def count(layer: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        total += output.shape[2] * output.shape[3] * layer.weight.numel()

    network = DefectNetwork(1, widths).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, _CROP, _CROP))
    return total


def _gap(pictures: Sequence[ScoredPicture]) -> float | None:
    """Return how far the lowest defective score lies above the highest good one, in logits."""
    bad = [one.logit for one in pictures if one.defective]
    good = [one.logit for one in pictures if not one.defective]
    return min(bad) - max(good) if bad and good else None


def main() -> None:
    """Read the arguments, make the table, write it as JSON."""
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--settings", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    settings = read_settings(chosen.settings, data=chosen.data, output=chosen.work / "ablation-1.lgb", work=chosen.work)
    rows = ablate(settings, VARIANTS, lambda what, done, whole: _tell(f"{what}: {done}/{whole}"))
    chosen.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
