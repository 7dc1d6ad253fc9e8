"""A trial: the bundle in the shadow is shown the parts after their verdicts, the canary some of them beside."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from edge.core.codes import Code
from edge.core.events import Compared, PartKey
from edge.core.paired_evidence import PairedEvidence
from edge.core.slots import Slot, Stage, is_canary_part
from edge.core.trial import Opinion, Tally, Vitals, budget_ms, failing
from edge.core.types import Decision, Verdict
from edge.core.wire import per_mille
from edge.inspector import clock
from edge.inspector.capture import View
from edge.inspector.recipes import LoadedRecipe
from edge.inspector.trial.candidate import Candidate, CandidateError
from edge.inspector.trial.protocol import Ready
from edge.ledger import Ledger, LedgerError
from models.bundle import set_fingerprint

WAITING: Final = 4
"""Parts that wait for the candidate at most, with their pictures; one more is skipped, and counted."""
STOP_S: Final = 6.0
_LOG: Final = logging.getLogger(__name__)


class Asked:
    """A part that the candidate is shown; it holds the answer once there is one."""

    def __init__(self, key: PartKey, recipe: LoadedRecipe, views: Sequence[View], *, urgent: bool) -> None:
        self.key = key
        self.recipe = recipe
        self.views = views
        self.urgent = urgent
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._opinion: Opinion | None = None
        self._then: Callable[[Opinion | None], None] | None = None

    def answer(self, opinion: Opinion | None) -> None:
        """Give the answer; None where there will be none."""
        with self._lock:
            self._opinion = opinion
            self._answered.set()
            then = self._then
        if then is not None:
            then(opinion)

    def then(self, done: Callable[[Opinion | None], None]) -> None:
        """Have something done with the answer, at once where it is there, else by whoever gives it."""
        with self._lock:
            self._then = done
            answered = self._answered.is_set()
        if answered:
            done(self._opinion)

    def opinion(self, seconds: float) -> Opinion | None:
        """Wait for the answer for so long; None where there is none by then."""
        self._answered.wait(max(0.0, seconds))
        return self._opinion


class Trial:
    """One bundle on trial, in a thread of its own that never delays a verdict.

    ``failed`` is told, once, why it must not go on. Started by :meth:`open`; the rest may be called from any thread.
    """

    def __init__(
        self,
        slot: Slot,
        candidate: Candidate,
        ledger: Ledger,
        failed: Callable[["Trial", str], None],
        *,
        answers_min: float,
        tally: Tally | None = None,
    ) -> None:
        self.slot = slot
        self._candidate = candidate
        self._ledger = ledger
        self._failed = failed
        self._answers_min = answers_min
        self._tally = tally or Tally()
        self._vitals = Vitals()
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._waiting: deque[tuple[Asked, Callable[[Opinion | None], None]]] = deque()
        self._stopping = False
        self._fallen = ""
        self._opened = threading.Event()
        self._ready: Ready | None = None
        self._refusal: CandidateError | None = None
        self._resting = False
        self._models: dict[int, str] = {}
        self._thread = threading.Thread(target=self._work, name="trial", daemon=True)

    def open(self) -> Ready:
        """Start, and wait until the candidate is ready.

        Raises:
            CandidateError: It does not pass, crashes or hangs.
        """
        self._thread.start()
        self._opened.wait()
        if self._ready is None:
            raise self._refusal or CandidateError("it was stopped")
        return self._ready

    def stop(self) -> None:
        """End it; what waits is dropped."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(STOP_S)

    @property
    def tally(self) -> Tally:
        """What its answers came to so far."""
        with self._lock:
            return self._tally

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Show the candidate no parts but those whose accept needs it: the machine has other work for a moment."""
        self._resting = True
        try:
            yield
        finally:
            self._resting = False

    def move_to(self, slot: Slot) -> None:
        """Go on at another stage, or with another share."""
        self.slot = slot

    def model_of(self, recipe: LoadedRecipe) -> str:
        """Return the wire's name of the models of a part that both judge."""
        known = self._models.get(recipe.id)
        if known is None:
            hashes = {view.bundle.sha256 for view in recipe.views}
            known = self._models[recipe.id] = set_fingerprint([*hashes, self.slot.sha256])
        return known

    def ask(self, key: PartKey, recipe: LoadedRecipe, views: Sequence[View]) -> Asked | None:
        """Show a part at once if an accept of it needs the candidate too; None where the incumbent alone judges it."""
        slot = self.slot
        if slot.stage is not Stage.CANARY or not is_canary_part(slot.sha256, key.session, key.trig, slot.share):
            return None
        asked = Asked(key, recipe, views, urgent=True)
        if not self._offer(asked, asked.answer):
            asked.answer(None)
        return asked

    def show(self, key: PartKey, recipe: LoadedRecipe, views: Sequence[View], done: Callable[[Opinion], None]) -> None:
        """Show a part that has its verdict; ``done`` gets the answer, in the trial's thread."""
        asked = Asked(key, recipe, views, urgent=False)

        def answered(opinion: Opinion | None) -> None:
            if opinion is not None:
                done(opinion)

        if not self._offer(asked, answered):
            with self._lock:
                self._tally = self._tally.without()

    def record(self, event: Compared, opinion: Opinion, recipe: LoadedRecipe) -> None:
        """Put a pair of verdicts on record, and look whether the candidate may go on."""
        try:
            self._ledger.append(event)
        except LedgerError as error:
            _LOG.warning("a comparison is not on record: %s", error)
        usable, budget = opinion.decision is not None, budget_ms(recipe.deadline_ms, recipe.capture_ms)
        with self._lock:
            self._tally = self._tally.after(event.own, opinion)
            vitals = self._vitals = self._vitals.after(usable=usable, took_ns=opinion.took_ns, budget_ms=budget)
        reason = failing(vitals, self._answers_min)
        if reason is not None:
            self.end(reason)

    def with_truth(self, own: Decision, other: Decision, *, defective: bool) -> PairedEvidence:
        """Count what was found of a part later, and return all the evidence."""
        with self._lock:
            self._tally = self._tally.with_truth(own, other, defective=defective)
            return self._tally.evidence

    def end(self, reason: str) -> None:
        """Tell, once, that the candidate must not go on."""
        with self._lock:
            known, self._fallen = self._fallen, self._fallen or reason
        if not known:
            self._failed(self, reason)

    @property
    def fallen(self) -> str:
        """Why it must not go on, empty while nothing is known against it."""
        return self._fallen

    def _offer(self, asked: Asked, answered: Callable[[Opinion | None], None]) -> bool:
        crowded_out = None
        with self._news:
            if self._stopping or self._fallen or not self._thread.is_alive() or (self._resting and not asked.urgent):
                return False
            if asked.urgent:
                self._waiting.appendleft((asked, answered))
                if len(self._waiting) > WAITING:
                    crowded_out = self._waiting.pop()
            elif len(self._waiting) >= WAITING:
                return False
            else:
                self._waiting.append((asked, answered))
            self._news.notify_all()
        if crowded_out is not None:
            self._crowd_out(*crowded_out)
        return True

    def _crowd_out(self, asked: Asked, answered: Callable[[Opinion | None], None]) -> None:
        """Let go of what has waited longest, or came last of what nobody waits for; of a canary's part that counts."""
        if not asked.urgent:
            with self._lock:
                self._tally = self._tally.without()
        answered(None)

    def _next(self) -> tuple[Asked, Callable[[Opinion | None], None]] | None:
        with self._news:
            while not self._waiting and not self._stopping:
                self._news.wait()
            return None if self._stopping else self._waiting.popleft()

    def _work(self) -> None:
        reason = ""
        try:
            self._ready = self._candidate.open()
            self._opened.set()
            while (job := self._next()) is not None:
                asked, answered = job
                try:
                    answered(self._judged(asked))
                except CandidateError:
                    answered(None)
                    raise
        except CandidateError as error:
            self._refusal = error
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - whatever breaks here must not be taken for a candidate that goes on
            _LOG.exception("the trial of %s met a fault", self.slot.label)
            reason = f"{type(error).__name__}: {error}"
        finally:
            if reason and self._opened.is_set():
                self.end(reason)  # before anything else: it must not take a step further
            self._drop()
            self._candidate.close()
            self._opened.set()

    def _judged(self, asked: Asked) -> Opinion:
        started = time.monotonic_ns()
        opinion = self._candidate.judge(asked.recipe.id, asked.views)
        # As long as a part would wait for it, the way to its process included.
        return Opinion(
            decision=opinion.decision,
            code=opinion.code,
            score=opinion.score,
            took_ns=time.monotonic_ns() - started,
        )

    def _drop(self) -> None:
        with self._news:
            self._stopping = True
            waiting, self._waiting = list(self._waiting), deque()
        for _, answered in waiting:
            answered(None)


def compared(
    trial: Trial,
    key: PartKey,
    opinion: Opinion,
    *,
    part: str,
    model: str,
    own: Verdict,
    urgent: bool,
) -> Compared:
    """Return the ledger's event for a pair of verdicts; ``own`` is the incumbent's, ``model`` its name on the wire."""
    return Compared(
        key=key,
        part=part,
        bundle=trial.slot.sha256,
        incumbent=model,
        stage="canary" if urgent else "shadow",
        decision=opinion.decision,
        code=opinion.code,
        score=per_mille(opinion.score),
        own=own.decision,
        own_code=own.code,
        own_score=per_mille(own.score),
        took_ns=opinion.took_ns,
        at=clock.now(),
    )


SILENT: Final = Opinion(decision=None, code=Code.CANARY_SILENT, score=None, took_ns=0)
"""What is on record of a canary that did not answer in time."""
