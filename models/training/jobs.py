"""The networks of a run: teachers that have not seen two folds, one student per fold, and the student that ships.

A student that leaves out fold i learns on a picture of fold j from the teacher that saw neither i nor j, so that
nothing of fold i reaches it; the student of everything learns from all teachers that have not seen the picture. Each
network is fitted in a process of its own, keeps its check points and its result in files, and is not fitted again.
"""

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import ModelError
from models.novelty import distance, fit
from models.postprocess import LogitMap
from models.quantisation import Quantisation
from models.training.embedding import Embedding, fit_embedding
from models.training.files import read_arrays, write_arrays
from models.training.fitting import fit_network, logits_and_features
from models.training.network import STUDENT, TEACHER, DefectNetwork
from models.training.pictures import PictureEntry, PictureStore, Progress
from models.training.sampling import CropSampler
from models.training.settings import OptimiserSettings, TrainingSettings
from models.training.workers import worker_pool

MAP_QUANTISATION = Quantisation(scale=0.125, zero_point=0)
"""How out-of-fold maps are stored: logits from -16 to 15.875, as finely as the int8 network gives them."""

_POLL_S = 2.0
_NOTE_EVERY = 10
_SUMMARIES_MIN = 4
_CROP_MIN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One network: a teacher or a student, and the numbers of the folds that it must not see."""

    teacher: bool
    left_out: tuple[int, ...]
    steps: int
    seed: int

    @property
    def name(self) -> str:
        """The job's name in the work folder."""
        kind = "teacher" if self.teacher else "student"
        return "-".join([kind, *(f"without-{fold}" for fold in self.left_out)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """A job's averaged weights, and its maps (stored by ``MAP_QUANTISATION``) of the pictures it never saw, by name.

    ``embedding`` is a student's; None for a teacher.
    """

    job: Job
    weights: dict[str, NDArray[np.generic]]
    maps: dict[str, LogitMap]
    embedding: Embedding | None

    def distances(self, groups: Mapping[str, str]) -> dict[str, float]:
        """Return the distance of each unseen picture's summary from those of the pictures that the network saw.

        ``groups`` names each picture's group; empty where too few groups were seen.
        """
        if self.embedding is None:
            return {}
        names, summaries = self.embedding.names, self.embedding.summaries
        seen = [row for row, name in enumerate(names) if name not in self.maps]
        if len(seen) < _SUMMARIES_MIN:
            return {}
        centre, precision = fit(summaries[seen], [groups[names[row]] for row in seen])
        return {
            name: distance(summaries[row], centre, precision) for row, name in enumerate(names) if name in self.maps
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What every job needs to know: the store, which fold a group belongs to, and the classes."""

    pictures: Path
    entries: tuple[PictureEntry, ...]
    folds: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    folder: Path

    def fold_of(self, entry: PictureEntry) -> int:
        """Return the number of the fold that holds the entry's group."""
        return next(number for number, groups in enumerate(self.folds) if entry.group in groups)


def plan_jobs(settings: TrainingSettings, folds: int) -> tuple[list[Job], list[Job]]:
    """Return the teachers and the students of a run; the last student is that of everything."""
    optimiser = settings.optimiser
    # With two folds nothing is left for a teacher that may see neither.
    pairs = list(itertools.combinations(range(folds), 2)) if settings.distillation.weight and folds > 2 else []  # noqa: PLR2004
    teachers = [
        Job(teacher=True, left_out=pair, steps=optimiser.teacher_steps, seed=settings.seed + 100 + number)
        for number, pair in enumerate(pairs)
    ]
    students = [
        Job(teacher=False, left_out=(fold,), steps=optimiser.fold_steps, seed=settings.seed + 1 + fold)
        for fold in range(folds)
    ]
    return teachers, [*students, Job(teacher=False, left_out=(), steps=optimiser.steps, seed=settings.seed)]


def run_jobs(jobs: Sequence[Job], plan: Plan, settings: TrainingSettings, progress: Progress, what: str) -> None:
    """Fit every job that has no result yet, ``settings.workers`` at a time; the longest first.

    One thread a process: on two cores two processes fit twice as fast as one process with two threads.

    Raises:
        ModelError: A network cannot be fitted or stored, or its process was killed.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    waiting = sorted((job for job in jobs if not _result(plan, job).exists()), key=lambda job: job.steps, reverse=True)
    done = sum(job.steps for job in jobs) - sum(job.steps for job in waiting)
    with worker_pool(settings.workers) as pool:
        futures: list[Future[None]] = [pool.submit(run_job, job, plan, settings) for job in waiting]
        pending = set(futures)
        while pending:
            pending = wait(pending, timeout=_POLL_S, return_when=FIRST_EXCEPTION).not_done
            if any(future.done() and future.exception() for future in futures):
                pool.shutdown(wait=False, cancel_futures=True)
                break
            progress(what, done + sum(_steps_done(plan, job) for job in waiting), sum(job.steps for job in jobs))
        try:
            for future in futures:
                if not future.cancelled():
                    future.result()
        except BrokenProcessPool as error:
            raise ModelError(
                f"{plan.folder}: a process that fitted a network was killed, perhaps for memory; start again with "
                "workers = 1, it goes on where it was"
            ) from error


def outcome_of(job: Job, plan: Plan) -> Outcome:
    """Return the result of a job that :func:`run_jobs` has run."""
    arrays = read_arrays(_result(plan, job))
    weights = {name.removeprefix("weight:"): value for name, value in arrays.items() if name.startswith("weight:")}
    maps = {name.removeprefix("map:"): value for name, value in arrays.items() if name.startswith("map:")}
    embedding = Embedding.from_arrays(arrays) if not job.teacher else None
    return Outcome(job=job, weights=weights, maps=maps, embedding=embedding)


def rebuilt(outcome: Outcome, classes: int) -> DefectNetwork:
    """Return a job's network in evaluation mode."""
    network = DefectNetwork(classes, TEACHER if outcome.job.teacher else STUDENT)
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in outcome.weights.items()})
    return network.eval().to(memory_format=torch.channels_last)


def run_job(job: Job, plan: Plan, settings: TrainingSettings) -> None:
    """Fit one network and write its result; called in a process of its own."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    store = PictureStore(plan.pictures, plan.entries)
    seen = [entry for entry in store.entries if plan.fold_of(entry) not in job.left_out]
    unseen = [entry for entry in store.entries if plan.fold_of(entry) in job.left_out]
    taught = {} if job.teacher else _taught(job, plan, settings, seen)
    optimiser = fitted_to(settings.optimiser, seen)
    sampler = CropSampler(
        store,
        seen,
        classes=plan.classes,
        crop=optimiser.crop,
        settings=settings.augmentation,
        seed=job.seed,
        taught=taught,
    )
    progress_file = plan.folder / f"{job.name}.steps"
    network = fit_network(
        sampler,
        len(plan.classes),
        TEACHER if job.teacher else STUDENT,
        steps=job.steps,
        settings=optimiser,
        distillation=settings.distillation if taught else None,
        seed=job.seed,
        checkpoint=plan.folder / f"{job.name}.checkpoint",
        after_step=lambda step: _note_steps(progress_file, step),
    )
    arrays: dict[str, NDArray[np.generic]] = {
        f"weight:{name}": value.numpy() for name, value in network.state_dict().items()
    }
    for entry in unseen:
        logits, _ = logits_and_features(network, store.pixels[entry.index])
        arrays[f"map:{entry.name}"] = stored_map(logits[:, :, :1] if job.teacher else logits)
    if not job.teacher:
        arrays.update(fit_embedding(network, store, seen, unseen, job.seed).arrays())
    write_arrays(_result(plan, job), arrays)
    (plan.folder / f"{job.name}.checkpoint").unlink(missing_ok=True)


def stored_map(logits: NDArray[np.float32]) -> LogitMap:
    """Return a map as it is stored, by ``MAP_QUANTISATION``."""
    return np.clip(np.rint(logits / MAP_QUANTISATION.scale), -128, 127).astype(np.int8)


def teacher_maps(plan: Plan, jobs: Sequence[Job]) -> dict[str, list[LogitMap]]:
    """Return, by picture, the maps of these teachers for the pictures that they never saw."""
    maps: dict[str, list[LogitMap]] = defaultdict(list)
    for job in jobs:
        for name, stored in outcome_of(job, plan).maps.items():
            maps[name].append(stored)
    return maps


def fitted_to(settings: OptimiserSettings, entries: Sequence[PictureEntry]) -> OptimiserSettings:
    """Return the settings with crops no larger than the usual picture's shorter side, and batches of as many pixels."""
    shorter = [
        min(entry.geometry.region[2] * entry.geometry.scale_x, entry.geometry.region[3] * entry.geometry.scale_y)
        for entry in entries
    ]
    crop = int(min(settings.crop, max(np.median(shorter) // 32 * 32, _CROP_MIN)))
    batch = round(settings.batch * (settings.crop / crop) ** 2)
    return settings.model_copy(update={"crop": crop, "batch": batch})


def settings_key(settings: TrainingSettings, folds: Sequence[Sequence[str]], pictures: str) -> str:
    """Return a hash of all that a network depends on: pictures, folds, and how it is fitted."""
    parts = {
        "pictures": pictures,
        "folds": [list(groups) for groups in folds],
        **{
            name: getattr(settings, name).model_dump(mode="json")
            for name in ("optimiser", "augmentation", "distillation")
        },
        "seed": settings.seed,
        "widths": [repr(STUDENT), repr(TEACHER)],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _taught(
    job: Job, plan: Plan, settings: TrainingSettings, seen: Sequence[PictureEntry]
) -> Mapping[str, NDArray[np.float32]]:
    teachers, _ = plan_jobs(settings, len(plan.folds))
    allowed = [teacher for teacher in teachers if set(job.left_out) <= set(teacher.left_out)]
    names = {entry.name for entry in seen}
    return {
        name: np.mean([MAP_QUANTISATION.scale * stored[:, :, 0] for stored in maps], axis=0).astype(np.float32)
        for name, maps in teacher_maps(plan, allowed).items()
        if name in names
    }


def _result(plan: Plan, job: Job) -> Path:
    return plan.folder / f"{job.name}.npz"


def _note_steps(path: Path, step: int) -> None:
    if step % _NOTE_EVERY == 0:
        path.write_text(str(step), encoding="ascii")


def _steps_done(plan: Plan, job: Job) -> int:
    try:
        return int((plan.folder / f"{job.name}.steps").read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0
