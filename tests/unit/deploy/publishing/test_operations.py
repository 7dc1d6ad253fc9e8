"""Publishing: what is on offer afterwards, what is refused, and what two publishers at once come to."""

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from deploy.publishing import operations
from deploy.publishing.committing import BusyError
from deploy.publishing.describe import describe
from deploy.publishing.errors import PublishingError, PublishingRefusedError
from deploy.publishing.operations import Publisher
from deploy.publishing.state import EmptyRepositoryError
from deploy.repository.layout import POINTER, metadata_key, target_key
from deploy.updates.errors import UpdateError
from edge.objects.errors import RemoteError, RemoteFault
from edge.objects.folder import FolderObjects
from models.errors import BundleError
from tests.support.repositories import (
    DAY,
    START,
    Factory,
    always,
    bundle_bytes,
    by_id,
    make_root,
    make_station,
    write_bundle,
)


@pytest.fixture
def factory(tmp_path: Path) -> Factory:
    return Factory(tmp_path)


def offered(factory: Factory) -> dict[str, int]:
    return {offer.bundle: offer.share_permille for offer in operations.load(factory.writer).offers()}


def test_a_bundle_goes_on_offer_its_share_changes_and_it_is_withdrawn(factory: Factory) -> None:
    offer = factory.add(50, notes="first")
    assert offered(factory) == {"toy-4": 50}
    assert (factory.place / target_key(offer.sha256, "toy-4.lgb")).read_bytes() == bundle_bytes(version=4)
    before, after = operations.change_share(factory.writer, "toy-4", 200, factory.publisher)
    assert (before.share_permille, after.share_permille, after.notes) == (50, 200, "first")
    factory.add(1000, version=5)
    assert offered(factory) == {"toy-4": 200, "toy-5": 1000}
    operations.withdraw(factory.writer, "toy-4", factory.publisher)
    assert offered(factory) == {"toy-5": 1000}


def test_a_withdrawn_bundle_can_be_published_again(factory: Factory) -> None:
    factory.add()
    operations.withdraw(factory.writer, "toy-4", factory.publisher)
    factory.add(10)
    assert offered(factory) == {"toy-4": 10}


def test_a_withdrawn_name_stands_for_its_content_still(factory: Factory) -> None:
    for version in (4, 5):
        factory.add(version=version)
        operations.withdraw(factory.writer, f"toy-{version}", factory.publisher)
    operations.refresh(factory.writer, factory.publisher)
    for version in (4, 5):
        with pytest.raises(PublishingRefusedError, match="with other content: raise the version"):
            factory.add(version=version, product="tile")
    factory.add(version=4)
    assert offered(factory) == {"toy-4": 1000}


def test_a_name_stands_for_one_content_and_versions_rise(factory: Factory) -> None:
    factory.add(version=5)
    with pytest.raises(PublishingRefusedError, match="'publish share'"):
        factory.add(version=5)
    with pytest.raises(PublishingRefusedError, match="raise the version"):
        factory.add(version=5, product="tile")
    with pytest.raises(PublishingRefusedError, match="highest version"):
        factory.add(version=4)
    assert offered(factory) == {"toy-5": 1000}


@pytest.mark.parametrize("bundle", ["toy-9", "", "../x"])
def test_what_is_not_on_offer_cannot_be_changed(factory: Factory, bundle: str) -> None:
    with pytest.raises(PublishingError, match="not on offer"):
        operations.withdraw(factory.writer, bundle, factory.publisher)


def test_a_damaged_bundle_is_not_published(factory: Factory) -> None:
    path = write_bundle(factory.work, version=4)
    path.write_bytes(path.read_bytes()[:-1])
    addition = operations.Addition(bundle=path, share_permille=1, minimum_software="0")
    with pytest.raises(BundleError):
        operations.add(factory.writer, addition, factory.publisher)
    assert offered(factory) == {}


def test_a_refresh_needs_the_timestamp_key_alone_until_the_lists_near_their_end(factory: Factory) -> None:
    factory.add()
    held = {role: signers for role, signers in factory.keys.items() if role == "timestamp"}
    alone = Publisher(signers=by_id(*held["timestamp"]), days=30, now=START + 50 * DAY)
    state = operations.refresh(factory.writer, alone)
    assert state.timestamp.signed.expires == START + 80 * DAY
    late = Publisher(signers=alone.signers, days=30, now=START + 350 * DAY)
    with pytest.raises(PublishingError, match="for snapshot is not at hand"):
        operations.refresh(factory.writer, late)
    factory.now = START + 350 * DAY
    state = operations.refresh(factory.writer, factory.publisher)
    assert state.targets.signed.expires == START + 715 * DAY
    assert offered(factory) == {"toy-4": 1000}


