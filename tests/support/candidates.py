"""Bundles on trial that need no process: they say what a test wants, and fail as it wants."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.slots.provenance import provenance_path
from edge.core.trial import Opinion
from edge.core.types import Decision
from edge.inspector.capture import View
from edge.inspector.trial.candidate import CandidateFailedError
from edge.inspector.trial.protocol import Order, Ready
from models.bundle.writing import pack
from tests.support.bundles import manifest, members

ACCEPTS = Opinion(decision=Decision.ACCEPT, code=0, score=0.01, took_ns=1_000_000)
REJECTS = Opinion(decision=Decision.REJECT, code=1001, score=0.99, took_ns=1_000_000)
READY = Ready(pictures=1, latency_ms=1.0, memory_mb=1.0)
NOTHING = Opinion(decision=None, code=302, score=None, took_ns=1_000_000)


@dataclass(eq=False)
class StandInCandidate:
    """Gives the same opinion of every part, or does what ``behave`` says first."""

    opinion: Opinion = ACCEPTS
    behave: Callable[[], None] = lambda: None
    ready: Ready = READY
    opens: Callable[[], None] = lambda: None
    judged: int = 0
    closed: int = 0

    def open(self) -> Ready:
        self.opens()
        return self.ready

    def judge(self, recipe: int, views: Sequence[View]) -> Opinion:
        self.judged += 1
        self.behave()
        return self.opinion

    def close(self) -> None:
        self.closed += 1


@dataclass(eq=False)
class Candidates:
    """Gives each bundle its stand-in, by ``NAME-VERSION``."""

    known: Mapping[str, StandInCandidate] = field(default_factory=dict)

    def __call__(self, order: Order) -> StandInCandidate:
        return self.known.get(Path(order.bundle).stem) or StandInCandidate()


def crash() -> None:
    raise CandidateFailedError("its process crashed (SIGSEGV)")


def dawdle(seconds: float) -> Callable[[], None]:
    return lambda: time.sleep(seconds)


def bring(store: Path, version: int = 3, data: bytes | None = None, **changes: Any) -> str:
    """Put a bundle where fetched ones lie, and return its name."""
    made = pack(manifest(version=version, **changes), members()) if data is None else data
    incoming = store / "models" / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    path = incoming / f"toy-{version}.lgb"
    told = {"sha256": hashlib.sha256(made).hexdigest(), "source": "a test", "signed": True}
    temporary = incoming / f".toy-{version}.part"
    temporary.write_bytes(made)
    temporary.rename(path)
    provenance_path(path).write_text(json.dumps(told), encoding="utf-8")
    return path.stem
