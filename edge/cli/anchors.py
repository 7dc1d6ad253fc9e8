"""Anchors from wherever a person keeps them: lines ``ID:HASH``, side-cars, the retained state as JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.core.anchors import KEY, Anchor, AnchorError, anchors_in, parse_anchor
from edge.spool import SPOOL_FOLDER
from edge.spool.errors import SpoolError
from edge.spool.reader import list_spool

MAX_FILE: Final = 64 << 20
MAX_NAMED: Final = 5

Station = tuple[str, str, str]
"""Site, line and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose anchors are wanted: the id of a store's spool, and the station; None where not known."""

    store: str | None = None
    station: Station | None = None


class AnchorReader:
    """Reads anchors, and leaves out side-cars that are not the owner's (:attr:`left_out`): one bucket serves a plant.

    What says nothing of its origin (a line ``ID:HASH``, a state) is taken as it is: a person kept it for this ledger.
    """

    def __init__(self, owner: Owner) -> None:
        self.left_out = 0
        self._owner = owner
        self._stores: set[str] = set()
        self._stations: set[Station | None] = {owner.station}
        self._foreign: Counter[Station | None] = Counter()

    @property
    def estranged(self) -> int:
        """How many were left out that name the owner's station, but another store."""
        return sum(
            number for station, number in self._foreign.items() if station is not None and station in self._stations
        )

    def read(self, paths: Iterable[Path]) -> Iterator[Anchor]:
        """Yield the anchors of files, and of every ``*.json`` below folders.

        Raises:
            AnchorError: a file holds something else, a file that was named holds no anchor of the owner at all, a
                folder side-cars of others alone, or side-cars are of several stores and the owner's is not known.
            OSError: a file cannot be read.
        """
        for path in paths:
            left_out = self.left_out
            files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
            found = [anchor for file in files for anchor in self._anchors_of(file)]
            if not found and self.left_out > left_out:
                which = f" (store-id {self._owner.store})" if self._owner.store else ""
                raise AnchorError(f"{path}: holds no anchor of this store{which}: its side-cars are of others")
            if not found and not path.is_dir():
                raise AnchorError(f"{path}: holds no anchor")
            yield from found
        if self._owner.store is None and len(self._stores) > 1:
            names = ", ".join(sorted(self._stores)[:MAX_NAMED])
            raise AnchorError(
                f"the side-cars are of {len(self._stores)} stores ({names}), and there is no spool here that says "
                "which is this one's: name a folder of one store with --anchors"
            )

    def _anchors_of(self, path: Path) -> Iterator[Anchor]:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise AnchorError(f"{path}: is larger than {MAX_FILE} bytes: no list of anchors is")
        try:
            text = content.decode("utf-8-sig")
            with suppress(ValueError, RecursionError):
                yield from self._own(json.loads(text))
                return
        except UnicodeDecodeError as error:
            raise AnchorError(f"{path}: is not text") from error
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                if line.lstrip().startswith(("{", "[")):
                    yield from self._own(json.loads(line))
                else:
                    yield parse_anchor(line)
            except (ValueError, RecursionError) as error:
                raise AnchorError(f"{path}, line {number}: {error}") from error

    def _own(self, value: object) -> list[Anchor]:
        """Return the owner's anchors of a JSON value, having read all of it."""
        own = [entry for entry in _flat(value) if not self._is_foreign(entry)]
        found = [anchor for entry in own for anchor in anchors_in(entry)]
        foreign = [entry for entry in _flat(value) if self._is_foreign(entry)]
        self.left_out += len(foreign)
        self._foreign.update(map(_station_of, foreign))
        sidecars = [entry for entry in own if _is_sidecar(entry)]
        self._stores |= {entry["store"] for entry in sidecars}
        self._stations |= set(map(_station_of, sidecars))
        return found

    def _is_foreign(self, entry: Any) -> bool:
        if not _is_sidecar(entry):
            return False
        station = _station_of(entry)
        return self._owner.store not in {None, entry["store"]} or (
            station is not None and self._owner.station not in {None, station}
        )


def own_anchors(store: Path) -> Iterator[Anchor]:
    """Yield the anchors of the side-cars in a store's own spool; broken ones give none, nor does a missing spool."""
    with suppress(SpoolError):
        for entry in list_spool(store / SPOOL_FOLDER):
            if entry.sidecar is not None and entry.sidecar.ledger is not None:
                yield Anchor(event=entry.sidecar.ledger.id, digest=entry.sidecar.ledger.hash)


def _flat(value: object) -> Iterator[Any]:
    if isinstance(value, list):
        for entry in value:
            yield from _flat(entry)
    else:
        yield value


def _station_of(sidecar: dict[str, Any]) -> Station | None:
    station = sidecar.get("station")
    if not isinstance(station, dict):
        return None
    site, line, name = (str(station.get(field)) for field in ("site", "line", "name"))
    return site, line, name


def _is_sidecar(entry: Any) -> bool:
    """Say whether a JSON value holds an anchor and says of which store it is."""
    return isinstance(entry, dict) and entry.get(KEY) is not None and isinstance(entry.get("store"), str)
