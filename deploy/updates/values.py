"""What fetching is told, and what it hands over."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.updates.errors import Refusal
from edge.objects.place import Place

Progress = Callable[[str, int, int], None]
"""Is told which file comes, how many bytes have, and of how many."""


def no_progress(_what: str, _done: int, _whole: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A bundle that is on this station, or was brought to it."""

    name: str
    version: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFacts:
    """What decides which bundles are for this station; ``station`` is ``SITE/LINE/STATION``."""

    station: str
    products: frozenset[str]
    software: str
    present: tuple[Known, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSettings:
    """Where bundles come from and go to: ``store`` is the configured ``store.path``, ``root`` the trusted root's file.

    ``source`` is the place as people wrote it.
    """

    store: Path
    root: Path
    source: str
    place: Place
    interval_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A bundle that is whole, verified and on disk at ``path``, for the station's slots to take.

    ``signed`` is False only for a plain file on a station without a root key.
    """

    path: Path
    sha256: str
    name: str
    version: int
    product: str
    source: str
    notes: str = ""
    minimum_software: str = "0"
    share_permille: int = 1000
    signed: bool = True

    @property
    def bundle(self) -> str:
        """The bundle's name for people, ``NAME-VERSION``."""
        return f"{self.name}-{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the inspector is told of one look at a source, to be put on record where ``record`` says so.

    ``refusal`` is None where all is well; ``at`` is when it happened (Unix ms).
    """

    source: str
    refusal: Refusal | None
    bundle: str
    text: str
    at: int
    record: bool
