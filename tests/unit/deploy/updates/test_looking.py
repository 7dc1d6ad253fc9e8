"""What a station makes of repositories over its life: owners of files, new founders, and what it remembers."""

import os
from pathlib import Path

import pytest

from deploy.publishing import operations
from deploy.updates import trust
from deploy.updates.errors import Refusal, UpdateError
from deploy.updates.looking import take_plain
from tests.support.repositories import DAY, Factory, StationClient, make_station, write_bundle


@pytest.fixture
def factory(tmp_path: Path) -> Factory:
    return Factory(tmp_path)


@pytest.fixture
def station(tmp_path: Path, factory: Factory) -> StationClient:
    return make_station(tmp_path, factory)


def test_what_is_written_as_root_belongs_to_the_owner_of_the_store(factory: Factory, station: StationClient) -> None:
    assert os.geteuid() == 0, "this test gives files away: run it as root"
    os.chown(station.store, 65_534, 65_534)
    factory.add()
    assert station.look() is not None
    made = [path for path in station.store.rglob("*") if path.name != "store"]
    assert len(made) == 7
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(65_534, 65_534)}
    assert all(path.stat().st_mode & 0o007 == 0 for path in made)


def test_as_root_no_link_in_the_store_gives_a_file_away(
    tmp_path: Path, factory: Factory, station: StationClient
) -> None:
    """Whoever has taken over the station's account must not own more than that by waiting for root to install."""
    assert os.geteuid() == 0, "this test gives files away: run it as root"
    secret = tmp_path / "secret"
    secret.write_text("root's")
    os.chown(station.store, 65_534, 65_534)
    (station.store / trust.FOLDER).mkdir()
    (station.store / trust.FOLDER / "updates.lock").symlink_to(secret)
    factory.add()
    with pytest.raises(UpdateError) as caught:
        station.look()
    assert caught.value.refusal is Refusal.DISK
    assert secret.stat().st_uid == 0


def test_a_new_repository_is_taken_once_its_root_was_brought_by_hand(
    tmp_path: Path, factory: Factory, station: StationClient
) -> None:
    """The keys of the old one are lost; the new one begins with version 1 of everything."""
    for version in (4, 5, 6):
        factory.add(version=version)
    assert station.look() is not None
    (tmp_path / "again").mkdir()
    other = Factory(tmp_path / "again")
    other.add(version=7)
    station.place = other.place
    with pytest.raises(UpdateError) as caught:
        station.look()
    assert caught.value.refusal is Refusal.WRONG_KEY
    other.write_root(station.root)
    fetched = station.look()
    assert fetched is not None
    assert fetched.bundle == "toy-7"


def test_what_was_brought_once_is_not_brought_again_wherever_it_went(factory: Factory, station: StationClient) -> None:
    factory.add()
    fetched = station.look()
    assert fetched is not None
    fetched.path.unlink()
    assert station.look() is None
    again = station.look("toy-4")
    assert again is not None
    assert again.path.exists()


def test_a_file_that_is_there_already_is_not_read_again(factory: Factory, station: StationClient) -> None:
    offer = factory.add()
    assert station.look() is not None
    (factory.place / "targets" / f"{offer.sha256}.toy-4.lgb").unlink()
    assert station.look("toy-4") is not None


def test_another_content_under_the_final_name_is_replaced(factory: Factory, station: StationClient) -> None:
    offer = factory.add()
    fetched = station.look()
    assert fetched is not None
    fetched.path.write_bytes(b"something else")
    again = station.look("toy-4")
    assert again is not None
    assert len(again.path.read_bytes()) == offer.length


def test_a_damaged_memory_blocks_and_says_what_to_do(factory: Factory, station: StationClient) -> None:
    factory.add()
    assert station.look() is not None
    path = station.store / trust.FOLDER / trust.FILE
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UpdateError, match="moved away") as caught:
        station.look()
    assert caught.value.refusal is Refusal.UNTRUSTED
    assert station.reports[-1].refusal is Refusal.UNTRUSTED
    path.unlink()
    assert station.look("toy-4") is not None


@pytest.mark.parametrize("content", [b"", b"{}", b"no json", b"[" * 9000])
def test_a_root_that_is_none_takes_nothing(factory: Factory, station: StationClient, content: bytes) -> None:
    factory.add()
    station.root.write_bytes(content)
    with pytest.raises(UpdateError, match="provision models") as caught:
        station.look()
    assert caught.value.refusal is Refusal.UNTRUSTED
    assert station.incoming() == []


def test_a_store_that_is_not_there_is_named(factory: Factory, station: StationClient) -> None:
    station.store.rmdir()
    with pytest.raises(UpdateError, match="no such folder") as caught:
        station.look()
    assert caught.value.refusal is Refusal.DISK


def test_a_time_floor_in_the_future_blocks_until_the_memory_is_moved_away(
    factory: Factory, station: StationClient
) -> None:
    """A time server that lied, say."""
    factory.add()
    true_time, station.now = station.now, station.now + 4000 * DAY
    with pytest.raises(UpdateError):
        station.look()
    station.now = true_time
    with pytest.raises(UpdateError, match="but it was 20") as caught:
        station.look()
    assert caught.value.refusal is Refusal.EXPIRED
    (station.store / trust.FOLDER / trust.FILE).unlink()
    assert station.look() is not None


def test_that_nobody_vouches_for_a_plain_file_is_on_record(tmp_path: Path, station: StationClient) -> None:
    path = write_bundle(tmp_path, version=4)
    assert not take_plain(path, None, station.store, live=False, tell=station.tell).signed
    [report] = station.reports
    assert report.record
    assert report.text.endswith("was fetched, UNSIGNED")


def test_what_is_withdrawn_before_its_turn_is_never_fetched(factory: Factory, station: StationClient) -> None:
    factory.add(0)
    assert station.look() is None
    operations.withdraw(factory.writer, "toy-4", factory.publisher)
    assert station.look() is None
    assert station.incoming() == []
    assert station.reports == []


def test_the_newest_of_several_new_bundles_is_fetched_alone(factory: Factory, station: StationClient) -> None:
    for version in (4, 5, 6):
        factory.add(version=version)
    assert station.look() is not None
    assert station.look() is None
    assert [name for name in station.incoming() if name.endswith(".lgb")] == ["toy-6.lgb"]


@pytest.mark.parametrize(
    ("share", "changes", "refusal"),
    [(0, {}, Refusal.TURN), (1000, {"product": "tile"}, Refusal.PRODUCT)],
    ids=["not its turn", "another product"],
)
def test_what_is_for_others_is_passed_over_but_on_record_where_somebody_asks_for_it(
    factory: Factory, station: StationClient, share: int, changes: dict[str, str], refusal: Refusal
) -> None:
    factory.add(share, **changes)
    assert station.look() is None
    assert station.reports == []
    with pytest.raises(UpdateError) as caught:
        station.look("toy-4")
    assert caught.value.refusal is refusal
    assert station.recorded() == [refusal]
    assert station.look() is None
    assert station.recorded() == [refusal, None]
    assert station.incoming() == []
