"""The commissioned file, schema version 1: one JSON object with a view's rules and what they were learned from."""

import base64
import binascii
import math
from typing import Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from edge.core.types import Limits
from models.bundle.manifest import Finite, Name, Probability, RiskClaim, Sha256, Text
from models.bundle.prints import PRINT_DIGITS
from models.commissioning.commission import Commissioning, Outcome, part_decisions
from models.commissioning.reference import CAP, ENTRIES_MAX, SLACK, SUPPORT_MIN, Reference
from models.commissioning.rules import OFFSET_MAX, OwnNovelty, Rules
from models.quantisation import Quantisation

SCHEMA_VERSION: Final = 1
BEYOND: Final = 1e9
"""Stands for a novelty that is greater, or no number."""
FILE_NAME_MAX: Final = 4096
VIEW_NAME_MAX: Final = 200
NAMED_MAX: Final = 1000
"""Pictures that are named of each set; beyond, they are only counted."""
_FLOATS: Final = np.dtype("<f8")

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
File = Annotated[str, Field(min_length=1, max_length=FILE_NAME_MAX)]
Print = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{PRINT_DIGITS}}}$")]
Numbers = Annotated[tuple[Count, ...], Field(min_length=1, max_length=ENTRIES_MAX)]


def _is_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not base64") from error
    return text


