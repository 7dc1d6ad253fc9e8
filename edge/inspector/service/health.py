"""What the verdicts of the line say of the bundle that decides: whether it answers, and whether rates are as usual."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.config.schema import Models
from edge.core.codes import Code
from edge.core.rate_bands import BandRule, RateBand, RateWatch, Side
from edge.core.trial import Vitals, budget_ms, failing
from edge.core.types import Decision, ViewJudgement
from edge.inspector.recipes import LoadedRecipe

MODEL_STAGES: Final = ("halve", "invoke", "boxes")
"""The stages of a part that are the model's."""
UNUSABLE: Final = frozenset({Code.MODEL_FAILED, Code.SCORE_INVALID, Code.MODEL_MISSING, Code.MODEL_NOT_ALLOWED})


@dataclass(slots=True, kw_only=True)
class _Rate:
    name: str
    decision: Decision
    rule: BandRule
    watch: RateWatch = field(default_factory=RateWatch)


class Health:
    """Takes every part's outcome, from the loop's thread; asked from any."""

    def __init__(self, settings: Models) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._vitals = Vitals()
        self._rates = [
            _Rate(name=name, decision=decision, rule=BandRule(band=RateBand(low=band[0], high=band[1]), window=window))
            for name, decision, band, window in (
                ("rejects", Decision.REJECT, settings.reject_band, settings.band_parts),
                ("parts that cannot be judged", Decision.CANNOT_JUDGE, settings.abstain_band, settings.band_parts),
            )
            if band is not None
        ]

    def judged(self, recipe: LoadedRecipe, judgements: tuple[ViewJudgement, ...], stages_ns: Mapping[str, int]) -> None:
        """Take what the active bundle made of a part; one whose camera or picture failed says nothing of it."""
        usable = not any(judgement.fault in UNUSABLE for judgement in judgements)
        if usable and any(judgement.fault for judgement in judgements):
            return
        took_ns = sum(stages_ns.get(stage, 0) for stage in MODEL_STAGES)
        with self._lock:
            budget = budget_ms(recipe.deadline_ms, recipe.capture_ms)
            self._vitals = self._vitals.after(usable=usable, took_ns=took_ns, budget_ms=budget)

    def decided(self, decision: Decision) -> None:
        """Take a verdict of record."""
        with self._lock:
            for rate in self._rates:
                rate.watch = rate.watch.seen(decision is rate.decision, rate.rule)

    def anew(self) -> None:
        """Forget all: another bundle decides, or a person has looked."""
        with self._lock:
            self._vitals = Vitals()
            for rate in self._rates:
                rate.watch = RateWatch()

    def failing(self) -> str | None:
        """Return why the active bundle should not go on, None while nothing can be said against it."""
        with self._lock:
            return failing(self._vitals, self._settings.answers_min)

    def unusual(self) -> str | None:
        """Return which rates are outside their bands, in words; None where none is."""
        told = []
        with self._lock:
            for rate in self._rates:
                if rate.watch.side is Side.INSIDE or rate.watch.rate is None:
                    continue
                band = rate.rule.band
                told.append(
                    f"{rate.watch.rate:.1%} {rate.name} of {rate.watch.parts} parts, {rate.watch.side.value} the usual "
                    f"{band.low:.1%} to {band.high:.1%}"
                )
        return "; ".join(told) or None
