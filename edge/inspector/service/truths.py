"""What is found of parts later, brought together with what both models said of them: it weighs for or against one."""

import threading
from collections import deque
from typing import Final

from edge.core.events import Truth
from edge.core.paired_evidence import EvidenceRule, PairedEvidence, stops, weigh
from edge.core.types import Decision
from edge.inspector.service.pairs import Pairs
from edge.inspector.trial.running import Trial

EARLY: Final = 1_000
"""Truths that are kept in mind at most while a trial is read back and its process starts."""


class Truths:
    """Weighs for the trial that is under way, ``trial``; None while there is none. Used by any thread."""

    def __init__(self, rule: EvidenceRule) -> None:
        """Begin without a trial."""
        self._rule = rule
        self._lock = threading.Lock()
        self._early: deque[Truth] = deque(maxlen=EARLY)
        self.pairs = Pairs()
        self.trial: Trial | None = None

    def begin(self, trial: Trial) -> None:
        """Weigh for a new trial, of which nothing is known yet."""
        self.pairs, self.trial = Pairs(), trial

    def go_on(self, trial: Trial) -> None:
        """Weigh for a trial that was read back into ``pairs``, and what came meanwhile."""
        with self._lock:
            self.trial = trial
            early, self._early = self._early, deque(maxlen=EARLY)
        self._weigh(trial, trial.tally.evidence)
        for truth in early:  # one that was read back too finds its pair given out
            self.found(truth)

    def found(self, truth: Truth) -> None:
        """Take what was found of a part."""
        with self._lock:
            trial = self.trial
            if trial is None:
                self._early.append(truth)
                return
            defective = truth.truth == "reject"
            pair = self.pairs.found(truth.part, truth.at.utc_ms, defective=defective)
            if pair is not None:
                self._weigh(trial, trial.with_truth(*pair, defective=defective))

    def known(self, trial: Trial, own: Decision, other: Decision, *, defective: bool) -> None:
        """Weigh a part whose truth came before the candidate's answer."""
        self._weigh(trial, trial.with_truth(own, other, defective=defective))

    def _weigh(self, trial: Trial, evidence: PairedEvidence) -> None:
        if stops(evidence, self._rule):
            trial.end(weigh(evidence, self._rule).reason)
