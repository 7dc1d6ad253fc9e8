"""What stands beside the out-of-fold figures in a bundle's report: a rival without learning, repeatability, latency."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.core.policy import judge_view
from edge.core.quality import quality_fault
from edge.core.statistics import percentile
from edge.core.types import Verdict, ViewJudgement
from models.audit.classical import ClassicalResult, Strengths, blob_strengths, judge_without_learning
from models.audit.repeat import Shots, jittered, repeatability
from models.detector import Detector
from models.evaluation import RATE_NAMES, join_parts, rate
from models.training.evidence import Unseen, listed
from models.training.measures import frame_quality, halved
from models.training.pictures import PictureEntry, PictureStore, Progress
from models.training.reading import read_picture

_SHOTS: Final = 3
_SHOT_PICTURES: Final = 200
_NS_PER_MS: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beside:
    """The pictures by the classical detector, each tuned without its group, and by the network that ships.

    That one judged each picture of ``shots`` as it is and twice more with jitter; ``latency_ms`` is what the first
    verdict took, by the picture's name. It has seen them all: their verdicts prove nothing, their changes tell.
    """

    classical: ClassicalResult
    shots: tuple[Shots, ...]
    latency_ms: dict[str, float]

    def summary(self, detector: Detector) -> dict[str, Any]:
        """Return the figures for the metrics."""
        parts = join_parts(self.classical.images)
        found = repeatability(self.shots, detector.bundle.manifest.decision.limits(), "jittered")
        taken = list(self.latency_ms.values())
        return {
            "classical": {
                "reason": self.classical.reason,
                **{name: asdict(rate(name, parts)) for name in RATE_NAMES},
            },
            "repeatability": {name: value for name, value in asdict(found).items() if name != "flipped"}
            if found
            else None,
            "latency_ms": {"p50": percentile(taken, 0.5), "p99": percentile(taken, 0.99)} if taken else None,
        }


def look_beside(own: Sequence[Unseen], store: PictureStore, detector: Detector, progress: Progress) -> Beside:
    """Judge pictures by the classical detector, and up to 200 of them several times by the network that ships."""
    again = {one.entry.name for one in own[:: -(-len(own) // _SHOT_PICTURES) or 1]}
    strengths: list[Strengths | None] = []
    shots: list[Shots] = []
    latency_ms: dict[str, float] = {}
    for done, one in enumerate(own):
        progress("baseline and repeats", done, len(own))
        entry, picture = one.entry, _as_taken(one.entry, store)
        strengths.append(blob_strengths(picture))
        if entry.name in again:
            started_ns = time.monotonic_ns()
            verdicts = [_verdict(picture, detector)]
            latency_ms[entry.name] = (time.monotonic_ns() - started_ns) / _NS_PER_MS
            verdicts += [_verdict(jittered(picture, entry.name, shot), detector) for shot in range(_SHOTS - 1)]
            shots.append(
                Shots(
                    name=entry.name,
                    bad=entry.truth == "reject",
                    decisions=tuple(verdict.decision for verdict in verdicts),
                    scores=tuple(verdict.score for verdict in verdicts),
                )
            )
    progress("baseline and repeats", len(own), len(own))
    return Beside(
        classical=judge_without_learning([listed(one.entry) for one in own], strengths),
        shots=tuple(shots),
        latency_ms=latency_ms,
    )


def _as_taken(entry: PictureEntry, store: PictureStore) -> NDArray[np.uint8]:
    """Return a photo as it was taken; a drawn part as the network sees it, without what surrounds it."""
    if entry.path is not None:
        return read_picture(entry.path)
    geometry = entry.geometry
    _, _, width, height = geometry.region
    right, bottom = geometry.left + round(width * geometry.scale_x), geometry.top + round(height * geometry.scale_y)
    return np.ascontiguousarray(store.pixels[entry.index][geometry.top : bottom, geometry.left : right])


def _verdict(picture: NDArray[np.uint8], detector: Detector) -> Verdict:
    """Judge as the line does: the frame's quality first."""
    manifest, half = detector.bundle.manifest, halved(picture)
    fault = quality_fault(frame_quality(half), manifest.quality.limits())
    if fault:
        return judge_view(ViewJudgement(camera="assembly", fault=fault))
    found = detector.inspect(picture, None, None if half is picture else half)
    return judge_view(
        ViewJudgement(
            camera="assembly",
            score=found.score,
            boxes=found.boxes,
            limits=manifest.decision.limits(),
            novelty=found.novelty,
        )
    )
