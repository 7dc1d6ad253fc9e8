"""What is told of a request, in the log and to who made it: neither forged nor more than is known."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from edge.inspector import operator_desk
from edge.inspector.operating import ArchiveRequest, NoteRequest, Request, State
from edge.inspector.operator_desk import OperatorDesk, on_one_line
from edge.inspector.operator_socket import Caller
from edge.ledger import Ledger, Ticket
from edge.ledger.archiver import Archiver
from edge.ledger.retention import Retention
from tests.support.ledgers import instant, start

if TYPE_CHECKING:
    from edge.inspector.service.service import ModelService
    from edge.inspector.update_watch import UpdateWatch

ANNA = Caller(user="anna", pid=1)


class Slow:
    """A ledger whose disk takes for ever, or that finds fault with every event."""

    failure = None

    def __init__(self, refusals: tuple[str, ...] = ()) -> None:
        self._refusals = refusals

    def append(self, *_events: object) -> Ticket:
        ticket = Ticket()
        if self._refusals:
            ticket.settle(self._refusals)
        return ticket


def desk_on(ledger: Ledger | Slow, archiver: Archiver) -> OperatorDesk:
    """A desk that no request of these tests brings to a model or an update."""
    return OperatorDesk(cast("Ledger", ledger), archiver, cast("UpdateWatch", None), cast("ModelService", None))


def test_a_remark_of_many_lines_is_one_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = start(tmp_path)
    desk = desk_on(ledger, Archiver(ledger, tmp_path, Retention()))
    with caplog.at_level(logging.INFO):
        (reply,) = desk.serve(NoteRequest(text="Lampe\tgewechselt\nWARNING über alles"), ANNA)
    assert reply.state is State.DONE
    assert caplog.messages == ["note by anna: Lampe\\tgewechselt\\nWARNING über alles"]
    ledger.close("stopped", instant(), {})


def test_what_a_log_shows_holds_no_control_character() -> None:
    assert on_one_line("a\x1b[2Jb\r\n\u2028\u202e ü") == "a\\x1b[2Jb\\r\\n\\u2028\\u202e ü"


@pytest.mark.parametrize("request_", [NoteRequest(text="x"), ArchiveRequest()], ids=lambda request: request.verb)
def test_what_is_late_on_record_is_told_to_be_open_and_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    monkeypatch.setattr(operator_desk, "COMMIT_S", 0.01)
    ledger = start(tmp_path)
    desk = desk_on(Slow(), Archiver(ledger, tmp_path, Retention()))
    (reply,) = desk.serve(request_, ANNA)
    assert reply.state is State.FAILED
    assert "may still come on record" in reply.text
    assert "so not done" not in reply.text
    ledger.close("stopped", instant(), {})


def test_what_is_an_anomaly_on_record_is_not_called_late(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    desk = desk_on(Slow(("too long",)), Archiver(ledger, tmp_path, Retention()))
    (reply,) = desk.serve(ArchiveRequest(), ANNA)
    assert reply.state is State.FAILED
    assert reply.text == "on record as an anomaly only, and so not done: too long"
    ledger.close("stopped", instant(), {})
