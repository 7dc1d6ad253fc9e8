"""The second output: what a network's coarse features say of a picture, for novelty and for commissioning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.novelty import covered, summarise
from models.preprocess import Geometry
from models.training.fitting import logits_and_features
from models.training.network import EMBEDDING_STRIDE, DefectNetwork
from models.training.pictures import PictureEntry, PictureStore

COMPONENTS: Final = 16
_PICTURES_MAX = 160
_CELLS_EACH = 400
_VARIANCE_MIN = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedding:
    """A network's projection to whitened principal components, and what it says of pictures it saw and never saw.

    ``weight`` COMPONENTS x features, ``bias`` COMPONENTS; the summaries are n x 2 COMPONENTS, in the names' order.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    names: tuple[str, ...]
    summaries: NDArray[np.float64]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays to store."""
        return {
            "embedding:weight": self.weight,
            "embedding:bias": self.bias,
            "embedding:names": np.array(self.names),
            "embedding:summaries": self.summaries,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "Embedding":
        """Return what :meth:`arrays` stored."""
        return cls(
            weight=np.asarray(arrays["embedding:weight"], np.float64),
            bias=np.asarray(arrays["embedding:bias"], np.float64),
            names=tuple(str(name) for name in arrays["embedding:names"]),
            summaries=np.asarray(arrays["embedding:summaries"], np.float64),
        )

    def projection(self) -> nn.Conv2d:
        """Return the projection as a 1x1 convolution."""
        layer = nn.Conv2d(self.weight.shape[1], self.weight.shape[0], 1)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(self.weight.astype(np.float32))[:, :, None, None])
            layer.bias.copy_(torch.from_numpy(self.bias.astype(np.float32)))  # type: ignore[union-attr]  # it has one
        return layer


def fit_embedding(
    network: DefectNetwork,
    store: PictureStore,
    seen: Sequence[PictureEntry],
    unseen: Sequence[PictureEntry],
    seed: int,
) -> Embedding:
    """Fit the projection on cells of pictures the network was trained on, and summarise these and all unseen ones.

    Of those it was trained on photos go before virtual pictures where there are many.
    """
    random = np.random.default_rng(seed)
    chosen = [*_chosen(seen, random), *unseen]
    known = {entry.name for entry in seen}
    features = {entry.name: logits_and_features(network, store.pixels[entry.index])[1] for entry in chosen}
    cells = []
    for entry in chosen:
        if entry.name in known:
            rows = _inside(features[entry.name], entry.geometry).reshape(-1, network.widths.coarse)
            cells.append(rows[random.permutation(len(rows))[:_CELLS_EACH]])
    weight, bias = whitening(np.concatenate(cells).astype(np.float64), COMPONENTS)
    summaries = [
        summarise(
            (features[entry.name] @ weight.T + bias).astype(np.float32),
            covered(entry.geometry, EMBEDDING_STRIDE, features[entry.name].shape[:2]),
        )
        for entry in chosen
    ]
    return Embedding(
        weight=weight, bias=bias, names=tuple(entry.name for entry in chosen), summaries=np.stack(summaries)
    )


def whitening(rows: NDArray[np.float64], components: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weight and bias that map features (n x d) to their first principal components, each of variance 1."""
    mean = rows.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
    leading = np.argsort(variances)[::-1][:components]
    weight = (directions[:, leading] / np.sqrt(np.maximum(variances[leading], _VARIANCE_MIN))).T
    return weight, -weight @ mean


def _inside(features: NDArray[np.float32], geometry: Geometry) -> NDArray[np.float32]:
    row_low, row_high, column_low, column_high = covered(geometry, EMBEDDING_STRIDE, features.shape[:2])
    return features[row_low:row_high, column_low:column_high]


def _chosen(entries: Sequence[PictureEntry], random: np.random.Generator) -> list[PictureEntry]:
    photos = [entry for entry in entries if entry.origin == "photo"]
    virtual = [entry for entry in entries if entry.origin == "virtual"]
    shuffled = [virtual[index] for index in random.permutation(len(virtual))]
    return (photos + shuffled)[: max(_PICTURES_MAX, len(photos))]
