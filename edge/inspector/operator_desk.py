"""What people may do to a running station: first it is on record who asked for what, then it is done."""

import logging
from collections.abc import Callable, Iterator
from typing import Final

from edge.core.events import Operator
from edge.inspector import clock
from edge.inspector.operating import (
    ArchiveRequest,
    ModelRequest,
    NoteRequest,
    Reply,
    Request,
    State,
    UpdateRequest,
)
from edge.inspector.operator_socket import Caller
from edge.inspector.service.errors import ModelMoveError, ModelRefusedError
from edge.inspector.service.service import ModelService, Told
from edge.inspector.update_watch import UpdateWatch, recorded_text
from edge.ledger import Ledger, LedgerError, Ticket
from edge.ledger.archiver import Archiver

COMMIT_S: Final = 10.0
_LOG: Final = logging.getLogger(__name__)


class OperatorDesk:
    """Serves the requests of :mod:`edge.inspector.operating`."""

    def __init__(self, ledger: Ledger, archiver: Archiver, updates: UpdateWatch, models: ModelService) -> None:
        self._ledger = ledger
        self._archiver = archiver
        self._updates = updates
        self._models = models

    def serve(self, request: Request, caller: Caller) -> Iterator[Reply]:
        """Do what is asked; yields what is told of it, the last line with how it ended."""
        match request:
            case NoteRequest(text=text):
                yield self._recorded(request, caller, text) or _done("the remark is on record")
            case ArchiveRequest(keep_days=keep_days):
                detail = "what need not stay" if keep_days is None else f"what is older than {keep_days:g} days"
                refusal = self._recorded(request, caller, detail)
                yield from self._archive(keep_days) if refusal is None else (refusal,)
            case ModelRequest():
                refusal = self._recorded(request, caller, _wanted(request), action=f"model {request.action}")
                yield from self._move(request, caller) if refusal is None else (refusal,)
            case UpdateRequest():
                self._updates.tell(request)  # what warns people comes first, whatever the disk says
                refusal = self._recorded(request, caller, recorded_text(request)) if request.record else None
                yield refusal or _done("taken note of")

    def _archive(self, keep_days: float | None) -> Iterator[Reply]:
        files = 0
        try:
            for text in self._archiver.ask(keep_days).progress():
                files += 1
                yield Reply(state=State.WORKING, text=text)
        except LedgerError as error:
            yield Reply(state=State.FAILED, text=str(error))
        else:
            yield _done(
                f"made {files} file{'s' if files > 1 else ''}" if files else "nothing is old enough: no file made"
            )

    def _move(self, request: ModelRequest, caller: Caller) -> Iterator[Reply]:
        """Move a bundle; the last of its lines says that it is done."""
        try:
            texts = self._begun(request, caller.user)
            while not isinstance(texts, str):
                try:
                    yield Reply(state=State.WORKING, text=next(texts))
                except StopIteration as end:
                    texts = str(end.value)
            yield _done(texts)
        except ModelRefusedError as error:
            yield Reply(state=State.REFUSED, text=str(error))
        except ModelMoveError as error:
            yield Reply(state=State.FAILED, text=str(error))

    def _begun(self, request: ModelRequest, who: str) -> Told | str:
        """Begin a move; what is over at once is told at once."""
        models, bundle = self._models, request.bundle
        actions: dict[str, Callable[[], Told | str]] = {
            "install": lambda: models.install(who),
            "verify": lambda: models.verify(bundle, who),
            "shadow": lambda: models.shadow(bundle, who),
            "canary": lambda: models.canary(bundle, request.share, who),
            "promote": lambda: models.promote(bundle, who),
            "rollback": lambda: models.rollback(bundle, request.reason, who),
            "selftest": lambda: self._self_test(who),
        }
        return actions[request.action]()

    def _self_test(self, who: str) -> str:
        tested = self._models.self_test(who)
        if not tested.passed:
            raise ModelMoveError(f"not passed: {tested.text}")
        return f"passed: {tested.text}"

    def _recorded(self, request: Request, caller: Caller, detail: str, action: str | None = None) -> Reply | None:
        """Put on record who asks for what; the answer where that fails, for what is not on record is not done."""
        says = f", says: {request.says}" if request.says else ""
        event = Operator(
            who=caller.user,
            origin=f"process {caller.pid} on this machine{says}",
            action=action or request.verb,
            detail=detail,
            at=clock.now(),
        )
        try:
            ticket = self._ledger.append(event)
        except LedgerError as error:
            return Reply(state=State.REFUSED, text=f"cannot be put on record, and so is not done: {error}")
        if not ticket.wait(COMMIT_S):
            return Reply(state=State.FAILED, text=self._unrecorded(request, ticket))
        _LOG.info("%s by %s: %s", event.action, caller.user, on_one_line(detail))
        return None

    def _unrecorded(self, request: Request, ticket: Ticket) -> str:
        if ticket.settled:
            return f"on record as an anomaly only, and so not done: {'; '.join(ticket.refusals)}"
        reason = self._ledger.failure or "the disk is too slow"
        late = f"not on record after {COMMIT_S:g} s ({reason}), and may still come on record when the disk recovers"
        if isinstance(request, NoteRequest):
            return f"{late}: look before you make the remark again"
        return f"{late}; nothing else is done about it: ask again then"


def on_one_line(text: str) -> str:
    """Return a text as a log may show it: what is no printable character (a line's end, a tab) is escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _wanted(request: ModelRequest) -> str:
    told = [request.bundle, f"share {request.share:g}" if request.share is not None else "", request.reason]
    return ", ".join(text for text in told if text) or "no bundle named"


def _done(text: str) -> Reply:
    return Reply(state=State.DONE, text=text)
