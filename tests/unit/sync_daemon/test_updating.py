"""Looking for bundles in the daemon: how often, what it says, and what happens where it meets a fault."""

import logging
import threading
from pathlib import Path

import pytest

from deploy.updates.errors import Refusal
from deploy.updates.values import StationFacts
from edge.config.notify import Notifier
from models.errors import BundleUnreadableError
from sync.daemon import run_daemon
from sync.errors import StateError
from sync.updating import UpdatePolling, UpdateThread, look_once
from tests.support.repositories import Factory, StationClient, always, make_station
from tests.support.waiting import wait_until


@pytest.fixture
def client(tmp_path: Path) -> StationClient:
    factory = Factory(tmp_path)
    factory.add()
    return make_station(tmp_path, factory)


def polling(client: StationClient) -> UpdatePolling:
    return UpdatePolling(settings=client.settings, facts=lambda: client.facts, tell=client.tell)


def test_a_look_brings_a_bundle_or_says_why_not(client: StationClient) -> None:
    looked = look_once(polling(client), always)
    assert looked.fetched is not None
    assert (looked.refusal, looked.problem) == (None, "")
    assert look_once(polling(client), always).fetched is None
    client.place = client.folder / "nowhere"
    looked = look_once(polling(client), always)
    assert looked.refusal is Refusal.UNREACHABLE
    assert looked.problem.startswith("unreachable: ")


def test_a_model_that_cannot_be_read_is_a_problem_of_that_look_alone(client: StationClient) -> None:
    def unreadable() -> StationFacts:
        raise BundleUnreadableError("gone.lgb: is gone")

    looked = look_once(UpdatePolling(settings=client.settings, facts=unreadable, tell=client.tell), always)
    assert "gone.lgb: is gone" in looked.problem


def test_the_daemon_ends_where_fetching_met_a_fault(client: StationClient, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> StationFacts:
        raise RuntimeError("a bug")

    bundles = UpdatePolling(settings=client.settings, facts=broken, tell=client.tell)
    with pytest.raises(StateError, match="has ended by a fault"):
        run_daemon(None, bundles, threading.Event(), notifier=Notifier(None))
    assert "a bug" in caplog.text


def test_it_says_how_it_stands(client: StationClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stopping = threading.Event()
    thread = UpdateThread(polling(client), stopping)
    thread.start()
    wait_until(lambda: "toy-4 came" in thread.summary, what="the bundle")
    stopping.set()
    thread.join()
    assert not thread.alive
    assert "toy-4 is here" in caplog.text
