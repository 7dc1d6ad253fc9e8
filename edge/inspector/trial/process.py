"""The process that a bundle on trial lives in: ``python -m edge.inspector.trial.process MEMORY``.

Whatever a bad bundle does here (crash, hang, take all memory) the process on the path of a part does not notice but by
its silence. MEMORY is the descriptor of the shared memory with the pictures.
"""

import hashlib
import math
import mmap
import os
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from camera.source import Image
from edge.core.codes import Code
from edge.core.policy import judge_part
from edge.core.quality import QualityLimits
from edge.core.trial import budget_ms
from edge.core.types import ViewJudgement
from edge.inspector import allocator
from edge.inspector.clock import NS_PER_MS
from edge.inspector.examine import examine
from edge.inspector.recipes import (
    LATENCY_HEIGHT,
    LATENCY_WIDTH,
    LoadedRecipe,
    Recipes,
    load_recipes,
)
from edge.inspector.selftest import self_test
from edge.inspector.trial.protocol import Answer, Order, Question, Ready, Refused, SharedView, encode
from edge.inspector.views import LoadedView, RecipeError
from models.bundle.layout import FILE_BYTES_MAX
from models.errors import ModelError
from models.whole_files import read_bounded

RUNS: Final = 9
GOES_FIRST: Final = "900"
UNUSABLE: Final = frozenset({Code.MODEL_FAILED, Code.SCORE_INVALID, Code.MODEL_MISSING})
"""The codes of a view whose model, not whose picture, is at fault."""
SWITCH_INTERVAL_S: Final = 5e-4
_KB_PER_MB: Final = 1000


class _UnfitError(Exception):
    """Why the bundle must not be used here."""


def main(memory: int) -> int:
    """Load, then answer until standard input ends."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    allocator.settle()
    order = Order.model_validate_json(sys.stdin.buffer.readline())
    os.nice(order.nice)
    with suppress(OSError):  # where memory runs out, this process goes and not the inspector
        Path("/proc/self/oom_score_adj").write_text(GOES_FIRST, encoding="ascii")
    try:
        recipes, ready = _loaded(order)
    except (_UnfitError, RecipeError, ModelError) as error:
        _say(Refused(text=str(error)))
        return 0
    _say(ready)
    pictures = _Pictures(memory)
    while line := sys.stdin.buffer.readline():
        _say(_answer(recipes, pictures, Question.model_validate_json(line)))
    return 0


def _loaded(order: Order) -> tuple[Recipes, Ready]:
    path = Path(order.bundle)
    try:
        digest = hashlib.sha256(read_bounded(path, FILE_BYTES_MAX)).hexdigest()
    except OSError as error:
        raise _UnfitError(f"{path}: cannot be read ({error.strerror}): install the bundle again") from error
    if digest != order.sha256:
        raise _UnfitError(f"{path}: is not the file that was staged (SHA-256 {digest[:12]}…): install the bundle again")
    before = _resident_mb()
    recipes = load_recipes(order.recipes, live=order.live, active=path)
    tested = self_test(recipes)
    if not tested.passed:
        raise _UnfitError(tested.text)
    latencies = [_in_time(recipe) for recipe in recipes.values()]
    return recipes, Ready(
        pictures=tested.pictures,
        latency_ms=round(max(latencies), 3),
        memory_mb=round(max(0.0, _resident_mb() - before), 1),
    )


def _in_time(recipe: LoadedRecipe) -> float:
    """Return the time of a whole part in milliseconds, by the quickest quarter of some runs: the line runs beside.

    Raises:
        _UnfitError: Its deadline leaves less.
    """
    views = [replace(view, quality=QualityLimits()) for view in recipe.views]  # what is no good frame costs no network
    blanks = [_blank(view) for view in views]
    times = []
    for _ in range(RUNS):
        started = time.monotonic_ns()
        for view, blank in zip(views, blanks, strict=True):
            _judged(view, blank)
        times.append((time.monotonic_ns() - started) / NS_PER_MS)
    needed, left = statistics.quantiles(times, n=4)[0], budget_ms(recipe.deadline_ms, recipe.capture_ms)
    if needed > left:
        raise _UnfitError(
            f"recipe {recipe.id} ({recipe.name}): a part takes {needed:.0f} ms on this machine, its deadline leaves "
            f"{left} ms: raise deadline_ms, or use a smaller bundle"
        )
    return needed


def _blank(view: LoadedView) -> Image:
    x, y, width, height = view.roi or (0, 0, LATENCY_WIDTH, LATENCY_HEIGHT)
    generator = np.random.default_rng(1)
    return generator.integers(60, 190, (max(y + height, LATENCY_HEIGHT), max(x + width, LATENCY_WIDTH), 3), np.uint8)


def _answer(recipes: Recipes, pictures: "_Pictures", question: Question) -> Answer:
    started = time.monotonic_ns()
    recipe = recipes[question.recipe]
    judgements = [_seen(view, pictures, shared) for view, shared in zip(recipe.views, question.views, strict=True)]
    verdict = judge_part(judgements, recipe.cameras)
    usable = not any(judgement.fault in UNUSABLE for judgement in judgements)
    score = verdict.score if verdict.score is not None and math.isfinite(verdict.score) else None
    return Answer(
        decision=verdict.decision if usable else None,
        code=verdict.code if usable else next(one.fault for one in judgements if one.fault in UNUSABLE),
        score=score,
        took_ns=time.monotonic_ns() - started,
    )


def _seen(view: LoadedView, pictures: "_Pictures", shared: SharedView) -> ViewJudgement:
    if shared.shape is None:
        return ViewJudgement(camera=view.camera, fault=shared.fault or Code.VIEW_MISSING)
    return _judged(view, pictures.at(shared.offset, shared.shape))


def _judged(view: LoadedView, image: Image) -> ViewJudgement:
    return examine(
        image, camera=view.camera, judge=view.detector, quality=view.quality, limits=view.limits, roi=view.roi
    ).judgement


class _Pictures:
    """The memory with the pictures, mapped as large as it is."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory: mmap.mmap | None = None

    def at(self, offset: int, shape: Sequence[int]) -> Image:
        """Return the picture that begins at an offset; read-only."""
        size = os.fstat(self._descriptor).st_size
        if self._memory is None or len(self._memory) != size:
            self._memory = mmap.mmap(self._descriptor, size, prot=mmap.PROT_READ)
        count = math.prod(shape)
        return np.frombuffer(self._memory, np.uint8, count, offset).reshape(shape)


def _say(line: Ready | Refused | Answer) -> None:
    sys.stdout.buffer.write(encode(line))
    sys.stdout.buffer.flush()


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / _KB_PER_MB


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
