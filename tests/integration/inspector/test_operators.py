"""People at a running station: over its socket, on record before it is done, and never in the way of a part."""

import json
import os
import pwd
import socket
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from edge.core.types import Decision
from edge.inspector import operator_socket
from edge.inspector.alarms import Alarms
from edge.inspector.operating import ArchiveRequest, NoteRequest, OperatingError, Reply, Request, State, parse_reply
from edge.inspector.operator_client import ask, says
from edge.inspector.operator_desk import OperatorDesk
from edge.inspector.operator_socket import FILE_NAME, Caller, OperatorSocket, address, user_name
from edge.inspector.recipes import LoadedRecipe
from edge.inspector.service.service import ModelService
from edge.inspector.update_watch import UpdateWatch
from edge.ledger.archiver import Archiver
from edge.ledger.retention import Retention
from edge.ledger.verify import verify
from tests.support.ledgers import instant, key, start, whole_part
from tests.support.stations import RunningStation
from tests.support.waiting import wait_until

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def station(tmp_path: Path) -> Iterator[RunningStation]:
    with RunningStation(tmp_path) as running:
        yield running


def operator_events(store: Path) -> list[dict[str, str]]:
    with closing(sqlite3.connect(f"file:{store / 'ledger.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT body FROM events WHERE kind = 'operator' ORDER BY id").fetchall()
    return [json.loads(body) for (body,) in rows]


def answer(store: Path, request: Request) -> list[Reply]:
    return list(ask(store, request))


def raw(store: Path, data: bytes, *, close: bool = True) -> Reply:
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(20)
        with address(store) as path:
            connection.connect(str(path))
        connection.sendall(data)
        if close:
            connection.shutdown(socket.SHUT_WR)
        return parse_reply(connection.makefile("rb").readline())


def test_a_remark_is_in_the_chain_with_who_made_it_and_from_where(station: RunningStation, tmp_path: Path) -> None:
    request = NoteRequest(text="Lampe gewechselt, 3 µs länger", says="ssh from 10.0.0.5")
    assert answer(tmp_path, request) == [Reply(state=State.DONE, text="the remark is on record")]
    (event,) = operator_events(tmp_path)
    assert event == {
        "who": ME,
        "origin": f"process {os.getpid()} on this machine, says: ssh from 10.0.0.5",
        "action": "note",
        "detail": "Lampe gewechselt, 3 µs länger",
    }
    station.stop()
    assert station.verified().problems == ()


def test_events_are_archived_on_request_while_parts_go_on(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    for trig in range(1, 400):
        ledger.append(*whole_part(key(trig, session=5), trig * 60_000))
    ledger.close("stopped", instant(), {})
    with RunningStation(tmp_path) as station:
        replies: list[Reply] = []
        thread = threading.Thread(target=lambda: replies.extend(answer(tmp_path, ArchiveRequest(keep_days=0.0))))
        thread.start()
        for trig in range(1, 6):
            assert station.inspect(trig).dec is Decision.ACCEPT
        thread.join(60)
        assert [reply.state for reply in replies] == [State.WORKING, State.DONE]
        assert "events 1 to" in replies[0].text
        assert answer(tmp_path, ArchiveRequest(keep_days=36_500.0))[-1].text == "nothing is old enough: no file made"
    report = station.verified()
    assert (report.problems, report.archives) == ((), 1)
    details = [event["detail"] for event in operator_events(tmp_path) if event["action"] == "archive"]
    assert details == ["what is older than 0 days", "what is older than 36500 days"]


@pytest.mark.parametrize("data", [b"", b"\n", b"nonsense\n", b'{"v":1,"verb":"reboot"}\n', b"x" * 100_000, b"\0" * 50])
def test_bad_requests_are_refused_and_leave_no_trace(station: RunningStation, tmp_path: Path, data: bytes) -> None:
    for _ in range(3):
        try:
            assert raw(tmp_path, data).state is State.REFUSED
        except (BrokenPipeError, ConnectionResetError):
            assert len(data) > 50_000  # it hangs up on who does not stop talking
    assert operator_events(tmp_path) == []
    assert station.inspect(1).dec is Decision.ACCEPT
    assert answer(tmp_path, NoteRequest(text="still there"))[-1].state is State.DONE


def test_callers_that_say_nothing_use_up_their_places_for_a_while_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_socket, "REQUEST_S", 1.0)
    with RunningStation(tmp_path) as station:
        silent = []
        with address(tmp_path) as path:
            for _ in range(operator_socket.CALLERS):
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(str(path))
                silent.append(connection)

        def refused() -> bool:
            (reply,) = answer(tmp_path, NoteRequest(text="one too many"))
            return reply.state is State.REFUSED

        assert refused()
        assert station.inspect(1).dec is Decision.ACCEPT
        wait_until(lambda: not refused(), what="a free place")
        for connection in silent:
            connection.close()


def drip(connection: socket.socket) -> None:
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)  # not luck: the caller's own slowness is what is tested


def test_a_caller_that_drips_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_socket, "REQUEST_S", 0.3)
    with RunningStation(tmp_path), closing(socket.socket(socket.AF_UNIX)) as connection:
        with address(tmp_path) as path:
            connection.connect(str(path))
        connection.settimeout(10)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            drip(connection)


