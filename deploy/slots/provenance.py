"""Where an incoming bundle came from: a small file beside it, written by whoever fetched and proved it."""

import errno
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.slots.errors import SlotsRefusedError
from models.bundle.manifest import Sha256
from models.whole_files import read_bounded

SUFFIX: Final = ".json"
BYTES_MAX: Final = 65_536


class Provenance(BaseModel):
    """What is told of an incoming bundle. ``sha256`` is the file's, as its signed metadata says.

    ``source`` says in words where it came from, ``signed`` whether anybody vouches for it; further keys are the
    fetcher's own and stay in its file.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    sha256: Sha256
    source: Annotated[str, Field(max_length=500)] = ""
    signed: bool = True

    @property
    def origin(self) -> str:
        """Where it came from, as it is told and recorded."""
        return self.source if self.signed else f"{self.source}, UNSIGNED"


def provenance_path(bundle: Path) -> Path:
    """Return where the provenance of an incoming bundle lies: ``NAME-VERSION.lgb.json``."""
    return bundle.with_name(bundle.name + SUFFIX)


def read_provenance(bundle: Path) -> Provenance | None:
    """Return what is told of an incoming bundle, None while nothing is.

    Raises:
        SlotsRefusedError: It cannot be read, or is no provenance.
    """
    path = provenance_path(bundle)
    try:
        data = read_bounded(path, BYTES_MAX)
    except FileNotFoundError:
        return None
    except OSError as error:
        told = "is too large" if error.errno == errno.EFBIG else error.strerror
        raise SlotsRefusedError(f"{path}: cannot be read ({told}); fetch the bundle again") from error
    try:
        return Provenance.model_validate_json(data)
    except ValidationError as error:
        raise SlotsRefusedError(f"{path}: tells no hash of its bundle; fetch the bundle again") from error
