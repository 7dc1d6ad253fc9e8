"""Fitting one network: schedule, averaged weights, and check points from which a killed run goes on."""

import copy
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edge.durable import write_whole
from models.errors import ModelError
from models.training.loss import defect_loss, distillation_loss
from models.training.network import DefectNetwork, NetworkWidths
from models.training.pictures import normalise
from models.training.sampling import Batch, CropSampler
from models.training.settings import DistillationSettings, OptimiserSettings

_QUEUE = 4
_CHECKPOINT_STEPS = 100


def fit_network(
    sampler: CropSampler,
    classes: int,
    widths: NetworkWidths,
    *,
    steps: int,
    settings: OptimiserSettings,
    distillation: DistillationSettings | None,
    seed: int,
    checkpoint: Path,
    after_step: Callable[[int], None],
) -> DefectNetwork:
    """Train from scratch, or from ``checkpoint`` on; return the exponentially averaged network in evaluation mode.

    AdamW with a one-cycle learning rate; forward and backward passes in bfloat16. With ``distillation`` its share of
    the loss is the teachers'. ``after_step`` is called with the number of steps done.

    Raises:
        ModelError: The loss is no number any more, or the check point cannot be written.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # see run_jobs: processes, not threads, share the cores
    network = DefectNetwork(classes, widths).to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps, pct_start=0.15)
    state = {"network": network, "averaged": averaged, "optimiser": optimiser, "schedule": schedule}
    first = _resume(checkpoint, state)
    for step, batch in zip(range(first, steps), _prefetched(sampler, settings.batch, first, steps), strict=True):
        pixels = torch.from_numpy(normalise(batch.pixels)).permute(0, 3, 1, 2)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(pixels)
        loss = defect_loss(logits.float(), torch.from_numpy(batch.labels.astype(np.int64)))
        if distillation is not None:
            soft = distillation_loss(logits.float(), torch.from_numpy(batch.taught), distillation.temperature)
            loss = (1 - distillation.weight) * loss + distillation.weight * soft
        if not torch.isfinite(loss):
            raise ModelError(f"the loss is {loss.item()} at step {step}: lower optimiser.learning_rate")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        _average(averaged, network, min(settings.average_decay, (1 + step) / (10 + step)))
        if (step + 1) % _CHECKPOINT_STEPS == 0:
            _save(checkpoint, state, step + 1)
        after_step(step + 1)
    return averaged


@torch.no_grad()
def float_logits(network: nn.Module, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the float network's map for one input: height x width x 3 in, rows x columns x channels out."""
    return network(_entrance(pixels))[0].permute(1, 2, 0).contiguous().numpy()


@torch.no_grad()
def logits_and_features(
    network: DefectNetwork, pixels: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the map and the coarse features of one input, both rows x columns x channels."""
    logits, coarse = network.judged(_entrance(pixels))
    return logits[0].permute(1, 2, 0).contiguous().numpy(), coarse[0].permute(1, 2, 0).contiguous().numpy()


def _entrance(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(normalise(pixels)).permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last)


def _save(path: Path, state: dict[str, Any], step: int) -> None:
    packed = io.BytesIO()
    torch.save({"step": step, **{name: part.state_dict() for name, part in state.items()}}, packed)
    try:
        write_whole(path, packed.getvalue())
    except OSError as error:
        raise ModelError(f"{path}: the check point cannot be written ({error}); free space and start again") from error


def _resume(path: Path, state: dict[str, Any]) -> int:
    """Load a check point and return the number of steps done; 0 where there is none that can be read."""
    before = {name: copy.deepcopy(part.state_dict()) for name, part in state.items()}
    try:
        saved = torch.load(path, weights_only=True)
        for name, part in state.items():
            part.load_state_dict(saved[name])
        return int(saved["step"])
    except Exception:  # noqa: BLE001  # torch reads garbage with whatever error its bytes lead to
        for name, part in state.items():
            part.load_state_dict(before[name])
        return 0


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1.0 - decay)
        else:
            mean.copy_(value)


def _prefetched(sampler: CropSampler, size: int, first: int, steps: int) -> Iterator[Batch]:
    """Yield batches ``first`` to ``steps``, drawn by one thread ahead of the network."""
    queue: Queue[Batch | BaseException] = Queue(_QUEUE)
    stopped = threading.Event()

    def draw() -> None:
        try:
            for number in range(first, steps):
                if stopped.is_set():
                    return
                queue.put(sampler.batch(number, size))
        except BaseException as error:  # noqa: BLE001  # carried over to the thread that trains
            queue.put(error)

    thread = threading.Thread(target=draw, name="crops", daemon=True)
    thread.start()
    try:
        for _ in range(first, steps):
            item = queue.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        while thread.is_alive():
            if not queue.empty():
                queue.get()
            thread.join(0.05)
