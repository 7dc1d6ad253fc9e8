"""``bundle.json``, schema version 1: what the station must know to reproduce training-time results."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge.core.quality import QualityLimits
from edge.core.types import Limits

SCHEMA_VERSION: Final = 1

Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=400)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class InputFormat(_Part):
    """The network's input and how a picture becomes it (:mod:`models.preprocess` is the definition).

    ``pad`` fills what the picture does not cover; ``(x - 128) / 128`` is the only normalisation, so that the int8
    input is the byte with its top bit flipped.
    """

    width: Annotated[int, Field(ge=32, le=4096, multiple_of=16)]
    height: Annotated[int, Field(ge=32, le=4096, multiple_of=16)]
    colour: Literal["bgr", "grey"]
    rectify: Literal["none"]
    resize: Literal["fit"]
    pad: Annotated[int, Field(ge=0, le=255)]
    normalisation: Literal["(x-128)/128"]


class DefectClass(_Part):
    """One kind of defect; a reject's code on the wire is 1000 + ``id``."""

    id: Annotated[int, Field(ge=1, le=999)]
    name: Name


class OutputFormat(_Part):
    """The network's output: one map of logits per channel, each cell ``stride`` input pixels wide.

    Channel 0 is *any defect*; channel 1 + k belongs to the class whose id is ``channel_classes[k]``.
    """

    stride: Literal[2, 4, 8]
    channel_classes: Annotated[tuple[int, ...], Field(min_length=1, max_length=64)]


class Calibration(_Part):
    """From the map to the image's defect probability.

    The image's logit is the mean of the ``top_cells`` highest defect logits; the probability is
    sigmoid(``slope`` x logit + ``intercept``), fitted out of fold (Platt 1999). ``prior`` is the share of defective
    parts among the pictures that it was fitted on.
    """

    aggregation: Literal["top_mean"]
    top_cells: Annotated[int, Field(ge=1, le=4096)]
    slope: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    intercept: Finite
    prior: Probability


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
    """What a validation on parts never trained on supports: escapes stay below ``escape_upper`` at ``confidence``."""

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
        return self

    @property
    def provisional(self) -> bool:
        """Whether no risk is claimed, so that a live line needs the recipe's consent."""
        return self.decision.risk_claim is None

    @property
    def file_name(self) -> str:
        """The bundle's file name, ``NAME-VERSION.lgb``."""
        return f"{self.name}-{self.version}.lgb"

    def class_name(self, class_id: int) -> str:
        """Return the name of a class of this bundle."""
        return next(entry.name for entry in self.classes if entry.id == class_id)
