"""What a network is fitted to: its own labels and, where teachers speak, their opinion."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from models.training.pictures import OTHER_DEFECT, UNKNOWN
from models.training.sampling import NOT_TAUGHT

_HARD_SHARE: Final = 0.02
_DECISIVE_CELLS: Final = 3
_TOP_CELLS: Final = 4


def defect_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of a batch: N x (1 + classes) x h x w logits, N x h x w labels (int64, see ``Batch``).

    Defect cells weigh by the inverse root of their picture's defect area, so that a speck counts beside a spill; of
    the good cells the hardest two per cent count as much as all others together (Shrivastava et al. 2016, OHEM); the
    mean of the highest cells of each crop, which becomes the picture's score, has a loss of its own.
    """
    defect, known = (labels > 0) & (labels != UNKNOWN), labels != UNKNOWN
    cell_loss = functional.binary_cross_entropy_with_logits(logits[:, 0], defect.float(), reduction="none")
    area = defect.sum(dim=(1, 2), keepdim=True).clamp(min=1).float()
    weight = defect / area.sqrt()
    positive = (cell_loss * weight).sum() / weight.sum().clamp(min=1e-6)
    negative = cell_loss[known & ~defect]
    hardest = (
        negative.topk(max(int(_HARD_SHARE * negative.numel()), 1)).values if negative.numel() else logits.sum() * 0
    )
    overlap = torch.sigmoid(logits[:, 0]) * known
    dice = 1 - (2 * (overlap * defect).sum() + 1) / (overlap.sum() + defect.sum() + 1)
    kind = _kind_loss(logits, labels, defect & (labels != OTHER_DEFECT), weight)
    mean = negative.mean() if negative.numel() else 0.0
    return positive + mean + hardest.mean() + 0.5 * dice + 0.5 * kind + 0.6 * _crop_loss(logits, defect, known)


def distillation_loss(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy with the teachers' softened opinion per cell, scaled by T squared (Hinton et al. 2015).

    N x (1 + classes) x h x w logits, N x h x w teachers' defect logits; cells of ``NOT_TAUGHT`` count nothing. Of the
    cells that teachers hold good, the hardest two per cent count as much as the others, as with hard labels.
    """
    speaks = taught > NOT_TAUGHT / 2
    if not speaks.any():
        return logits.sum() * 0
    opinion = torch.sigmoid(taught / temperature)
    loss = functional.binary_cross_entropy_with_logits(logits[:, 0] / temperature, opinion, reduction="none")
    entropy = functional.binary_cross_entropy(opinion, opinion, reduction="none")
    divergence = (loss - entropy)[speaks]  # Kullback-Leibler: zero where both agree
    hardest = divergence.topk(max(int(_HARD_SHARE * divergence.numel()), 1)).values
    return temperature**2 * (divergence.mean() + hardest.mean())


def _kind_loss(logits: Tensor, labels: Tensor, named: Tensor, weight: Tensor) -> Tensor:
    if not named.any():
        return logits.sum() * 0
    cells = logits[:, 1:].permute(0, 2, 3, 1)[named]
    loss = functional.cross_entropy(cells, labels[named] - 1, reduction="none")
    return (loss * weight[named]).sum() / weight[named].sum()


def _crop_loss(logits: Tensor, defect: Tensor, known: Tensor) -> Tensor:
    flat = logits[:, 0].masked_fill(~known, -20.0).flatten(1)
    highest = flat.topk(min(_TOP_CELLS, flat.shape[1]), dim=1).values.mean(dim=1)
    cells = defect.flatten(1).sum(dim=1)
    # A corner of a defect at the crop's border decides nothing, nor does a crop of which nothing is known.
    decided = (((cells == 0) & known.flatten(1).any(dim=1)) | (cells >= _DECISIVE_CELLS)) & (
        known.flatten(1).sum(dim=1) > flat.shape[1] // 2
    )
    if not decided.any():
        return logits.sum() * 0
    return functional.binary_cross_entropy_with_logits(highest[decided], (cells[decided] > 0).float())