def test_a_timestamp_is_never_valid_for_less_than_thirty_days(factory: Factory) -> None:
    factory.days = 29
    with pytest.raises(PublishingError, match="30 days or more"):
        factory.add()
    assert offered(factory) == {}


def test_without_the_key_nothing_is_written(factory: Factory) -> None:
    before = sorted(factory.place.rglob("*.json"))
    for missing in ("targets", "snapshot", "timestamp"):
        held = [s for role, signers in factory.keys.items() if role not in {"root", missing} for s in signers]
        publisher = Publisher(signers=by_id(*held), days=60, now=START)
        with pytest.raises(PublishingError, match=f"key for {missing} is not at hand"):
            operations.add(
                factory.writer,
                operations.Addition(
                    bundle=write_bundle(factory.work, version=4), share_permille=1, minimum_software="0"
                ),
                publisher,
            )
    assert sorted(factory.place.rglob("*.json")) == before


def test_without_a_key_no_repository_is_begun(tmp_path: Path) -> None:
    """Its root would stay, and no better one could take its place."""
    factory = Factory(tmp_path, begin=False)
    for missing in ("targets", "snapshot", "timestamp"):
        held = [s for role, signers in factory.keys.items() if role not in {"root", missing} for s in signers]
        publisher = Publisher(signers=by_id(*held), days=60, now=START)
        with pytest.raises(PublishingError, match=f"key for {missing} is not at hand"):
            operations.initialise(factory.writer, factory.root, publisher, demand_replay=False)
    assert not factory.place.exists()


def test_a_second_repository_is_not_made_over_the_first(factory: Factory) -> None:
    factory.add()
    with pytest.raises(PublishingRefusedError, match="already"):
        operations.initialise(factory.writer, factory.root, factory.publisher, demand_replay=False)
    assert offered(factory) == {"toy-4": 1000}


def test_a_root_that_is_not_valid_makes_no_repository(tmp_path: Path) -> None:
    factory = Factory(tmp_path, begin=False)
    root = make_root(factory.keys, signers=factory.keys["root"][:1])
    with pytest.raises(PublishingRefusedError, match="lacks 1 more"):
        operations.initialise(factory.writer, root, factory.publisher, demand_replay=False)
    assert not factory.place.exists()


def test_no_repository_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(EmptyRepositoryError, match="publish init"):
        operations.load(FolderObjects(tmp_path / "nothing", always))


class Interrupted:
    """A store that stops working at a certain write, as a publisher that is killed; or lets somebody in before it."""

    def __init__(self, folder: Path, at: int) -> None:
        self._objects = FolderObjects(folder, always)
        self._at = at
        self.writes = 0

    def stream(self, key: str) -> Iterator[bytes]:
        return self._objects.stream(key)

    def create(self, key: str, data: bytes, content_type: str) -> None:
        self._count()
        self._objects.create(key, data, content_type)

    def replace(self, key: str, data: bytes, content_type: str) -> None:
        self._count()
        self._objects.replace(key, data, content_type)

    def close(self) -> None:
        pass

    def _count(self) -> None:
        self.writes += 1
        if self.writes == self._at:
            self.act()

    def act(self) -> None:
        raise RemoteError(RemoteFault.UNREACHABLE, "killed here")


@pytest.mark.parametrize("at", range(1, 6))
def test_a_publication_cut_short_leaves_a_whole_repository_and_the_next_one_works(
    factory: Factory, tmp_path: Path, at: int
) -> None:
    """The writes of a publication: bundle, targets, snapshot, N.timestamp (the commit), timestamp (the pointer)."""
    factory.add(version=4)
    station = make_station(tmp_path, factory)
    true_writer, factory.writer = factory.writer, Interrupted(factory.place, at)
    with pytest.raises(RemoteError, match="killed here"):
        factory.add(version=5)
    factory.writer = true_writer
    fetched = station.look()  # the old one, or the new one, but never a broken one
    assert fetched is not None
    assert fetched.bundle == "toy-4"
    found = describe(true_writer, START, files=True)
    assert [problem for problem in found.problems if "cut short" not in problem] == []
    assert bool(found.problems) == (at == 5)
    if at == 5:
        assert offered(factory) == {"toy-4": 1000, "toy-5": 1000}  # it was committed: reading it finishes it
    else:
        factory.add(version=5)
    fetched = station.look()
    assert fetched is not None
    assert fetched.bundle == "toy-5"


@pytest.mark.parametrize("at", range(1, 7))
def test_a_repository_s_beginning_cut_short_goes_on(tmp_path: Path, at: int) -> None:
    factory = Factory(tmp_path, begin=False)
    writer = Interrupted(factory.place, at)
    try:
        operations.initialise(writer, factory.root, factory.publisher, demand_replay=False)
    except RemoteError:
        try:
            operations.initialise(factory.writer, factory.root, factory.publisher, demand_replay=False)
        except PublishingRefusedError as error:
            assert "already" in str(error)
    factory.add()
    assert offered(factory) == {"toy-4": 1000}


