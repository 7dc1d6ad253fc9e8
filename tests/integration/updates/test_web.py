"""Fetching from a real web server that behaves in every bad way; what is here stays as it is."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from deploy.updates.errors import Refusal, UpdateError
from edge.objects import store
from edge.objects.errors import StoppedError
from edge.objects.place import WebAddress
from tests.support.certificates import Authority
from tests.support.repositories import Factory, StationClient, make_station
from tests.support.web import Misbehave, WebServer, break_off, drip, pour

ENDING = """
import asyncio, sys, threading, time
from edge.objects.opening import open_reader
from edge.objects.place import parse_place

write = asyncio.SelectorEventLoop._write_to_self

def slowly(loop):
    write(loop)
    if threading.get_ident() != threading.main_thread().ident:
        for _ in range(500):
            time.sleep(0.001)

asyncio.SelectorEventLoop._write_to_self = slowly
reader = open_reader(parse_place(sys.argv[1]), lambda: True)
assert b"".join(reader.stream("metadata/timestamp.json"))
reader.close()
"""


class Scene:
    def __init__(self, folder: Path) -> None:
        self.factory = Factory(folder)
        self.offer = self.factory.add()
        self.web = WebServer(self.factory.place)
        self.station: StationClient = make_station(folder, self.factory, self.web.place)

    def refused(self) -> UpdateError:
        with pytest.raises(UpdateError) as caught:
            self.station.look()
        return caught.value


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.web.close()


def only(suffix: str, act: Callable[[SimpleHTTPRequestHandler], None]) -> Misbehave:
    def misbehave(handler: SimpleHTTPRequestHandler) -> bool:
        if not handler.path.endswith(suffix):
            return False
        act(handler)
        return True

    return misbehave


@pytest.mark.parametrize("file", ["/timestamp.json", "toy-4.lgb"])
def test_slow_retrieval_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setattr(store, "PATIENCE_S", 0.3)
    monkeypatch.setattr(store, "SLOWEST", 1 << 20)
    over = threading.Event()
    with scene.web as web:
        web.misbehave = only(file, lambda handler: drip(handler, 1 << 20, over.is_set))
        error = scene.refused()
        over.set()
        assert error.refusal is Refusal.UNREACHABLE
        assert "bytes a second" in str(error)
        web.misbehave = None
        assert scene.station.look() is not None


def test_endless_data_is_given_up(scene: Scene) -> None:
    with scene.web as web:
        for file in ("/timestamp.json", "toy-4.lgb"):
            web.misbehave = only(file, pour)
            assert scene.refused().refusal in {Refusal.TOO_BIG, Refusal.UNREACHABLE}
    assert [name for name in scene.station.incoming() if name.endswith("lgb")] == []


def test_a_connection_that_breaks_leaves_nothing_and_the_next_look_completes_it(scene: Scene) -> None:
    content = (scene.factory.place / "targets" / f"{scene.offer.sha256}.toy-4.lgb").read_bytes()
    with scene.web as web:
        for after in (0, 1, len(content) // 2, len(content) - 1):
            web.misbehave = only("toy-4.lgb", lambda handler, after=after: break_off(handler, content, after))
            assert scene.refused().refusal is Refusal.UNREACHABLE
            assert scene.station.incoming() == []
        web.misbehave = None
        assert scene.station.look() is not None
    assert scene.station.incoming() == ["toy-4.lgb", "toy-4.lgb.json"]


@pytest.mark.parametrize("status", [403, 500, 503, 401])
def test_a_server_that_refuses_is_no_alarm(scene: Scene, status: int) -> None:
    with scene.web as web:
        web.misbehave = lambda handler: handler.send_error(status) is None
        assert scene.refused().refusal is Refusal.UNREACHABLE
    assert scene.station.reports == []


def test_no_server_is_no_alarm(scene: Scene) -> None:
    with scene.web:
        pass
    assert scene.refused().refusal is Refusal.UNREACHABLE
    assert scene.station.reports == []


def test_a_login_page_in_its_place_is_refused(scene: Scene) -> None:
    """A plant's proxy answers everything with its own page, and 200."""

    def page(handler: SimpleHTTPRequestHandler) -> bool:
        content = b"<!doctype html><title>Please log in</title>"
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
        return True

    with scene.web as web:
        web.misbehave = page
        assert scene.refused().refusal is Refusal.TAMPERED


def test_a_download_stops_within_a_second_when_told(scene: Scene) -> None:
    over, asked = threading.Event(), threading.Event()

    def wait(handler: SimpleHTTPRequestHandler) -> None:
        asked.set()
        drip(handler, scene.offer.length, over.is_set)

    with scene.web as web:
        web.misbehave = only("toy-4.lgb", wait)
        with pytest.raises(StoppedError):
            scene.station.look(go_on=lambda: not asked.is_set())
        over.set()
        assert scene.station.incoming() == []
        web.misbehave = None
        assert scene.station.look() is not None


def test_an_authority_s_file_that_is_not_there_is_named(scene: Scene, tmp_path: Path) -> None:
    scene.station.place = WebAddress(url="https://127.0.0.1:1", ca=tmp_path / "no.pem")
    error = scene.refused()
    assert error.refusal is Refusal.UNREACHABLE
    assert "no.pem" in str(error)


def test_https_is_taken_with_the_plant_s_own_authority_and_refused_without(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "plant")
    pair = authority.issue("web", address="127.0.0.1")
    factory = Factory(tmp_path)
    factory.add()
    with WebServer(factory.place, certificate=pair) as web:
        station = make_station(tmp_path, factory, WebAddress(url=web.url))
        with pytest.raises(UpdateError) as caught:
            station.look()
        assert caught.value.refusal is Refusal.UNREACHABLE
        station.place = WebAddress(url=web.url, ca=authority.ca)
        assert station.look() is not None


def test_a_process_that_ends_right_after_a_request_ends_well(scene: Scene) -> None:
    """The library's threads, slow to come back, must not meet an interpreter that is ending: SIGABRT, exit code 134."""
    with scene.web as web:
        done = subprocess.run(
            [sys.executable, "-c", ENDING, web.url], capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
