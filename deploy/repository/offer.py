"""What a repository says of one bundle: for whom it is, and how many stations may take it."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from tuf.api.metadata import TargetFile

from edge.core.rollout_share import EVERYBODY

MAX_NOTES: Final = 2_000
SOFTWARE_PATTERN: Final = r"\d{1,5}(\.\d{1,5}){0,3}"
_FILE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}-[1-9]\d{0,5}\.lgb")
_LEADING_NUMBERS: Final = re.compile(SOFTWARE_PATTERN)


def is_plain(text: str) -> bool:
    """Return whether a terminal can show a text without being told to do something else."""
    return all(letter.isprintable() or letter == "\n" for letter in text)


class OfferError(ValueError):
    """An entry of the repository that this software does not understand; the message says why."""


def _plain(text: str) -> str:
    if is_plain(text):
        return text
    raise ValueError("holds a control character")


class _Custom(BaseModel):
    """The custom metadata of a target. Keys may be added; a changed meaning needs another ``format``."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    version: Annotated[int, Field(ge=1, le=999_999)]
    product: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    minimum_software: Annotated[str, Field(pattern=f"^{SOFTWARE_PATTERN}$")]
    notes: Annotated[str, Field(max_length=MAX_NOTES), AfterValidator(_plain)] = ""
    share_permille: Annotated[int, Field(ge=0, le=EVERYBODY)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A bundle on offer; ``length`` in bytes, ``share_permille`` of the stations may take it."""

    name: str
    version: int
    product: str
    sha256: str
    length: int
    minimum_software: str
    share_permille: int
    notes: str = ""

    @property
    def bundle(self) -> str:
        """The bundle's name for people, ``NAME-VERSION``."""
        return f"{self.name}-{self.version}"

    @property
    def file_name(self) -> str:
        """The file's name, ``NAME-VERSION.lgb``."""
        return f"{self.bundle}.lgb"

    @classmethod
    def from_target(cls, path: str, target: TargetFile) -> Self:
        """Return what a target of the metadata offers.

        Raises:
            OfferError: it is no bundle, or is described in a way that this software does not know.
        """
        if not _FILE.fullmatch(path):
            raise OfferError(f"{path!r:.80} is no bundle's name")
        try:
            custom = _Custom.model_validate(target.custom)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "its description"
            raise OfferError(f"{path}: {place}: {first['msg'][:200]}") from error
        sha256 = target.hashes.get("sha256", "")
        if not re.fullmatch(r"[0-9a-f]{64}", sha256) or list(target.hashes) != ["sha256"]:
            raise OfferError(f"{path}: is not known by its SHA-256")
        offer = cls(sha256=sha256, length=target.length, **custom.model_dump(exclude={"format"}))
        if offer.file_name != path:
            raise OfferError(f"{path}: is described as {offer.file_name}")
        return offer

    def target(self) -> TargetFile:
        """Return the entry for the metadata."""
        custom = _Custom(
            name=self.name,
            version=self.version,
            product=self.product,
            minimum_software=self.minimum_software,
            notes=self.notes,
            share_permille=self.share_permille,
        )
        return TargetFile(
            self.length, {"sha256": self.sha256}, self.file_name, unrecognized_fields={"custom": custom.model_dump()}
        )


def software_numbers(version: str) -> tuple[int, ...]:
    """Return a software version's leading numbers for comparison, without trailing zeros: 0.2.0rc1 is (0, 2)."""
    found = _LEADING_NUMBERS.match(version)
    numbers = [int(number) for number in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