Base64 = Annotated[str, AfterValidator(_is_base64)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PictureSet(_Part):
    """The pictures of one folder: listed, used (readable, and good enough to be judged), and distinct parts among them.

    ``independent`` counts the parts on which a claim may rest (:func:`independent_parts`), ``trained`` names the
    pictures that the network was trained on, None where the bundle does not tell; without both nothing is claimed.
    ``sha256`` is over the sorted hashes of the files used, ``prints`` are those of each (:mod:`models.bundle.prints`;
    None in files written before there were any); ``unused`` names those that were not.
    """

    pictures: Count
    used: Count
    parts: Count
    sha256: Sha256
    unused: Annotated[tuple[File, ...], Field(max_length=NAMED_MAX)]
    prints: tuple[Print, ...] | None = None
    independent: Count | None = None
    trained: Annotated[tuple[File, ...], Field(max_length=NAMED_MAX)] | None = None


class StoredReference(_Part):
    """A :class:`Reference`. ``vectors`` are the network's int8 values, base64, n x ``channels``."""

    channels: Annotated[int, Field(ge=2, le=64)]
    vectors: Base64
    scale: Positive
    zero_point: Annotated[int, Field(ge=-128, le=127)]
    logits: Annotated[tuple[Finite, ...], Field(min_length=1, max_length=ENTRIES_MAX)]
    rows: Numbers
    columns: Numbers
    parts: Numbers
    floor: Finite
    radius: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    support: Annotated[int, Field(ge=SUPPORT_MIN)]
    slack: Annotated[float, Field(ge=0.0, le=SLACK)]
    cap: Annotated[float, Field(ge=0.0, le=CAP)]
    reach: Count | None

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        count = len(self.logits)
        if not len(self.rows) == len(self.columns) == len(self.parts) == count:
            raise ValueError("logits, rows, columns and parts differ in length")
        if len(base64.b64decode(self.vectors)) != count * self.channels:
            raise ValueError(f"vectors must hold {count} x {self.channels} bytes")
        return self

    def restored(self) -> Reference:
        """Return the reference as it is applied."""
        levels = np.frombuffer(base64.b64decode(self.vectors), np.int8).reshape(-1, self.channels)
        vectors = (levels.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)
        return Reference(
            vectors=vectors,
            logits=np.asarray(self.logits, np.float32),
            rows=np.asarray(self.rows, np.int64),
            columns=np.asarray(self.columns, np.int64),
            parts=np.asarray(self.parts, np.int64),
            floor=self.floor,
            radius=self.radius,
            support=self.support,
            slack=self.slack,
            cap=self.cap,
            reach=self.reach,
        )


class StoredNovelty(_Part):
    """An :class:`OwnNovelty`; ``precision`` is base64 of d x d little-endian 64-bit floats, row by row."""

    centre: Annotated[tuple[Finite, ...], Field(min_length=4, max_length=128)]
    precision: Base64
    limit: Positive

    @model_validator(mode="after")
    def _measures_a_distance(self) -> Self:
        size = len(self.centre)
        if len(base64.b64decode(self.precision)) != size * size * _FLOATS.itemsize:
            raise ValueError(f"precision must hold {size} x {size} numbers")
        try:
            np.linalg.cholesky(self._matrix())
        except np.linalg.LinAlgError as error:
            raise ValueError("precision is not positive definite") from error
        return self

    def restored(self) -> OwnNovelty:
        """Return the novelty as it is applied."""
        return OwnNovelty(centre=np.asarray(self.centre), precision=self._matrix(), limit=self.limit)

    def _matrix(self) -> NDArray[np.float64]:
        size = len(self.centre)
        values = np.frombuffer(base64.b64decode(self.precision), _FLOATS)
        return values.astype(np.float64).reshape(size, size)


class Counts(_Part):
    """How many distinct parts were judged which way."""

    accept: Count
    reject: Count
    cannot_judge: Count


class ChallengeResult(_Part):
    """What the final rules said of one picture with a known defect; ``novelty`` is at most 1e9."""

    file: File
    part: Count
    score: Probability
    novelty: Annotated[float, Field(ge=0.0, le=BEYOND)] | None


class Results(_Part):
    """Goods judged by rules learned from the others, the same goods by the bundle alone, and every challenge picture.

    ``not_accepted`` names the goods' pictures that were not accepted when left out.
    """

    goods: Counts
    goods_by_bundle: Counts
    not_accepted: Annotated[tuple[File, ...], Field(max_length=NAMED_MAX)]
    challenge: tuple[ChallengeResult, ...]


class Origin(_Part):
    """What was commissioned, with what, when (UTC, ISO 8601); ``view`` and ``roi`` are None where none was named."""

    bundle: Text
    bundle_sha256: Sha256
    product: Name
    view: Annotated[str, Field(min_length=1, max_length=VIEW_NAME_MAX)] | None
    roi: tuple[Count, Count, Count, Count] | None
    software: Text
    created: Text
    goods: PictureSet
    challenge: PictureSet | None


class CommissionedFile(_Part):
    """The whole file, less the hash of its content."""

    schema_version: Literal[1]
    origin: Origin
    lenient: bool
    offset: Annotated[float, Field(ge=-OFFSET_MAX, le=OFFSET_MAX)]
    accept_below: Probability
    reject_above: Probability
    reference: StoredReference | None
    novelty: StoredNovelty | None
    results: Results
    risk_claim: RiskClaim | None
    remarks: tuple[Text, ...]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.accept_below > self.reject_above:
            raise ValueError(f"accept_below ({self.accept_below}) is above reject_above ({self.reject_above})")
        return self

    @property
    def limits(self) -> Limits:
        """The limits as the policy takes them."""
        return Limits(accept_below=self.accept_below, reject_above=self.reject_above)

    def rules(self) -> Rules:
        """Return the rules as they are applied."""
        return Rules(
            offset=self.offset,
            limits=self.limits,
            reference=self.reference.restored() if self.reference else None,
            novelty=self.novelty.restored() if self.novelty else None,
            lenient=self.lenient,
        )


def recorded(
    found: Commissioning, origin: Origin, embedding: Quantisation | None, remarks: tuple[str, ...]
) -> CommissionedFile:
    """Return what commissioning came to as the file holds it; ``embedding`` is how the network stores its embedding."""
    rules = found.rules
    return CommissionedFile(
        schema_version=SCHEMA_VERSION,
        origin=origin,
        lenient=rules.lenient,
        offset=rules.offset,
        accept_below=rules.limits.accept_below,
        reject_above=rules.limits.reject_above,
        reference=_reference(rules.reference, embedding) if rules.reference and embedding else None,
        novelty=_novelty(rules.novelty) if rules.novelty else None,
        results=Results(
            goods=counted(found.goods),
            goods_by_bundle=counted(found.cold),
            not_accepted=tuple(good.file for good in found.goods if good.decision.label != "accept")[:NAMED_MAX],
            challenge=tuple(
                ChallengeResult(file=one.file, part=one.part, score=one.score, novelty=_bounded(one.novelty))
                for one in found.challenge
            ),
        ),
        risk_claim=found.claim,
        remarks=remarks,
    )


def counted(outcomes: tuple[Outcome, ...]) -> Counts:
    """Count distinct parts by decision; a part's worst picture decides."""
    labels = [decision.label for decision in part_decisions(outcomes)]
    return Counts(
        accept=labels.count("accept"), reject=labels.count("reject"), cannot_judge=labels.count("cannot_judge")
    )


def _reference(reference: Reference, embedding: Quantisation) -> StoredReference:
    levels = np.rint(reference.vectors / embedding.scale + embedding.zero_point)
    return StoredReference(
        channels=reference.vectors.shape[1],
        vectors=base64.b64encode(levels.astype(np.int8).tobytes()).decode("ascii"),
        scale=embedding.scale,
        zero_point=embedding.zero_point,
        logits=tuple(reference.logits.astype(float).tolist()),
        rows=tuple(reference.rows.tolist()),
        columns=tuple(reference.columns.tolist()),
        parts=tuple(reference.parts.tolist()),
        floor=reference.floor,
        radius=reference.radius,
        support=reference.support,
        slack=reference.slack,
        cap=reference.cap,
        reach=reference.reach,
    )


def _novelty(novelty: OwnNovelty) -> StoredNovelty:
    return StoredNovelty(
        centre=tuple(novelty.centre.tolist()),
        precision=base64.b64encode(novelty.precision.astype(_FLOATS).tobytes()).decode("ascii"),
        limit=novelty.limit,
    )


def _bounded(novelty: float | None) -> float | None:
    if novelty is None:
        return None
    return min(novelty, BEYOND) if math.isfinite(novelty) else BEYOND
