"""A bundle in memory, and the outputs that its golden pictures must give."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from models.bundle.manifest import Manifest, Name, Probability, Sha256


class GoldenBox(BaseModel):
    """A box that the golden picture gives, in pixels of the picture."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    x: int
    y: int
    width: int
    height: int
    category: Name
    score: Probability


class GoldenExpectation(BaseModel):
    """What the model gave for one golden picture when the bundle was made.

    ``pixels_sha256`` is over the decoded picture's bytes and tells a differing decoder from a differing network;
    ``novelty`` (1 is the limit) is None in bundles made before there was one, and is then not compared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    picture: Annotated[str, Field(pattern=r"^golden/[A-Za-z0-9_-]{1,48}\.(jpg|png)$")]
    pixels_sha256: Sha256
    score: Probability
    boxes: tuple[GoldenBox, ...]
    novelty: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A golden picture (encoded, as stored) and its expected outputs."""

    picture: bytes
    expected: GoldenExpectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A checked bundle, wholly in memory.

    ``sha256`` is over the file; ``model`` is the TFLite file; ``metrics`` is ``metrics.json`` as text, ``report`` the
    HTML page, ``card`` the model card in Markdown.
    """

    sha256: str
    manifest: Manifest
    model: bytes
    golden: tuple[Golden, ...]
    metrics: str
    report: str
    card: str

    @property
    def label(self) -> str:
        """How people call it: name, version and the first digits of its hash."""
        return f"{self.manifest.label} ({self.sha256[:8]})"
