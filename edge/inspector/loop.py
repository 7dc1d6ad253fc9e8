"""The inspection loop: the program that the station exists for, whole in :meth:`InspectionLoop.inspect`."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

from edge.core.codes import Code
from edge.core.events import Decided, PartKey, ViewRecord
from edge.core.policy import judge_part, with_second
from edge.core.types import Decision, Verdict, ViewJudgement
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.capture import Cameras, View
from edge.inspector.dispatch import Delivery
from edge.inspector.examine import examine
from edge.inspector.guard import MARGIN_NS
from edge.inspector.part import Part
from edge.inspector.recipes import LoadedRecipe
from edge.inspector.serving import Gaps
from edge.inspector.trial.running import Asked
from edge.inspector.verdicts import Author, decided_by_loop
from edge.inspector.views import LoadedView
from edge.ledger import Ledger

IDLE_S: Final = 0.1
PROBE_NS: Final = 1_000_000_000
LONGEST_COMMIT_S: Final = 3.0
"""A commit that takes longer is left to the deadline guard, however late the deadline: the loop must come round."""

COMMIT_RESERVE_NS: Final = 30 * clock.NS_PER_MS
"""What is kept of a deadline for the commit, however long a second model takes."""
LONGEST_SECOND_S: Final = 3.0

YIELD_S: Final = 0.005
"""How long the loop keeps still at most while its verdict goes out."""

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inspected:
    """A part after its verdict, with its pictures: what the spool, monitors and a shadow model work from.

    ``decision`` and ``code`` are the verdict of record: ``decided``'s, or the deadline guard's. ``own`` is what the
    station's own models say alone, ``asked`` the part as a canary was shown it, if its accept was needed too.
    """

    part: Part
    recipe: LoadedRecipe
    views: tuple[View, ...]
    judgements: tuple[ViewJudgement, ...]
    decided: Decided
    decision: Decision
    code: int
    own: Verdict
    asked: Asked | None


class SecondModel(Protocol):
    """A canary: for some parts an accept needs it too."""

    def ask(self, key: PartKey, recipe: LoadedRecipe, views: Sequence[View]) -> Asked | None:
        """Return the part as the canary is shown it now; None where the station's own models judge it alone."""

    def model_of(self, recipe: LoadedRecipe) -> str:
        """Return the wire's name of the models of a part that both judge."""


