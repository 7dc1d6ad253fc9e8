"""What is refused reaches the running inspector: an alarm on the topic, an event in the chain; parts go on."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy.publishing import operations
from deploy.repository.layout import POINTER
from deploy.updates.errors import UpdateError
from deploy.updates.values import StationFacts, UpdateSettings
from edge.cli.updates import station_facts, teller
from edge.config.notify import Notifier
from edge.core import wire
from edge.core.events import Instant
from edge.core.types import Decision
from edge.inspector import clock, update_watch
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.operating import UpdateRequest
from edge.inspector.update_watch import UpdateWatch
from edge.ledger.verify import verify
from sync.daemon import run_daemon
from sync.updating import UpdatePolling
from tests.support.ledgers import instant
from tests.support.repositories import DAY, Factory, StationClient, make_station
from tests.support.stations import RunningStation
from tests.support.waiting import wait_until


@pytest.fixture
def factory(tmp_path: Path) -> Factory:
    return Factory(tmp_path)


@pytest.fixture
def client(tmp_path: Path, factory: Factory) -> StationClient:
    return make_station(tmp_path, factory)


@pytest.fixture
def inspector(client: StationClient) -> Iterator[RunningStation]:
    with RunningStation(client.store) as running:
        yield running


def alarm(station: RunningStation) -> dict[str, object]:
    retained = station.broker.retained(f"{wire.base_topic('s', 'l', 'st')}/{wire.alarm_topic(Alarm.UPDATE)}")
    return dict(json.loads(retained)) if retained else {}


def updates_on_record(store: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{store / 'ledger.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT body FROM events WHERE kind = 'operator' ORDER BY id").fetchall()
    events = [json.loads(body) for (body,) in rows]
    return [event["detail"] for event in events if event["action"] == "update"]


def test_a_refusal_is_an_alarm_and_an_event_and_ends_with_the_next_good_look(
    factory: Factory, client: StationClient, inspector: RunningStation
) -> None:
    heard: list[str] = []
    client.tell = teller(client.store, heard.append)  # type: ignore[method-assign]
    factory.add()
    good = (factory.place / POINTER).read_bytes()
    (factory.place / POINTER).write_bytes(b"forged")
    for _ in range(3):
        with pytest.raises(UpdateError):
            client.look()
    wait_until(lambda: alarm(inspector).get("raised") == 1, what="the alarm")
    assert str(alarm(inspector)["text"]).startswith("tampered: metadata/timestamp.json")
    assert inspector.inspect(1).dec is Decision.ACCEPT
    (factory.place / POINTER).write_bytes(good)
    assert client.look() is not None
    wait_until(lambda: alarm(inspector).get("raised") == 0, what="the alarm's end")
    assert client.look() is None
    inspector.stop()
    first, second = updates_on_record(client.store)
    assert first.startswith("refused (tampered), metadata/timestamp.json")
    assert f"source {factory.place}" in first
    assert second.startswith("taken, toy-4, toy-4 (")
    assert heard == []
    assert verify(client.store).problems == ()


def test_what_happens_while_the_inspector_is_away_is_on_record_once_it_runs(
    factory: Factory, client: StationClient
) -> None:
    heard: list[str] = []
    client.tell = teller(client.store, heard.append)  # type: ignore[method-assign]
    (factory.place / POINTER).write_bytes(b"forged")
    with pytest.raises(UpdateError):
        client.look()
    assert "no inspector runs" in heard[0]
    with RunningStation(client.store) as inspector:
        with pytest.raises(UpdateError):
            client.look()
        wait_until(lambda: alarm(inspector).get("raised") == 1, what="the alarm")
    assert len(updates_on_record(client.store)) == 1


def test_the_daemon_fetches_and_tells_while_parts_are_judged(
    factory: Factory, client: StationClient, inspector: RunningStation
) -> None:
    settings = client.settings
    polling = UpdatePolling(
        settings=UpdateSettings(
            store=settings.store, root=settings.root, source=settings.source, place=settings.place, interval_s=0.05
        ),
        facts=lambda: client.facts,
        tell=teller(client.store),
    )
    stopping = threading.Event()
    daemon = threading.Thread(
        target=run_daemon, args=(None, polling, stopping), kwargs={"notifier": Notifier.from_environment({})}
    )
    daemon.start()
    try:
        for version in (4, 5):
            factory.add(version=version)
            wait_until(lambda version=version: f"toy-{version}.lgb.json" in client.incoming(), what="the bundle")
            assert inspector.inspect(version).dec is Decision.ACCEPT
        (factory.place / POINTER).write_bytes(b"forged")
        wait_until(lambda: alarm(inspector).get("raised") == 1, what="the alarm")
    finally:
        stopping.set()
        daemon.join(10)
    assert not daemon.is_alive()
    assert inspector.inspect(9).dec is Decision.ACCEPT


def test_a_frozen_repository_blocks_updates_and_nothing_else(
    factory: Factory, client: StationClient, inspector: RunningStation
) -> None:
    client.tell = teller(client.store)  # type: ignore[method-assign]
    factory.add()
    client.now += 100 * DAY
    with pytest.raises(UpdateError, match="publish refresh"):
        client.look()
    wait_until(lambda: alarm(inspector).get("raised") == 1, what="the alarm")
    assert inspector.inspect(1).dec is Decision.ACCEPT
    factory.now = client.now
    operations.refresh(factory.writer, factory.publisher)
    assert client.look() is not None


def request(source: str, refusal: str) -> UpdateRequest:
    return UpdateRequest(source=source, refusal=refusal, text="as the test wants it", at=0)


def test_the_alarm_stands_while_any_source_is_refused() -> None:
    alarms = Alarms(instant())
    watch = UpdateWatch(alarms)
    watch.tell(request("stick", "tampered"))
    watch.tell(request("https://a", "expired"))
    watch.tell(request("https://a", ""))
    assert alarms.raised(Alarm.UPDATE)
    watch.tell(request("stick", ""))
    assert not alarms.raised(Alarm.UPDATE)


def test_a_source_that_never_comes_again_is_told_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms = Alarms(instant())
    watch = UpdateWatch(alarms)
    watch.tell(request("stick", "tampered"))
    watch.look()
    assert alarms.raised(Alarm.UPDATE)
    monkeypatch.setattr(update_watch, "STANDS_NS", -1)
    watch.look()
    assert not alarms.raised(Alarm.UPDATE)


def test_a_day_is_a_day_where_the_clock_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    alarms = Alarms(instant())
    watch = UpdateWatch(alarms)
    began = clock.now()
    watch.tell(request("stick", "tampered"))
    for hours, raised in ((23, True), (25, False)):
        later = Instant(mono_ns=began.mono_ns + hours * 3600 * 10**9, utc_ms=0)
        monkeypatch.setattr(clock, "now", lambda later=later: later)
        watch.look()
        assert alarms.raised(Alarm.UPDATE) is raised


def test_many_sources_are_bounded() -> None:
    watch = UpdateWatch(Alarms(instant()))
    for number in range(1000):
        watch.tell(request(f"stick {number}", "tampered"))
    assert len(watch._standing) == update_watch.SOURCES
    assert wire.alarm_topic(Alarm.UPDATE) == "alarm/update"


def test_facts_of_a_station_are_those_of_its_recipes(client: StationClient) -> None:
    facts = station_facts(RunningStation(client.store).loaded.config)
    assert isinstance(facts, StationFacts)
    assert (facts.station, facts.products) == ("s/l/st", frozenset({"phone"}))
    assert [known.name for known in facts.present] == ["phones"]
