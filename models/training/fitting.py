"""Fitting one network: loss, schedule, averaged weights."""

import copy
import threading
from collections.abc import Callable, Iterator
from queue import Queue

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.training.network import DefectNetwork, NetworkWidths
from models.training.pictures import IGNORED, normalise
from models.training.sampling import Batch, CropSampler
from models.training.settings import OptimiserSettings

_HARD_SHARE = 0.02
_QUEUE = 4
_DECISIVE_CELLS = 4


def fit_network(
    sampler: CropSampler,
    classes: int,
    *,
    steps: int,
    settings: OptimiserSettings,
    seed: int,
    after_step: Callable[[int], None],
) -> DefectNetwork:
    """Train from scratch and return the network of exponentially averaged weights, in evaluation mode.

    AdamW with a one-cycle learning rate; forward and backward passes in bfloat16. ``after_step`` is called with the
    number of steps done.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # see run_jobs: processes, not threads, share the cores
    network = DefectNetwork(classes, NetworkWidths()).to(memory_format=torch.channels_last)
    averaged = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps, pct_start=0.15)
    for step, batch in enumerate(_prefetched(sampler, settings.batch, steps)):
        pixels = torch.from_numpy(normalise(batch.pixels)).permute(0, 3, 1, 2)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(pixels)
        loss = defect_loss(logits.float(), torch.from_numpy(batch.labels.astype(np.int64)))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        _average(averaged, network, min(settings.average_decay, (1 + step) / (10 + step)))
        after_step(step + 1)
    return averaged


def defect_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of a batch: N x (1 + classes) x h x w logits, N x h x w labels (0 good, k class, 255 unknown).

    Defect cells weigh by the inverse root of their picture's defect area, so that a speck counts beside a spill; of
    the good cells the hardest two per cent count as much as all others together (Shrivastava et al. 2016, OHEM); the
    mean of the highest cells of each crop, which becomes the picture's score, has a loss of its own.
    """
    defect, known = (labels > 0) & (labels != IGNORED), labels != IGNORED
    cell_loss = functional.binary_cross_entropy_with_logits(logits[:, 0], defect.float(), reduction="none")
    area = defect.sum(dim=(1, 2), keepdim=True).clamp(min=1).float()
    weight = defect / area.sqrt()
    positive = (cell_loss * weight).sum() / weight.sum().clamp(min=1e-6)
    negative = cell_loss[known & ~defect]
    hardest = negative.topk(max(int(_HARD_SHARE * negative.numel()), 1)).values
    overlap = torch.sigmoid(logits[:, 0]) * known
    dice = 1 - (2 * (overlap * defect).sum() + 1) / (overlap.sum() + defect.sum() + 1)
    kind = torch.zeros(())
    if defect.any():
        cells = logits[:, 1:].permute(0, 2, 3, 1)[defect]
        kind = (functional.cross_entropy(cells, labels[defect] - 1, reduction="none") * weight[defect]).sum()
        kind = kind / weight.sum()
    return (
        positive + negative.mean() + hardest.mean() + 0.5 * dice + 0.5 * kind + 0.3 * _crop_loss(logits, defect, known)
    )


def _crop_loss(logits: Tensor, defect: Tensor, known: Tensor) -> Tensor:
    flat = logits[:, 0].masked_fill(~known, -20.0).flatten(1)
    highest = flat.topk(8, dim=1).values.mean(dim=1)
    cells = defect.flatten(1).sum(dim=1)
    decided = (cells == 0) | (cells >= _DECISIVE_CELLS)  # a corner of a defect at the crop's border decides nothing
    if not decided.any():
        return torch.zeros(())
    return functional.binary_cross_entropy_with_logits(highest[decided], (cells[decided] > 0).float())


@torch.no_grad()
def float_logits(network: nn.Module, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the float network's map for one input: height x width x 3 in, rows x columns x channels out."""
    entrance = torch.from_numpy(normalise(pixels)).permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last)
    return network(entrance)[0].permute(1, 2, 0).contiguous().numpy()


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1.0 - decay)
        else:
            mean.copy_(value)


def _prefetched(sampler: CropSampler, size: int, steps: int) -> Iterator[Batch]:
    """Yield batches drawn by one thread ahead of the network; the order is the sampler's own."""
    queue: Queue[Batch | BaseException] = Queue(_QUEUE)
    stopped = threading.Event()

    def draw() -> None:
        try:
            for _ in range(steps):
                if stopped.is_set():
                    return
                queue.put(sampler.batch(size))
        except BaseException as error:  # noqa: BLE001  # carried over to the thread that trains
            queue.put(error)

    thread = threading.Thread(target=draw, name="crops", daemon=True)
    thread.start()
    try:
        for _ in range(steps):
            item = queue.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        while not queue.empty():
            queue.get_nowait()