class InspectionLoop:
    """Judges one part after the other, in the order of their triggers.

    ``gaps`` is told when a part is in hand; ``second`` is asked before an accept; ``deliver`` passes a verdict to the
    deadline guard for sending; ``afterwards`` gets every imaged part off its path; ``probe`` tries the models out,
    raising what they raise: a failed model makes the station not ready, so that no part would ever come to show that it
    works again.
    """

    def __init__(
        self,
        *,
        parts: "queue.Queue[Part]",
        cameras: Cameras,
        ledger: Ledger,
        author: Author,
        alarms: Alarms,
        deliver: Callable[[Delivery], None],
        afterwards: Callable[[Inspected], None],
        probe: Callable[[], None],
        gaps: Gaps,
        second: SecondModel,
    ) -> None:
        self._parts = parts
        self._cameras = cameras
        self._ledger = ledger
        self._author = author
        self._alarms = alarms
        self._deliver = deliver
        self._afterwards = afterwards
        self._probe = probe
        self._gaps = gaps
        self._second = second
        self._probed_ns = 0
        self._model_failures: list[str] = []
        self._stopping = threading.Event()
        self.alive_ns = time.monotonic_ns()
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="frame-quality")
        self._thread = threading.Thread(target=self._work, name="inspection-loop", daemon=True)

    def start(self) -> None:
        """Begin to take parts."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Finish the part in hand and end; False if it did not within ``timeout`` seconds."""
        self._stopping.set()
        self._thread.join(timeout)
        self._beside.shutdown(wait=False, cancel_futures=True)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._stopping.is_set():
            self.alive_ns = time.monotonic_ns()
            try:
                part = self._parts.get(timeout=IDLE_S)
            except queue.Empty:
                self._recover()
                continue
            if not part.take() or part.order.recipe is None:
                continue
            self._gaps.begin()
            try:
                self.inspect(part, part.order.recipe)
            except Exception:  # noqa: BLE001 - the next part must be judged all the same
                _LOG.exception("part %s could not be judged; the deadline guard answers", part.order.key)
            self._gaps.end(more=not self._parts.empty())

    def _recover(self) -> None:
        """While nothing waits, try a failed model again, once a second."""
        if not self._alarms.raised(Alarm.MODEL) or time.monotonic_ns() - self._probed_ns < PROBE_NS:
            return
        self._probed_ns = time.monotonic_ns()
        try:
            self._probe()
        except Exception as error:  # noqa: BLE001 - a model may fail in any way
            self._alarms.set(Alarm.MODEL, clock.now(), f"{type(error).__name__}: {error}")
        else:
            self._alarms.clear(Alarm.MODEL, clock.now())

    def inspect(self, part: Part, recipe: LoadedRecipe) -> None:
        """Judge one part: frame, quality and detector, policy, ledger, line link; then what is off its path."""
        order = part.order
        stages = clock.StageClock(order.received.mono_ns)
        stages.lap("wait")
        answer_by_ns = order.deadline_ns - MARGIN_NS

        views = self._cameras.capture(order, recipe.cameras, recipe.capture_ms, answer_by_ns)
        part.photographed()
        self._lap(stages, "capture")

        asked = self._second.ask(order.key, recipe, views)
        judgements = [self._examine(view, seen, stages) for view, seen in zip(recipe.views, views, strict=True)]
        own = judge_part(judgements, recipe.cameras)
        verdict = own if asked is None else self._with_second(own, asked, answer_by_ns, stages)
        records = _records(recipe.views, views, judgements)
        model = recipe.model if asked is None else self._second.model_of(recipe)
        decided = decided_by_loop(
            order, verdict, records, self._author, model=model, at=clock.now(), stages_ns=stages.stages_ns
        )
        self._lap(stages, "policy")

        ticket = part.record(decided, self._ledger)
        wait_s = min(max(0.0, (answer_by_ns - time.monotonic_ns()) / 1e9), LONGEST_COMMIT_S)
        committed = ticket is not None and ticket.wait(wait_s)
        self._lap(stages, "commit")

        won = committed and part.claim()
        if won:
            later_ns = {stage: stages.stages_ns[stage] for stage in ("policy", "commit")}
            handed_ns = time.monotonic_ns()
            delivery = Delivery(order=order, decided=decided, handed_ns=handed_ns, stages_ns=later_ns)
            self._deliver(delivery)
            # What follows would hold the interpreter while guard and link need it to send this very verdict.
            delivery.gone.wait(YIELD_S)

        inspected = Inspected(
            part=part,
            recipe=recipe,
            views=tuple(views),
            judgements=tuple(judgements),
            decided=decided,
            decision=decided.decision if won else Decision.CANNOT_JUDGE,
            code=decided.code if won else part.guard_code or Code.STORE_LATE,
            own=own,
            asked=asked,
        )
        self._finish(inspected)

    def _with_second(self, own: Verdict, asked: Asked, answer_by_ns: int, stages: clock.StageClock) -> Verdict:
        """Return the verdict of a part whose accept needs the canary too; what is no accept does not wait for it."""
        if own.decision is not Decision.ACCEPT:
            return own
        left_s = (answer_by_ns - COMMIT_RESERVE_NS - time.monotonic_ns()) / 1e9
        opinion = asked.opinion(min(left_s, LONGEST_SECOND_S))
        self._lap(stages, "canary")
        return with_second(own, opinion.decision if opinion else None)

    def _lap(self, stages: clock.StageClock, stage: str) -> None:
        stages.lap(stage)
        self.alive_ns = time.monotonic_ns()

    def _finish(self, inspected: Inspected) -> None:
        """Do what is off the path of the part; its verdict is out, whatever fails here."""
        try:
            self._report(inspected)
            self._afterwards(inspected)
        except Exception:  # noqa: BLE001 - the next part must be judged all the same
            _LOG.exception("part %s is answered; what follows an answer failed", inspected.decided.key)

    def _examine(self, loaded: LoadedView, seen: View, stages: clock.StageClock) -> ViewJudgement:
        if seen.fault or seen.frame is None:
            return ViewJudgement(camera=loaded.camera, fault=seen.fault or Code.VIEW_MISSING)
        result = examine(
            seen.frame.image,
            camera=loaded.camera,
            judge=loaded.detector,
            quality=loaded.quality,
            limits=loaded.limits,
            roi=loaded.roi,
            beside=self._beside,
        )
        for stage, duration_ns in result.stages_ns.items():
            stages.split(stage, duration_ns)
        stages.lap("quality")
        if result.failure:
            _LOG.error("camera %s: the model failed: %s", loaded.camera, result.failure)
            self._model_failures.append(f"{loaded.camera}: {result.failure}")
        return result.judgement

    def _report(self, inspected: Inspected) -> None:
        """Raise or clear the alarms of cameras and models by what this part showed, all of its views together."""
        present = clock.now()
        failures, self._model_failures = self._model_failures, []
        if failures:
            self._alarms.set(Alarm.MODEL, present, "; ".join(failures))
        elif all(judgement.score is not None for judgement in inspected.judgements):
            self._alarms.clear(Alarm.MODEL, present)
        faulty = [view for view in inspected.views if view.fault]
        if not faulty:
            self._alarms.clear(Alarm.CAMERA, present)
        for view in faulty:
            text = f"{view.camera}: {view.detail or Code(view.fault).name.lower()}"
            self._alarms.set(Alarm.CAMERA, present, text, value=view.fault)


def _records(
    loaded: Sequence[LoadedView], views: Sequence[View], judgements: Sequence[ViewJudgement]
) -> list[ViewRecord]:
    return [
        ViewRecord(
            camera=view.camera,
            code=judgement.fault,
            score=judgement.score,
            boxes=judgement.boxes,
            bundle=known.bundle.sha256,
            captured=clock.at(view.frame.captured_ns) if view.frame else None,
            frame=view.frame.name if view.frame else None,
        )
        for known, view, judgement in zip(loaded, views, judgements, strict=True)
    ]
