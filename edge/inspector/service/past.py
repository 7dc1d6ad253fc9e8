"""What the record says of a trial that is under way: how candidate and incumbent did on the same parts so far."""

from pathlib import Path

from edge.core.events import Compared
from edge.core.slots import Move, Slot, Slots, Stage
from edge.core.trial import Opinion, Tally
from edge.inspector.service.pairs import Pairs
from edge.ledger.comparisons import comparisons


def past_trial(store: Path, slots: Slots, slot: Slot, pairs: Pairs) -> Tally:
    """Return the tally of a trial since it began, and remember its pairs.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
    """
    tally = Tally()
    began = max((move.at for move in slots.moves if _begins(move, slot)), default=slot.since)
    for event in comparisons(store, began):
        if isinstance(event, Compared):
            if event.bundle != slot.sha256:
                continue
            opinion = Opinion(decision=event.decision, code=event.code, score=None, took_ns=event.took_ns)
            tally = tally.after(event.own, opinion)
            if event.decision is not None:
                pairs.judged(event.part, event.own, event.decision)
        elif (pair := pairs.found(event.part)) is not None:
            tally = tally.with_truth(*pair, defective=event.truth == "reject")
    return tally


def _begins(move: Move, slot: Slot) -> bool:
    return move.sha256 == slot.sha256 and move.after is Stage.SHADOW
