"""The gate between the float network and the int8 one: no bundle whose verdicts are not those that were measured."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.core.policy import judge_view
from edge.core.types import Decision, Limits, ViewJudgement
from models.bundle.manifest import Calibration
from models.detector import Detector
from models.errors import ModelError
from models.postprocess import probability, top_mean
from models.training.fitting import float_logits
from models.training.implants import implant
from models.training.network import DefectNetwork
from models.training.pictures import PictureEntry, PictureStore, Progress
from models.training.settings import ParitySettings

_NEAR: Final = 1.5  # logits on either side of a limit
_HALVINGS: Final = 5
_NEAR_SHARE: Final = 0.3
_KINDS: Final = ("scratch", "stain", "crack")


class ParityError(ModelError):
    """The int8 network judges other than the float one; the message lists where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One picture by both networks: raw scores (logits) and verdicts."""

    name: str
    exact: float
    quantised: float
    exact_verdict: Decision
    quantised_verdict: Decision

    @property
    def flipped(self) -> bool:
        """Whether the verdicts differ."""
        return self.exact_verdict is not self.quantised_verdict

    @property
    def grave(self) -> bool:
        """Whether one accepts what the other rejects."""
        return self.flipped and Decision.CANNOT_JUDGE not in {self.exact_verdict, self.quantised_verdict}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """All pictures compared."""

    pictures: tuple[Compared, ...]

    def summary(self) -> dict[str, Any]:
        """Return the figures for the metrics; each flip is listed."""
        differences = np.array([abs(one.exact - one.quantised) for one in self.pictures])
        return {
            "pictures": len(self.pictures),
            "logit_difference_p99": float(np.quantile(differences, 0.99)),
            "logit_difference_max": float(differences.max()),
            "accept_reject_flips": sum(one.grave for one in self.pictures),
            "other_flips": sum(one.flipped and not one.grave for one in self.pictures),
            "flips": [
                f"{one.name}: float {one.exact:.2f} {one.exact_verdict.label}, "
                f"int8 {one.quantised:.2f} {one.quantised_verdict.label}"
                for one in self.pictures
                if one.flipped
            ],
        }

    def refuse(self, settings: ParitySettings) -> None:
        """Raise :class:`ParityError` where the networks differ by more than the settings allow."""
        found = self.summary()
        allowed = settings.other_flips_max * len(self.pictures)
        faults = []
        if found["accept_reject_flips"]:
            faults.append(f"{found['accept_reject_flips']} pictures flip between accept and reject")
        if found["other_flips"] > allowed:
            faults.append(f"{found['other_flips']} other flips, {allowed:.1f} are allowed")
        if found["logit_difference_p99"] > settings.logit_difference_max:
            faults.append(
                f"99th percentile of the logit difference {found['logit_difference_p99']:.2f}, "
                f"{settings.logit_difference_max:.2f} is allowed"
            )
        if faults:
            raise ParityError(
                f"no bundle: the int8 network differs from the float one on {len(self.pictures)} pictures: "
                f"{'; '.join(faults)}. {'; '.join(found['flips'][:20])}. Train longer, or with other seeds"
            )


def compare(
    network: DefectNetwork,
    detector: Detector,
    store: PictureStore,
    *,
    settings: ParitySettings,
    seed: int,
    progress: Progress,
) -> Parity:
    """Judge pictures by both networks: some of every group, and defects drawn so faint that they lie near a limit."""
    random = np.random.default_rng(seed)
    manifest = detector.bundle.manifest
    limits, calibration = manifest.decision.limits(), manifest.calibration
    plain = _spread(store.entries, settings.pictures - int(settings.pictures * _NEAR_SHARE), random)
    near = settings.pictures - len(plain)  # with few pictures more of them carry a drawn defect
    chosen = [(entry.name, np.asarray(store.pixels[entry.index])) for entry in plain]
    goods = [entry for entry in store.entries if entry.truth == "accept"]
    pictures = [*chosen, *_near_limits(goods, store, detector, near, random)]
    compared = []
    for done, (name, pixels) in enumerate(pictures):
        progress("comparing int8 with float", done, len(pictures))
        exact = _top(float_logits(network, pixels)[:, :, 0], calibration.top_cells)
        quantised = _quantised(detector, pixels)
        compared.append(
            Compared(
                name=name,
                exact=exact,
                quantised=quantised,
                exact_verdict=_verdict(exact, calibration, limits),
                quantised_verdict=_verdict(quantised, calibration, limits),
            )
        )
    progress("comparing int8 with float", len(pictures), len(pictures))
    return Parity(pictures=tuple(compared))


def logit_of(value: float, calibration: Calibration) -> float:
    """Return the raw score whose probability is ``value``, the inverse of :func:`probability`."""
    inside = min(max(value, 1e-9), 1.0 - 1e-9)
    return float((np.log(inside / (1.0 - inside)) - calibration.intercept) / calibration.slope)


def _near_limits(
    goods: Sequence[PictureEntry],
    store: PictureStore,
    detector: Detector,
    count: int,
    random: np.random.Generator,
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield good pictures with a defect faded until its score lies within a logit or so of one of the limits.

    A picture that scores above the wanted place by itself, or a defect that never reaches it, is judged as it is.
    """
    manifest = detector.bundle.manifest
    limits = [
        logit_of(value, manifest.calibration)
        for value in (manifest.decision.accept_below, manifest.decision.reject_above)
    ]
    for number in range(count):
        entry = goods[random.integers(len(goods))]
        clean = np.asarray(store.pixels[entry.index])
        drawn = implant(clean, _KINDS[random.integers(len(_KINDS))], random)
        wanted = limits[number % 2] + random.uniform(-_NEAR, _NEAR)
        pixels = clean if drawn is None else faded(clean, drawn.pixels, wanted, lambda one: _quantised(detector, one))
        yield f"{entry.name} with a faint defect {number}", pixels


def faded(
    clean: NDArray[np.uint8],
    drawn: NDArray[np.uint8],
    wanted: float,
    score: Callable[[NDArray[np.uint8]], float],
) -> NDArray[np.uint8]:
    """Return a blend of two pictures whose score is near ``wanted``, found by halving the share of the second."""
    low, high = 0.0, 1.0
    blend = drawn
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        blend = np.rint(clean + share * (drawn.astype(np.float32) - clean)).astype(np.uint8)
        low, high = (low, share) if score(blend) > wanted else (share, high)
    return blend


def _spread(entries: Sequence[PictureEntry], count: int, random: np.random.Generator) -> list[PictureEntry]:
    photos = [entry for entry in entries if entry.origin == "photo"]
    others = [entry for entry in entries if entry.origin != "photo"]
    shuffled = [photos[index] for index in random.permutation(len(photos))]
    return [*shuffled, *(others[index] for index in random.permutation(len(others)))][:count]


def _quantised(detector: Detector, pixels: NDArray[np.uint8]) -> float:
    stored = detector.logit_map(pixels)
    return detector.quantisation.real(top_mean(stored[:, :, 0], detector.bundle.manifest.calibration.top_cells))


def _top(logits: NDArray[np.float32], cells: int) -> float:
    flat = logits.ravel()
    wanted = min(cells, flat.size)
    return float(np.partition(flat, -wanted)[-wanted:].mean())


def _verdict(logit: float, calibration: Calibration, limits: Limits) -> Decision:
    return judge_view(ViewJudgement(camera="parity", score=probability(logit, calibration), limits=limits)).decision
