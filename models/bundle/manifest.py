"""``bundle.json``, schema version 1: what the station must know to reproduce training-time results."""

from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge.core.quality import QualityLimits
from edge.core.types import Limits
from models.preprocess import Exposure

SCHEMA_VERSION: Final = 1
_ASYMMETRY_MAX: Final = 1e-6
"""How far two halves of a symmetric matrix may differ, as a share of its largest entry (decimal rounding)."""

Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=400)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ExposureFormat(_Part):
    """How bright a picture is made: its values times ``level`` / its mean, within ``gain_min`` and ``gain_max``."""

    level: Annotated[float, Field(ge=1.0, le=254.0, allow_inf_nan=False)]
    gain_min: Annotated[float, Field(ge=0.01, le=1.0, allow_inf_nan=False)]
    gain_max: Annotated[float, Field(ge=1.0, le=64.0, allow_inf_nan=False)]

    def exposure(self) -> Exposure:
        """Return it as :func:`models.preprocess.prepare` takes it."""
        return Exposure(level=self.level, gain_min=self.gain_min, gain_max=self.gain_max)


class StripFormat(_Part):
    """How a network in two parts is run: its entrance strip by strip, so that it needs little memory at once.

    A strip answers for ``rows`` rows of the input and sees ``above`` and ``below`` more (:mod:`models.strips`). The
    network's file has the parts as its signatures ``entrance`` and ``rest``.
    """

    rows: Annotated[int, Field(ge=8, le=4096, multiple_of=8)]
    above: Annotated[int, Field(ge=0, le=512, multiple_of=8)]
    below: Annotated[int, Field(ge=0, le=512, multiple_of=8)]

    @property
    def height(self) -> int:
        """Rows of a strip."""
        return self.above + self.rows + self.below


class InputFormat(_Part):
    """The network's input and how a picture becomes it (:mod:`models.preprocess` is the definition).

    ``pad`` fills what the picture does not cover; ``(x - 128) / 128`` is the only normalisation, so that the int8
    input is the byte with its top bit flipped. ``exposure`` comes after scaling; None
    leaves the picture as bright as it is. ``strips`` is None for a network that takes the whole input at once.
    """

    width: Annotated[int, Field(ge=32, le=4096, multiple_of=16)]
    height: Annotated[int, Field(ge=32, le=4096, multiple_of=16)]
    colour: Literal["bgr", "grey"]
    rectify: Literal["none"]
    resize: Literal["fit"]
    pad: Annotated[int, Field(ge=0, le=255)]
    normalisation: Literal["(x-128)/128"]
    exposure: ExposureFormat | None = None
    strips: StripFormat | None = None

    @model_validator(mode="after")
    def _strips_inside(self) -> Self:
        if self.strips is not None and self.strips.height > self.height:
            raise ValueError(f"a strip of {self.strips.height} rows is higher than the input ({self.height})")
        return self


class DefectClass(_Part):
    """One kind of defect; a reject's code on the wire is 1000 + ``id``."""

    id: Annotated[int, Field(ge=1, le=999)]
    name: Name


class EmbeddingFormat(_Part):
    """The network's second output: a map of ``channels`` features, each cell ``stride`` input pixels wide.

    The features are whitened principal components of the network's coarse features: over the cells of good pictures of
    the training each has about mean 0 and variance 1.
    """

    stride: Literal[8, 16, 32, 64]
    channels: Annotated[int, Field(ge=2, le=64)]


class OutputFormat(_Part):
    """The network's output: one map of logits per channel, each cell ``stride`` input pixels wide.

    Channel 0 is *any defect*; channel 1 + k belongs to the class whose id is ``channel_classes[k]``. ``embedding`` is
    the second output, None where the network has but one.
    """

    stride: Literal[2, 4, 8, 16]
    channel_classes: Annotated[tuple[int, ...], Field(min_length=1, max_length=64)]
    embedding: EmbeddingFormat | None = None


class Calibration(_Part):
    """From the map to the image's defect probability.

    The image's logit is the mean of the ``top_cells`` highest defect logits; the probability is
    sigmoid(``slope`` x logit + ``intercept``), fitted out of fold (Platt 1999). ``prior`` is the share of defective
    parts among the pictures that it was fitted on. ``good_logits`` are the 5, 50 and 95 % quantiles of the good
    pictures' logits, out of fold, before slope and intercept: what commissioning lines another product's goods up with.
    """

    aggregation: Literal["top_mean"]
    top_cells: Annotated[int, Field(ge=1, le=4096)]
    slope: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    intercept: Finite
    prior: Probability
    good_logits: Annotated[tuple[Finite, ...], Field(min_length=3, max_length=3)] | None = None

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.good_logits is not None and list(self.good_logits) != sorted(self.good_logits):
            raise ValueError(f"good_logits {self.good_logits} are quantiles and must not descend")
        return self


class BoxExtraction(_Part):
    """From the map to boxes: cells above ``grow_logit`` that touch within ``merge_cells`` form one box.

    A component counts when its highest logit reaches ``peak_logit`` and it has ``minimum_cells`` cells; the
    ``maximum`` strongest are kept.
    """

    grow_logit: Finite
    peak_logit: Finite
    minimum_cells: Annotated[int, Field(ge=1, le=100_000)]
    merge_cells: Annotated[int, Field(ge=0, le=16)]
    maximum: Annotated[int, Field(ge=1, le=999)]

    @model_validator(mode="after")
    def _peak_above_grow(self) -> Self:
        if self.peak_logit < self.grow_logit:
            raise ValueError(f"peak_logit ({self.peak_logit}) must not be below grow_logit ({self.grow_logit})")
        return self