class Overtaken(Interrupted):
    """Another publisher publishes, from beginning to end, in the middle of ours."""

    def __init__(self, factory: Factory, at: int) -> None:
        super().__init__(factory.place, at)
        self._factory = factory

    def act(self) -> None:
        other, self._factory.writer = self._factory.writer, self._objects
        self._factory.add(version=1, name="other")
        self._factory.writer = other


@pytest.mark.parametrize("at", range(1, 5))
def test_of_two_publishers_at_once_one_is_refused_and_nothing_is_lost(
    factory: Factory, tmp_path: Path, at: int
) -> None:
    factory.writer = Overtaken(factory, at)
    with pytest.raises(BusyError, match="same moment"):
        factory.add(version=4)
    factory.writer = FolderObjects(factory.place, always)
    assert offered(factory) == {"other-1": 1000}
    factory.add(version=4)
    assert offered(factory) == {"other-1": 1000, "toy-4": 1000}
    station = make_station(tmp_path, factory)
    assert station.look() is not None


def test_a_pointer_that_a_slow_publisher_writes_too_late_does_not_stay_behind(factory: Factory) -> None:
    """Ours is committed; before its pointer is written, somebody else has committed and pointed to a later one."""
    factory.writer = Overtaken(factory, 5)
    factory.add(version=4)
    pointed = json.loads((factory.place / POINTER).read_text())["signed"]["version"]
    factory.writer = FolderObjects(factory.place, always)
    assert pointed == operations.load(factory.writer).timestamp.signed.version == 3
    assert offered(factory) == {"other-1": 1000, "toy-4": 1000}


def rotated(factory: Factory, role: str) -> Metadata[Root]:
    """Return a root with a new key for a role, which the factory holds from now on."""
    held = factory.keys["root"][:2]
    new = [CryptoSigner.generate_ed25519() for _ in factory.keys[role]]
    root = make_root({role: new}, factory.root, [*held, *new[:2]] if role == "root" else held)
    factory.keys[role] = new
    return root


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_every_role_s_key_can_be_rotated_and_stations_follow(factory: Factory, tmp_path: Path, role: str) -> None:
    factory.add(version=4)
    station = make_station(tmp_path, factory)
    assert station.look() is not None
    operations.rotate(factory.writer, rotated(factory, role), factory.publisher)
    assert station.look() is None
    factory.add(version=5)
    fetched = station.look()
    assert fetched is not None
    assert fetched.bundle == "toy-5"


def test_a_station_that_slept_through_several_rotations_follows(factory: Factory, tmp_path: Path) -> None:
    station = make_station(tmp_path, factory)
    for role in ("timestamp", "root", "targets"):
        factory.root = rotated(factory, role)
        operations.rotate(factory.writer, factory.root, factory.publisher)
    factory.add()
    assert station.look() is not None


@pytest.mark.parametrize("at", range(1, 6))
def test_a_rotation_cut_short_is_done_again(factory: Factory, tmp_path: Path, at: int) -> None:
    factory.add()
    root = rotated(factory, "timestamp")
    true_writer = factory.writer
    try:
        operations.rotate(Interrupted(factory.place, at), root, factory.publisher)
    except RemoteError:
        operations.rotate(true_writer, root, factory.publisher)
    assert offered(factory) == {"toy-4": 1000}
    assert make_station(tmp_path, factory).look() is not None


def test_a_rotation_finishes_a_publication_that_died_before_it(factory: Factory, tmp_path: Path) -> None:
    """Committed and not pointed to, and the key that signed it is lost: the reason to rotate."""
    factory.add(version=4)
    true_writer, factory.writer = factory.writer, Interrupted(factory.place, 5)
    with pytest.raises(RemoteError, match="killed here"):
        factory.add(version=5)
    factory.writer = true_writer
    operations.rotate(true_writer, rotated(factory, "timestamp"), factory.publisher)
    assert offered(factory) == {"toy-4": 1000, "toy-5": 1000}
    assert make_station(tmp_path, factory).look() is not None


def test_a_rotation_cut_short_is_named_by_who_comes_next(factory: Factory) -> None:
    root = rotated(factory, "timestamp")
    with pytest.raises(RemoteError):
        operations.rotate(Interrupted(factory.place, 4), root, factory.publisher)
    with pytest.raises(PublishingError, match="do it again"):
        describe(factory.writer, START, files=False)


