"""The networks of a run, each fitted in a process of its own: one per fold, and one on everything."""

import multiprocessing
import pickle
import tempfile
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.postprocess import LogitMap
from models.quantisation import Quantisation
from models.training.fitting import fit_network, float_logits
from models.training.network import DefectNetwork, NetworkWidths
from models.training.pictures import Progress, TrainingPicture
from models.training.sampling import CropSampler
from models.training.settings import TrainingSettings

MAP_QUANTISATION = Quantisation(scale=0.125, zero_point=0)
"""How out-of-fold maps are stored: logits from -16 to 15.875, as finely as the int8 network gives them."""


_POLL_S = 2.0
_NOTE_EVERY = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pools:
    """The pictures of a run: photos, virtual parts to train on, and virtual parts of other seeds, never trained on."""

    photos: tuple[TrainingPicture, ...]
    virtual: tuple[TrainingPicture, ...]
    held_out: tuple[TrainingPicture, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """What one process fits: everything but the groups in ``left_out``."""

    left_out: tuple[str, ...]
    steps: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """A job's averaged weights, and its maps (stored by ``MAP_QUANTISATION``) of the pictures it never saw, by name."""

    job: Job
    weights: dict[str, NDArray[np.generic]]
    maps: dict[str, LogitMap]


def run_jobs(jobs: Sequence[Job], pools: Pools, settings: TrainingSettings, progress: Progress) -> list[Outcome]:
    """Fit every job, ``settings.workers`` at a time, and return the outcomes in the jobs' order.

    One thread a process: on two cores two processes fit twice as fast as one process with two threads.
    """
    with tempfile.TemporaryDirectory(prefix="linegate-train-") as folder:
        shared = Path(folder) / "pools.pickle"
        with shared.open("wb") as stream:
            pickle.dump(pools, stream, pickle.HIGHEST_PROTOCOL)
        spawn = multiprocessing.get_context("spawn")  # a fork would copy OpenCV's threads in an unknown state
        with ProcessPoolExecutor(settings.workers, mp_context=spawn) as pool:
            counters = [Path(folder) / f"job-{number}.steps" for number in range(len(jobs))]
            futures = [
                pool.submit(_run_job, job, shared, settings, counter)
                for job, counter in zip(jobs, counters, strict=True)
            ]
            pending: set[Future[Outcome]] = set(futures)
            while pending:
                pending = wait(pending, timeout=_POLL_S, return_when=FIRST_EXCEPTION).not_done
                if any(future.done() and future.exception() for future in futures):
                    pool.shutdown(wait=False, cancel_futures=True)
                    break
                progress("fitting networks", sum(map(_steps_done, counters)), sum(job.steps for job in jobs))
            return [future.result() for future in futures if not future.cancelled()]


def rebuilt(outcome: Outcome, classes: int) -> DefectNetwork:
    """Return a job's network in evaluation mode."""
    network = DefectNetwork(classes, NetworkWidths())
    network.load_state_dict({name: torch.from_numpy(value) for name, value in outcome.weights.items()})
    return network.eval().to(memory_format=torch.channels_last)


def _run_job(job: Job, shared: Path, settings: TrainingSettings, counter: Path) -> Outcome:
    with shared.open("rb") as stream:
        pools: Pools = pickle.load(stream)  # noqa: S301  # written by the parent a moment ago
    seen = [picture for picture in pools.photos if picture.group not in job.left_out]
    unseen = [picture for picture in pools.photos if picture.group in job.left_out]
    sampler = CropSampler(
        seen,
        pools.virtual,
        crop=settings.optimiser.crop,
        real_share=settings.optimiser.real_share,
        seed=job.seed,
    )
    network = fit_network(
        sampler,
        len(settings.classes),
        steps=job.steps,
        settings=settings.optimiser,
        seed=job.seed,
        after_step=lambda step: _note_steps(counter, step),
    )
    maps = {picture.name: _stored(float_logits(network, picture.pixels)) for picture in [*unseen, *pools.held_out]}
    return Outcome(job=job, weights={name: value.numpy() for name, value in network.state_dict().items()}, maps=maps)


def _note_steps(counter: Path, step: int) -> None:
    if step % _NOTE_EVERY == 0:
        counter.write_text(str(step), encoding="ascii")


def _steps_done(counter: Path) -> int:
    try:
        return int(counter.read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0


def _stored(logits: NDArray[np.float32]) -> LogitMap:
    return np.clip(np.rint(logits / MAP_QUANTISATION.scale), -128, 127).astype(np.int8)
