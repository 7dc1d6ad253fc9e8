"""Bundles of the folds' students, to be evaluated, commissioned and studied on groups that they never saw."""

from dataclasses import replace
from pathlib import Path

from models.bundle.prints import TRAINED_PICTURES
from models.training.assembly import make_manifest, with_novelty, write
from models.training.evidence import Evidence
from models.training.files import open_folder
from models.training.finishing import decide, golden_pictures, novelty_of, quantised
from models.training.gathering import Gathered
from models.training.jobs import Outcome, Plan, outcome_of, plan_jobs
from models.training.pictures import Progress
from models.training.settings import TrainingSettings


def write_fold_bundles(
    settings: TrainingSettings,
    gathered: Gathered,
    plan: Plan,
    *,
    evidence: Evidence,
    folder: Path,
    progress: Progress,
) -> list[Path]:
    """Write ``NAME-without-K-VERSION.lgb`` for each fold K, and return the files.

    Its network has seen nothing of fold K. Probabilities, limits and novelty come from scores of the other folds'
    pictures, of which each was given by the student that left that picture's own fold out, and so had seen fold K:
    through those students K's pictures bear on them at second hand. The level that exposure brings pictures to is that
    of all photos. A fold without which limits cannot be chosen (no good or no defective picture outside) has no bundle.

    Raises:
        ModelError: A bundle cannot be made or written.
    """
    open_folder(folder)
    _, students = plan_jobs(settings, len(gathered.folds))
    files = []
    for number, job in enumerate(students[:-1]):
        progress("bundles of the folds", number, len(students) - 1)
        others = _others(evidence, gathered.folds[number])
        if {one.defective for one in others.decisive} == {True, False}:
            path = folder / f"{_fold_name(settings, number)}-{settings.version}.lgb"
            _write(settings, gathered, others, outcome_of(job, plan), path)
            files.append(path)
    progress("bundles of the folds", len(students) - 1, len(students) - 1)
    return files


def _write(settings: TrainingSettings, gathered: Gathered, evidence: Evidence, outcome: Outcome, path: Path) -> None:
    [left_out] = outcome.job.left_out
    named = settings.model_copy(update={"name": _fold_name(settings, left_out)})
    seen = [entry for entry in gathered.store.entries if entry.group not in gathered.folds[left_out]]
    findings, _ = decide(named, gathered, evidence, seen)
    manifest = make_manifest(named, findings, gathered)
    detector = quantised(manifest, outcome, gathered.store, seen, _quiet)
    detector = with_novelty(detector, novelty_of(detector, gathered.store, seen, evidence.unseen))
    groups = ", ".join(group for group in gathered.folds[left_out] if not group.startswith("virtual-"))
    card = f"# {path.stem}\n\nA student of the run that never saw {groups or 'its fold'}; for trials alone.\n"
    golden = golden_pictures(settings, gathered.store)
    metrics = {
        "left_out": list(gathered.folds[left_out]),
        TRAINED_PICTURES: gathered.prints(without=gathered.folds[left_out]),
    }
    write(path, detector, golden, metrics, (card, card))


def _fold_name(settings: TrainingSettings, fold: int) -> str:
    return f"{settings.name[:20]}-without-{fold}"


def _others(evidence: Evidence, groups: tuple[str, ...]) -> Evidence:
    return replace(
        evidence,
        unseen=tuple(one for one in evidence.unseen if one.entry.group not in groups),
        decisive=tuple(one for one in evidence.decisive if one.group not in groups),
        teachers=None,
    )


def _quiet(_what: str, _done: int, _whole: int) -> None:
    """Tell nothing: the fold's own progress is shown."""