def test_a_root_that_does_not_follow_is_refused(factory: Factory) -> None:
    stranger = make_root({"targets": [CryptoSigner.generate_ed25519()]}, factory.root, factory.keys["root"][:1])
    with pytest.raises(PublishingRefusedError, match="lacks"):
        operations.rotate(factory.writer, stranger, factory.publisher)
    with pytest.raises(PublishingRefusedError, match="is version 1, the next one is 2"):
        operations.rotate(factory.writer, factory.root, factory.publisher)


def replay(folder: Path, **content: object) -> Path:
    path = folder / "replay.json"
    path.write_text(json.dumps(content))
    return path


def test_a_replay_that_says_no_publishes_nothing(factory: Factory, tmp_path: Path) -> None:
    digest = hashlib.sha256(bundle_bytes(version=4)).hexdigest()
    no = replay(tmp_path, bundle=digest, releasable=False, reason="3 escapes more")
    with pytest.raises(PublishingRefusedError, match="3 escapes more"):
        factory.add(replay=no)
    with pytest.raises(PublishingRefusedError, match="another bundle"):
        factory.add(replay=replay(tmp_path, bundle="0" * 64, releasable=True))
    with pytest.raises(PublishingRefusedError, match="several bundles"):
        factory.add(replay=replay(tmp_path, bundle=None, releasable=True))
    with pytest.raises(PublishingRefusedError, match="other limits"):
        factory.add(replay=replay(tmp_path, bundle=digest, releasable=True, other_limits=True))
    with pytest.raises(PublishingError, match="no result"):
        factory.add(replay=replay(tmp_path, bundle=digest, releasable="yes"))
    assert offered(factory) == {}
    factory.add(replay=replay(tmp_path, bundle=digest, releasable=True, more=[1]))
    assert offered(factory) == {"toy-4": 1000}


def test_a_repository_may_demand_a_replay_for_good(tmp_path: Path) -> None:
    factory = Factory(tmp_path, begin=False)
    operations.initialise(factory.writer, factory.root, factory.publisher, demand_replay=True)
    operations.refresh(factory.writer, factory.publisher)
    factory.change(lambda _targets: None)
    with pytest.raises(PublishingRefusedError, match="demands a replay"):
        factory.add()


def test_status_says_what_ends_soon_and_what_is_damaged(factory: Factory) -> None:
    offer = factory.add()
    assert describe(factory.writer, START, files=True).problems == ()
    [soon] = describe(factory.writer, START + 50 * DAY, files=False).problems
    assert "timestamp ends in 10 days" in soon
    ended = describe(factory.writer, START + 800 * DAY, files=False).problems
    assert len([text for text in ended if "ended on" in text]) == 4
    path = factory.place / target_key(offer.sha256, offer.file_name)
    path.write_bytes(b"other")
    assert "is damaged" in describe(factory.writer, START, files=True).problems[0]
    path.unlink()
    assert "is missing" in describe(factory.writer, START, files=True).problems[0]


def test_a_repository_that_was_tampered_with_is_not_built_upon(factory: Factory) -> None:
    factory.add()
    good = factory.place / metadata_key("targets", 2)
    content = good.read_bytes()
    for damaged in (content.replace(b"1000", b"1001"), b"", b"{}"):
        good.write_bytes(damaged)
        with pytest.raises(PublishingError, match="does not fit together"):
            factory.add(version=5)
    good.unlink()
    with pytest.raises(PublishingError, match="is missing"):
        factory.add(version=5)


def test_what_a_station_is_told_of_an_unfinished_rotation(factory: Factory, tmp_path: Path) -> None:
    """Between the new root and its timestamp a station takes nothing, and takes it right afterwards."""
    factory.add()
    station = make_station(tmp_path, factory)
    root = rotated(factory, "timestamp")
    with pytest.raises(RemoteError):
        operations.rotate(Interrupted(factory.place, 4), root, factory.publisher)
    with pytest.raises(UpdateError):
        station.look()
    operations.rotate(factory.writer, root, factory.publisher)
    station.now += dt.timedelta(hours=1)
    assert station.look() is not None
    shutil.rmtree(factory.work)


def test_a_root_that_has_ended_blocks_until_the_same_keys_sign_the_next(tmp_path: Path) -> None:
    factory = Factory(tmp_path, begin=False)
    factory.root = make_root(factory.keys, days=100)
    operations.initialise(factory.writer, factory.root, factory.publisher, demand_replay=False)
    factory.add()
    station = make_station(tmp_path, factory)
    factory.now = station.now = START + 150 * DAY
    operations.refresh(factory.writer, factory.publisher)
    with pytest.raises(UpdateError, match="root ended"):
        station.look()
    root = make_root({}, factory.root, factory.keys["root"][1:], now=factory.now)
    operations.rotate(factory.writer, root, factory.publisher)
    assert station.look() is not None
