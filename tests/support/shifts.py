"""A station's store after a shift: parts of the arithmetic network, some with pictures and some without."""

from pathlib import Path

import numpy as np

from edge.core.events import Event, Instant, Truth
from edge.core.types import Box, Decision, Limits
from edge.spool import SPOOL_FOLDER
from edge.spool.selection import KeepReason
from tests.support import ledgers, networks, spooling
from tests.support.ledgers import START_MS, instant, key

SCRATCH = (60, 180, 255)
FAINT = (60, 60, 128)
"""Of a score of one half: neither accepted nor rejected by the usual limits."""
DAY = "2025-10-09T00:00+00:00..2025-10-10T00:00+00:00"
EVERY_MS = 1000
CODES = {Decision.ACCEPT: 0, Decision.REJECT: 1002, Decision.CANNOT_JUDGE: 303}


def clean(seed: int) -> np.ndarray:
    return networks.part(seed)


def scratched(seed: int) -> np.ndarray:
    return networks.part(seed, (seed % 7, seed % 15, SCRATCH))


def faint(seed: int) -> np.ndarray:
    return networks.part(seed, (seed % 7, seed % 15, FAINT))


class RecordedShift:
    """Grows part by part; :meth:`write` makes the store."""

    def __init__(self, store: Path) -> None:
        self.store = store
        store.mkdir()
        self._spool = spooling.open_spool(store / SPOOL_FOLDER)
        self._events: list[Event] = []
        self._hashes: dict[str, str] = {}
        self._trig = 0

    def add(
        self,
        decision: Decision,
        picture: np.ndarray | None = None,
        *,
        cameras: tuple[str, ...] = ("top",),
        truth: str | None = None,
        name: str | None = None,
        code: int | None = None,
        recipe: int = 2,
    ) -> int:
        """Record a part, its picture the same for all cameras; return its trigger."""
        self._trig += 1
        part, at_ms = key(self._trig), self._trig * EVERY_MS
        named = name or f"P{self._trig}"
        given = CODES[decision] if code is None else code
        self._events += [
            ledgers.received(part, at_ms, part=named, recipe=recipe),
            ledgers.decided(
                part,
                at_ms + 60,
                part=named,
                recipe=recipe,
                decision=decision,
                code=given,
                views=tuple(ledgers.view(camera) for camera in cameras),
            ),
            ledgers.sent(part, at_ms + 65),
        ]
        if picture is not None:
            for camera in cameras:
                self._store(part.trig, camera, picture, decision, given)
        if truth is not None:
            self.tell(named, truth, at_ms + 500)
        return self._trig

    def tell(self, name: str, truth: str, at_ms: float, source: str = "end of line") -> None:
        """Record what a later inspection found."""
        found = "accept" if truth == "accept" else "reject"
        self._events.append(Truth(epoch=1, part=name, truth=found, source=source, at=instant(at_ms)))

    def lose(self) -> int:
        """Record a trigger that never came."""
        self._trig += 1
        self._events.append(ledgers.loss(self._trig, at_ms=self._trig * EVERY_MS))
        return self._trig

    def prune(self, trig: int) -> None:
        """Let a part's picture go, as the spool does."""
        path = f"2025/10/09/1-{trig}-top.jpg"
        for file in (self._spool_folder / path, (self._spool_folder / path).with_suffix(".json")):
            file.unlink()
        self._events.append(ledgers.pruned(path, self._hashes[path]))

    @property
    def _spool_folder(self) -> Path:
        return self.store / SPOOL_FOLDER

    def path(self, trig: int) -> Path:
        """Return where a part's picture lies."""
        return self._spool_folder / f"2025/10/09/1-{trig}-top.jpg"

    def write(self) -> Path:
        """Write the ledger and return the store."""
        ledgers.write(self.store, self._events)
        return self.store

    def _store(self, trig: int, camera: str, picture: np.ndarray, decision: Decision, code: int) -> None:
        kept = self._spool.store(
            spooling.request(
                trig,
                key=key(trig),
                image=picture,
                camera=camera,
                decision=decision,
                code=code,
                reason=KeepReason.REJECT,
                received=Instant(mono_ns=1, utc_ms=START_MS + trig * EVERY_MS),
                boxes=(Box(x=1, y=2, width=30, height=40, category="scratch", category_id=2, score=0.9),),
                limits=Limits(accept_below=0.1, reject_above=0.9),
            )
        )
        self._hashes[kept.path] = kept.sha256
        self._events.append(ledgers.stored(key(trig), kept.path, camera, kept.sha256))