def no_models() -> ModelService:
    """What no request of these tests comes to."""
    return cast("ModelService", None)


def test_what_cannot_be_put_on_record_is_not_done(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    desk = OperatorDesk(ledger, Archiver(ledger, tmp_path, Retention()), UpdateWatch(Alarms(instant())), no_models())
    ledger.close("stopped", instant(), {})
    for request in (ArchiveRequest(), NoteRequest(text="x")):
        (reply,) = desk.serve(request, Caller(user="x", pid=1))
        assert reply.state is State.REFUSED
        assert "not done" in reply.text


def test_the_socket_is_for_the_owner_and_the_group_and_goes_with_the_station(
    station: RunningStation, tmp_path: Path
) -> None:
    status = (tmp_path / FILE_NAME).stat()
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o660
    station.stop()
    assert not (tmp_path / FILE_NAME).exists()
    with pytest.raises(OperatingError, match="no inspector runs"):
        answer(tmp_path, NoteRequest(text="x"))


def test_a_dead_station_s_socket_is_in_nobody_s_way(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as dead, address(tmp_path) as path:
        dead.bind(str(path))
    with pytest.raises(OperatingError, match="no inspector runs"):
        answer(tmp_path, NoteRequest(text="x"))
    with RunningStation(tmp_path):
        assert answer(tmp_path, NoteRequest(text="x"))[-1].state is State.DONE


def test_a_folder_of_any_length_will_do(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    with RunningStation(deep):
        assert answer(deep, NoteRequest(text="x"))[-1].state is State.DONE


def test_without_a_socket_the_station_works(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with RunningStation(tmp_path) as station:
        assert station.inspect(1).dec is Decision.ACCEPT
    with pytest.raises(OperatingError):
        answer(tmp_path, NoteRequest(text="x"))
    assert station.verified().problems == ()


def test_a_fault_in_serving_is_answered_and_the_next_is_served(tmp_path: Path) -> None:
    calls = []

    def serve(_request: Request, _caller: Caller) -> Iterator[Reply]:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("a bug")
        yield Reply(state=State.DONE, text="fine")

    desk = OperatorSocket(tmp_path, serve)
    desk.start()
    assert answer(tmp_path, NoteRequest(text="x"))[-1].state is State.FAILED
    assert answer(tmp_path, NoteRequest(text="x"))[-1].text == "fine"
    desk.stop()


def test_a_changed_configuration_is_an_operator_s_action_of_the_next_start(tmp_path: Path) -> None:
    for sha256 in ("a" * 64, "a" * 64, "b" * 64):
        station = RunningStation(tmp_path)
        (tmp_path / "linegate.toml").write_text(sha256)
        station.loaded = type(station.loaded)(
            config=station.loaded.config, sha256=sha256, path=tmp_path / "linegate.toml"
        )
        with station:
            station.inspect(1, session=int(sha256[0], 16) * 10 + station.epoch)
    (event,) = operator_events(tmp_path)
    assert (event["action"], event["detail"]) == ("configuration", f"{'a' * 64} -> {'b' * 64}")
    assert event["who"] == f"owner {ME}"
    assert event["origin"].startswith(f"{tmp_path}/linegate.toml, changed 20")
    assert verify(tmp_path).problems == ()


def judging_with(sha256: str, file: Path, store: Path) -> RunningStation:
    class OnThisBundle(RunningStation):
        def _recipes(self, config: object, active: Path, **options: object) -> Mapping[int, LoadedRecipe]:
            recipe = super()._recipes(config, active, **options)[0]
            (view,) = recipe.views
            exchanged = replace(view, bundle=replace(view.bundle, sha256=sha256), file=file)
            return {0: replace(recipe, views=(exchanged,))}

    return OnThisBundle(store)


def test_other_bundles_than_at_the_last_start_are_an_operator_s_action(tmp_path: Path) -> None:
    store, bundle = tmp_path / "store", tmp_path / "phones-3.lgb"
    store.mkdir()
    for sha256 in ("a" * 64, "a" * 64, "b" * 64):
        bundle.write_text(sha256)
        with judging_with(sha256, bundle, store) as station:
            station.inspect(1, session=int(sha256[0], 16) * 10 + station.epoch)
    (event,) = operator_events(store)
    assert (event["action"], event["detail"]) == ("model", f"{'a' * 64} -> {'b' * 64}")
    assert event["who"] == f"owner {ME}"
    assert event["origin"].startswith(f"{bundle}, changed 20")
    assert verify(store).problems == ()


def test_a_user_without_a_name_is_a_number() -> None:
    assert user_name(os.getuid()) == ME
    assert user_name(4_000_000) == "uid 4000000"


def test_a_process_tells_where_it_comes_from() -> None:
    told = says({"SUDO_USER": "anna", "SSH_CONNECTION": "10.0.0.5 5022 10.0.0.9 22", "SSH_TTY": "/dev/pts/3"})
    assert told == "sudo by anna, ssh from 10.0.0.5, terminal /dev/pts/3"
    assert says({}) == ""
    assert len(says({"SUDO_USER": "\x1b" * 500})) == 200
