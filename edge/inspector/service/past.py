"""What the record says of a trial that is under way: how candidate and incumbent did on the same parts so far."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from edge.core.paired_evidence import PairedEvidence, PairTable
from edge.core.slots import Move, Slot, Slots, Stage
from edge.core.trial import Tally
from edge.core.types import Decision
from edge.inspector.service.pairs import Pairs
from edge.ledger.comparisons import Judged, comparisons


def past_trial(store: Path, slots: Slots, slot: Slot, pairs: Pairs) -> Tally:
    """Return the tally of a trial since it began, and remember its pairs.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    judged: Counter[tuple[Decision, Decision]] = Counter()
    evidence, silent = PairedEvidence(), 0
    for one in comparisons(store, slot.sha256, trial_began(slots, slot)):
        if isinstance(one, Judged):
            pair = one.own, one.decision or Decision.CANNOT_JUDGE
            judged[pair] += 1
            silent += one.decision is None
            defective = pairs.judged(one.part, *pair, one.received_at)
            if defective is not None:
                evidence = evidence.with_truth(*pair, defective=defective)
        elif (known := pairs.found(one.part, one.at, defective=one.defective)) is not None:
            evidence = evidence.with_truth(*known, defective=one.defective)
    return Tally(evidence=replace(evidence, judged=PairTable.of(judged)), silent=silent)


def trial_began(slots: Slots, slot: Slot) -> int:
    """Return when the bundle on trial came into the shadow (Unix ms); ``since`` tells of its present stage alone."""
    return max((move.at for move in slots.moves if _begins(move, slot)), default=slot.since)


def _begins(move: Move, slot: Slot) -> bool:
    return move.sha256 == slot.sha256 and move.after is Stage.SHADOW