class RiskClaim(_Part):
    """Escapes stay below ``escape_upper`` at ``confidence``, as ``defective_parts`` independent parts support.

    Of a bundle: scores by networks that left the judged group out, while the one that ships has seen them all. Of a
    commissioned file: challenge parts that no network was trained on.
    """

    escape_upper: Probability
    confidence: Probability
    defective_parts: Annotated[int, Field(ge=1)]


class DecisionLimits(_Part):
    """Accept strictly below ``accept_below``, reject strictly above ``reject_above``; no claim means provisional."""

    accept_below: Probability
    reject_above: Probability
    risk_claim: RiskClaim | None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.accept_below > self.reject_above:
            raise ValueError(f"accept_below ({self.accept_below}) is above reject_above ({self.reject_above})")
        return self

    def limits(self) -> Limits:
        """Return the limits as the policy takes them."""
        return Limits(accept_below=self.accept_below, reject_above=self.reject_above)


class Quality(_Part):
    """The range of frame quality within which the bundle's figures hold; see :class:`QualityLimits`."""

    brightness_min: Finite
    brightness_max: Finite
    contrast_min: Finite
    sharpness_min: Finite
    clipped_max: Probability

    def limits(self) -> QualityLimits:
        """Return the limits as the frame check takes them."""
        return QualityLimits(**self.model_dump())


class Novelty(_Part):
    """What pictures of the training look like: the place and spread of their summaries (:mod:`models.novelty`).

    ``centre`` has twice as many values as the embedding has channels, ``precision`` is the inverse covariance, square
    and of the same size. A picture whose distance is above ``limit`` is unlike anything in the network's training.
    """

    centre: Annotated[tuple[Finite, ...], Field(min_length=4, max_length=128)]
    precision: Annotated[tuple[tuple[Finite, ...], ...], Field(min_length=4, max_length=128)]
    limit: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _measures_a_distance(self) -> Self:
        size = len(self.centre)
        if len(self.precision) != size or any(len(row) != size for row in self.precision):
            raise ValueError(f"precision must have {size} rows of {size} values, as the centre has")
        matrix = np.asarray(self.precision, np.float64)
        if np.abs(matrix - matrix.T).max() > _ASYMMETRY_MAX * np.abs(matrix).max():
            raise ValueError("precision must be symmetric")
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError as error:
            raise ValueError("precision must be positive definite, else it measures no distance") from error
        return self


class Dataset(_Part):
    """What the network was trained on; ``sha256`` is over the sorted hashes of its pictures."""

    name: Text
    pictures: Annotated[int, Field(ge=1)]
    sha256: Sha256


class Tool(_Part):
    """A tool of the training run and its version."""

    name: Text
    version: Text


class Member(_Part):
    """A file of the archive and its hash."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}(/[A-Za-z0-9_.-]{1,64})?$")]
    size: Annotated[int, Field(ge=0)]
    sha256: Sha256


class Manifest(_Part):
    """The whole of ``bundle.json``."""

    schema_version: Literal[1]
    name: Name
    version: Annotated[int, Field(ge=1, le=999_999)]
    product: Name
    input: InputFormat
    output: OutputFormat
    classes: Annotated[tuple[DefectClass, ...], Field(min_length=1, max_length=64)]
    calibration: Calibration
    decision: DecisionLimits
    boxes: BoxExtraction
    quality: Quality
    novelty: Novelty | None = None
    datasets: tuple[Dataset, ...]
    parent: Sha256 | None
    teacher: Text | None
    tools: tuple[Tool, ...]
    members: tuple[Member, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [entry.id for entry in self.classes]
        if len(set(ids)) != len(ids) or len({entry.name for entry in self.classes}) != len(ids):
            raise ValueError("two classes share an id or a name")
        if sorted(self.output.channel_classes) != sorted(ids):
            raise ValueError(f"channel_classes {self.output.channel_classes} are not the classes' ids {tuple(ids)}")
        if len({entry.name for entry in self.members}) != len(self.members):
            raise ValueError("a member is listed twice")
        self._check_embedding()
        return self

    def _check_embedding(self) -> None:
        embedding = self.output.embedding
        if embedding is None:
            if self.novelty is not None:
                raise ValueError("novelty needs a network with an embedding (output.embedding)")
            return
        if self.input.width % embedding.stride or self.input.height % embedding.stride:
            raise ValueError(
                f"an input of {self.input.width} x {self.input.height} is no whole multiple of the embedding's stride "
                f"{embedding.stride}"
            )
        if embedding.stride < self.output.stride:
            raise ValueError(
                f"the embedding (stride {embedding.stride}) is finer than the logits (stride {self.output.stride})"
            )
        if (embedding.stride, embedding.channels) == (self.output.stride, 1 + len(self.output.channel_classes)):
            raise ValueError("embedding and logits have the same shape; the two outputs could not be told apart")
        if self.novelty is not None and len(self.novelty.centre) != 2 * embedding.channels:
            raise ValueError(
                f"novelty has {len(self.novelty.centre)} values, an embedding of {embedding.channels} channels "
                f"gives {2 * embedding.channels}"
            )

    @property
    def provisional(self) -> bool:
        """Whether no risk is claimed, so that a live line needs the recipe's consent."""
        return self.decision.risk_claim is None

    @property
    def label(self) -> str:
        """What people call the bundle, ``NAME-VERSION``."""
        return f"{self.name}-{self.version}"

    @property
    def file_name(self) -> str:
        """The bundle's file name, ``NAME-VERSION.lgb``."""
        return f"{self.label}.lgb"

    def class_name(self, class_id: int) -> str:
        """Return the name of a class of this bundle."""
        return next(entry.name for entry in self.classes if entry.id == class_id)
