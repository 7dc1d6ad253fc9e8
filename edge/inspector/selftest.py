"""The golden self-test: known pictures on the way of a part, from frame quality to verdict."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.core.codes import describe
from edge.core.policy import judge_part, judge_view
from edge.core.types import Decision, ViewJudgement
from edge.inspector.clock import NS_PER_MS
from edge.inspector.examine import examine
from edge.inspector.recipes import Recipes
from models.bundle import Bundle, Golden, GoldenExpectation
from models.detector import Detector, no_pause
from models.errors import ModelError
from models.golden import NOVELTY_TOLERANCE, SCORE_TOLERANCE, cause, decode, difference

_VIEW = "golden"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What a self-test came to.

    ``faults`` tells of each picture that did not give what it should, ``failed`` holds the hashes of their bundles.
    """

    pictures: int
    faults: tuple[str, ...]
    milliseconds: int
    failed: frozenset[str] = frozenset()

    @property
    def passed(self) -> bool:
        """Whether every golden picture gave what it gave when its bundle was made, and there was one."""
        return self.pictures > 0 and not self.faults

    @property
    def text(self) -> str:
        """The outcome in a sentence for people."""
        if self.passed:
            return f"{self.pictures} golden pictures as they should be, in {self.milliseconds} ms"
        return "; ".join(self.faults) or "there was no golden picture to test with"


def self_test(recipes: Recipes, pause: Callable[[], None] = no_pause) -> SelfTest:
    """Judge the golden pictures of every bundle in use; ``pause`` is called before each. Never raises for a bad model.

    A picture passes if quality lets it through, score, boxes and novelty are those of the bundle within the tolerances
    of :mod:`models.golden`, and the policy's verdict is the one that these give.
    """
    started = time.monotonic_ns()
    pictures, faults, failed = 0, [], set()
    networks = {view.bundle.sha256: (view.bundle, view.network) for recipe in recipes.values() for view in recipe.views}
    for bundle, network in networks.values():
        for golden in bundle.golden:
            pause()
            pictures += 1
            for text in _faults(bundle, network, golden):
                faults.append(f"{bundle.label}: {golden.expected.picture}: {text}")
                failed.add(bundle.sha256)
    taken_ms = (time.monotonic_ns() - started) // NS_PER_MS
    return SelfTest(pictures=pictures, faults=tuple(faults), milliseconds=taken_ms, failed=frozenset(failed))


def _faults(bundle: Bundle, network: Detector | None, golden: Golden) -> Iterator[str]:
    if network is None:
        yield "no network is loaded to test it with"
        return
    try:
        picture = decode(golden, bundle.label)
    except ModelError as error:
        yield str(error)
        return
    manifest = bundle.manifest
    limits = manifest.decision.limits()
    seen = examine(picture, camera=_VIEW, judge=network, quality=manifest.quality.limits(), limits=limits)
    judgement = seen.judgement
    if judgement.fault:
        yield seen.failure or describe(judgement.fault)
        return
    if text := difference(golden.expected, judgement.score, judgement.boxes, judgement.novelty):
        yield f"{text}; {cause(golden, picture)}"
        return
    verdict = judge_part([judgement], [_VIEW]).decision
    wanted = _verdicts(golden.expected, judgement)
    if verdict not in wanted:
        yield f"verdict {verdict.label} instead of {' or '.join(sorted(one.label for one in wanted))}"


def _verdicts(expected: GoldenExpectation, judgement: ViewJudgement) -> set[Decision]:
    """Return the verdicts that the expected output may give, as far as the tolerances reach."""
    scores = [min(1.0, max(0.0, expected.score + change)) for change in (-SCORE_TOLERANCE, 0.0, SCORE_TOLERANCE)]
    known = expected.novelty
    slack = 0.0 if known is None else NOVELTY_TOLERANCE * max(known, 1.0)
    novelties = [judgement.novelty] if known is None else [max(0.0, known - slack), known, known + slack]
    return {
        judge_view(
            ViewJudgement(camera=_VIEW, score=score, boxes=judgement.boxes, limits=judgement.limits, novelty=novelty)
        ).decision
        for score in scores
        for novelty in novelties
    }
