"""From an inspected part to the spool: which pictures are kept, off the path of the part."""

from edge.core.events import Stored
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.loop import Inspected
from edge.inspector.verdicts import Author
from edge.ledger import Ledger
from edge.spool.keeper import NotStored, SpoolKeeper
from edge.spool.selection import keep_reason
from edge.spool.sidecar import StationName
from edge.spool.store import Spool, StoreRequest


class Keeping:
    """Offers pictures to the spool's keeper, and tells ledger and alarms what became of them."""

    def __init__(self, spool: Spool, *, station: StationName, author: Author, ledger: Ledger, alarms: Alarms) -> None:
        self._station = station
        self._author = author
        self._ledger = ledger
        self._alarms = alarms
        self._keeper = SpoolKeeper(spool, on_stored=self._stored, on_not_stored=self._not_stored)

    def keep(self, inspected: Inspected) -> None:
        """Offer the pictures of a part that is worth keeping."""
        decided = inspected.decided
        reason = keep_reason(inspected.decision, decided.key.epoch, decided.key.seq)
        if reason is None:
            return
        order = inspected.part.order
        for loaded, view, judgement in zip(inspected.recipe.views, inspected.views, inspected.judgements, strict=True):
            if view.frame is None:
                continue
            self._keeper.offer(
                StoreRequest(
                    image=view.frame.image,
                    key=decided.key,
                    part=decided.part,
                    recipe=decided.recipe,
                    revision=decided.revision,
                    camera=loaded.camera,
                    decision=inspected.decision,
                    code=inspected.code,
                    view_code=judgement.fault,
                    score=judgement.score,
                    boxes=judgement.boxes,
                    limits=loaded.limits,
                    bundle=loaded.bundle.sha256,
                    received=order.received,
                    captured=clock.at(view.frame.captured_ns),
                    reason=reason,
                    station=self._station,
                    software=self._author.software,
                    anchor=self._ledger.head,
                )
            )

    def close(self, timeout: float) -> None:
        """Write what waits for at most ``timeout`` seconds."""
        self._keeper.close(timeout)

    def _stored(self, event: Stored) -> None:
        self._alarms.clear(Alarm.SPOOL, clock.now())
        self._ledger.append(event)

    def _not_stored(self, request: StoreRequest, reason: NotStored) -> None:
        text = f"picture {request.key.epoch}-{request.key.seq} of {request.camera} not kept: {reason}"
        self._alarms.set(Alarm.SPOOL, clock.now(), text)
