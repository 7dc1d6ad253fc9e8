"""The attacks of the TUF specification (section 1.5.2), played on a repository that a station knows; all in vain."""

import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Targets, Timestamp

from deploy.publishing import operations
from deploy.repository.layout import LARGEST, POINTER, metadata_key, target_key
from deploy.repository.offer import Offer
from deploy.updates import looking
from deploy.updates.download import FILE_BYTES_MAX
from deploy.updates.errors import Refusal, UpdateError
from tests.support.repositories import DAY, START, Factory, StationClient, bundle_bytes, make_root, make_station


@dataclass
class Scene:
    """A station that has seen the repository and taken toy-4; toy-5 was published since."""

    factory: Factory
    station: StationClient
    older: Path
    offer: Offer

    def file(self, key: str) -> Path:
        return self.factory.place / key

    def sign(self, key: str, metadata: Metadata, signer: CryptoSigner, *, at: str | None = None) -> bytes:
        metadata.sign(signer)
        data = metadata.to_bytes()
        self.file(at or key).write_bytes(data)
        return data


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    factory = Factory(tmp_path)
    factory.add(version=4)
    station = make_station(tmp_path, factory)
    assert station.look() is not None
    older = tmp_path / "older"
    shutil.copytree(factory.place, older)
    factory.now += DAY
    return Scene(factory, station, older, factory.add(version=5))


def arbitrary_bytes(scene: Scene) -> None:
    scene.file(POINTER).write_bytes(b"\x00\xff not metadata")


def arbitrary_json(scene: Scene) -> None:
    scene.file(POINTER).write_text("[" * 10_000)


def arbitrary_signed_metadata(scene: Scene) -> None:
    found = Metadata[Timestamp].from_file(str(scene.file(POINTER)))
    found.signed.version += 1
    scene.sign(POINTER, found, CryptoSigner.generate_ed25519())


def rollback(scene: Scene) -> None:
    """Everything as it was before; the station has seen newer."""
    assert scene.station.look() is not None
    shutil.rmtree(scene.factory.place)
    shutil.copytree(scene.older, scene.factory.place)


def rollback_of_snapshot(scene: Scene) -> None:
    """Whoever has the timestamp's key vouches for an older list."""
    assert scene.station.look() is not None
    old = scene.older / metadata_key("snapshot", 2)
    found = Metadata[Timestamp].from_file(str(scene.file(POINTER)))
    found.signed.version += 1
    found.signed.snapshot_meta = MetaFile.from_data(2, old.read_bytes(), ["sha256"])
    scene.sign(POINTER, found, scene.factory.keys["timestamp"][0])


def rollback_of_targets(scene: Scene) -> None:
    """Whoever has the keys of timestamp and snapshot puts older targets into a new list."""
    assert scene.station.look() is not None
    old = scene.older / metadata_key("targets", 2)
    snapshot = Metadata[Snapshot].from_file(str(scene.file(metadata_key("snapshot", 3))))
    snapshot.signed.version = 4
    snapshot.signed.meta["targets.json"] = MetaFile.from_data(2, old.read_bytes(), ["sha256"])
    data = scene.sign(metadata_key("snapshot", 4), snapshot, scene.factory.keys["snapshot"][0])
    point_to(scene, 4, data)


def point_to(scene: Scene, version: int, snapshot: bytes) -> None:
    found = Metadata[Timestamp].from_file(str(scene.file(POINTER)))
    found.signed.version += 1
    found.signed.snapshot_meta = MetaFile.from_data(version, snapshot, ["sha256"])
    scene.sign(POINTER, found, scene.factory.keys["timestamp"][0])


def freeze(scene: Scene) -> None:
    """Nothing new is let through, until the timestamp ends."""
    scene.station.now = START + 70 * DAY


def freeze_with_the_clock_put_back(scene: Scene) -> None:
    """The station's clock has been past the end, synchronised; then its battery fails."""
    freeze(scene)
    with pytest.raises(UpdateError):
        scene.station.look()
    scene.station.now, scene.station.synchronised = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), False


def mix_of_list_and_timestamp(scene: Scene) -> None:
    shutil.copy(scene.older / metadata_key("snapshot", 2), scene.file(metadata_key("snapshot", 3)))


def mix_of_targets_and_list(scene: Scene) -> None:
    shutil.copy(scene.older / metadata_key("targets", 2), scene.file(metadata_key("targets", 3)))


def mix_without_hashes(scene: Scene) -> None:
    """A list that names no hashes, from a laxer tool, and older targets under the new name."""
    snapshot = Metadata[Snapshot].from_file(str(scene.file(metadata_key("snapshot", 3))))
    snapshot.signed.version = 4
    snapshot.signed.meta["targets.json"] = MetaFile(3)
    data = scene.sign(metadata_key("snapshot", 4), snapshot, scene.factory.keys["snapshot"][0])
    point_to(scene, 4, data)
    mix_of_targets_and_list(scene)


def endless_timestamp(scene: Scene) -> None:
    scene.file(POINTER).write_bytes(b" " * (LARGEST["timestamp"] + 1))


def endless_root(scene: Scene) -> None:
    scene.file(metadata_key("root", 2)).write_bytes(b" " * (LARGEST["root"] + 1))


def endless_bundle(scene: Scene) -> None:
    with target(scene).open("ab") as file:
        file.write(b"\0" * 1000)


def bundle_beyond_all_bounds(scene: Scene) -> None:
    scene.factory.add_unchecked(b"x", version=6, length=FILE_BYTES_MAX + 1)


def foreign_repository(scene: Scene) -> None:
    folder = scene.factory.work / "foreign"
    folder.mkdir()
    other = Factory(folder)
    other.add(version=5)
    shutil.rmtree(scene.factory.place)
    shutil.copytree(other.place, scene.factory.place)
    scene.file(metadata_key("root", 1)).unlink()


def root_with_one_signature(scene: Scene) -> None:
    keys = scene.factory.keys
    root = make_root({"targets": [CryptoSigner.generate_ed25519()]}, scene.factory.root, keys["root"][:1])
    scene.file(metadata_key("root", 2)).write_bytes(root.to_bytes())


def root_that_asks_for_too_little(scene: Scene) -> None:
    """Two who hold root keys make a root that one of them can replace alone; the tools of linegate would refuse."""
    keys = scene.factory.keys
    root = make_root({"targets": [CryptoSigner.generate_ed25519()]}, scene.factory.root, keys["root"][:2])
    root.signed.roles["root"].threshold = 1
    root.signed.roles["targets"].keyids = [keys["targets"][0].public_key.keyid]
    root.signed.keys[keys["targets"][0].public_key.keyid] = keys["targets"][0].public_key
    root.signatures.clear()
    for signer in keys["root"][:2]:
        root.sign(signer, append=True)
    scene.file(metadata_key("root", 2)).write_bytes(root.to_bytes())


def rotated_out_key(scene: Scene) -> None:
    """Whoever has the old targets key, and today's others, goes on publishing with it."""
    keys = scene.factory.keys
    old, new = keys["targets"], [CryptoSigner.generate_ed25519()]
    root = make_root({"targets": new}, scene.factory.root, keys["root"][:2], now=scene.factory.now)
    keys["targets"] = new
    operations.rotate(scene.factory.writer, root, scene.factory.publisher)
    found = Metadata[Targets].from_file(str(scene.file(metadata_key("targets", 4))))
    found.signed.version = 5
    data = scene.sign(metadata_key("targets", 5), found, old[0])
    snapshot = Metadata[Snapshot].from_file(str(scene.file(metadata_key("snapshot", 4))))
    snapshot.signed.version = 5
    snapshot.signed.meta["targets.json"] = MetaFile.from_data(5, data, ["sha256"])
    point_to(scene, 5, scene.sign(metadata_key("snapshot", 5), snapshot, keys["snapshot"][0]))


def tampered_bundle(scene: Scene) -> None:
    data = bytearray(target(scene).read_bytes())
    data[len(data) // 2] ^= 1
    target(scene).write_bytes(data)


def shortened_bundle(scene: Scene) -> None:
    data = target(scene).read_bytes()
    target(scene).write_bytes(data[:-100])


def truncated_zip(scene: Scene) -> None:
    """Signed as it is: cut short before it was published."""
    scene.factory.add_unchecked(bundle_bytes(version=6)[:-100], version=6)


def bundle_under_another_name(scene: Scene) -> None:
    scene.factory.add_unchecked(bundle_bytes(version=6, product="tile"), version=6)


def path_out_of_the_folder(scene: Scene) -> None:
    """Signed names that would lead elsewhere are passed over, as nothing that this software knows."""
    evil = scene.offer.target()
    scene.factory.change(lambda targets: targets.targets.update({"../../etc/evil-9.lgb": evil}))
    scene.factory.change(lambda targets: targets.targets.pop("toy-5.lgb"))


def target(scene: Scene) -> Path:
    return scene.file(target_key(scene.offer.sha256, scene.offer.file_name))


Attack = Callable[[Scene], None]
ATTACKS: dict[Attack, Refusal] = {
    arbitrary_bytes: Refusal.TAMPERED,
    arbitrary_json: Refusal.TAMPERED,
    arbitrary_signed_metadata: Refusal.WRONG_KEY,
    rollback: Refusal.ROLLED_BACK,
    rollback_of_snapshot: Refusal.ROLLED_BACK,
    rollback_of_targets: Refusal.ROLLED_BACK,
    freeze: Refusal.EXPIRED,
    freeze_with_the_clock_put_back: Refusal.EXPIRED,
    mix_of_list_and_timestamp: Refusal.MIXED,
    mix_of_targets_and_list: Refusal.MIXED,
    mix_without_hashes: Refusal.MIXED,
    endless_timestamp: Refusal.TOO_BIG,
    endless_root: Refusal.TOO_BIG,
    endless_bundle: Refusal.TOO_BIG,
    bundle_beyond_all_bounds: Refusal.TOO_BIG,
    foreign_repository: Refusal.WRONG_KEY,
    root_with_one_signature: Refusal.WRONG_KEY,
    root_that_asks_for_too_little: Refusal.UNTRUSTED,
    rotated_out_key: Refusal.WRONG_KEY,
    tampered_bundle: Refusal.TAMPERED,
    shortened_bundle: Refusal.TAMPERED,
    truncated_zip: Refusal.DAMAGED,
    bundle_under_another_name: Refusal.DAMAGED,
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_brings_nothing_in_and_is_told(scene: Scene, attack: Attack) -> None:
    attack(scene)
    here = scene.station.incoming()
    scene.station.reports.clear()
    with pytest.raises(UpdateError) as caught:
        scene.station.look()
    assert caught.value.refusal is ATTACKS[attack]
    assert scene.station.incoming() == here
    if attack is not freeze_with_the_clock_put_back:  # which was told at the first look
        assert scene.station.recorded() == [ATTACKS[attack]]
    assert scene.station.reports[-1].refusal is ATTACKS[attack]
    text = str(caught.value)
    assert 20 < len(text) < 600
    assert "\n" not in text
    assert "Traceback" not in text


def test_names_that_lead_elsewhere_are_passed_over(scene: Scene, tmp_path: Path) -> None:
    path_out_of_the_folder(scene)
    assert scene.station.look() is None
    assert scene.station.incoming() == ["toy-4.lgb", "toy-4.lgb.json"]


def test_a_stick_s_links_are_not_followed(scene: Scene) -> None:
    """Wherever they lead: some devices act on being opened, a watchdog for one."""
    elsewhere = scene.factory.work / "elsewhere"
    for path in (scene.file(POINTER), target(scene)):
        shutil.move(path, elsewhere)
        path.symlink_to(elsewhere)
        with pytest.raises(UpdateError, match="is a link") as caught:
            scene.station.look()
        assert caught.value.refusal is Refusal.UNREACHABLE
        path.unlink()
        shutil.move(elsewhere, path)
    assert scene.station.look() is not None


def test_after_an_attack_the_true_repository_is_taken_again(scene: Scene, tmp_path: Path) -> None:
    good = tmp_path / "good"
    shutil.copytree(scene.factory.place, good)
    for attack in (arbitrary_bytes, mix_of_list_and_timestamp, tampered_bundle, endless_root):
        attack(scene)
        with pytest.raises(UpdateError):
            scene.station.look()
        shutil.rmtree(scene.factory.place)
        shutil.copytree(good, scene.factory.place)
    fetched = scene.station.look()
    assert fetched is not None
    assert fetched.bundle == "toy-5"
    assert scene.station.recorded()[-1] is None


def test_what_was_verified_counts_even_where_the_next_file_fails(scene: Scene) -> None:
    """Else somebody could show a new timestamp with a broken list, and then the old timestamp again."""
    mix_of_list_and_timestamp(scene)
    with pytest.raises(UpdateError):
        scene.station.look()
    shutil.rmtree(scene.factory.place)
    shutil.copytree(scene.older, scene.factory.place)
    with pytest.raises(UpdateError) as caught:
        scene.station.look()
    assert caught.value.refusal is Refusal.ROLLED_BACK


def test_a_clock_far_behind_does_not_make_old_metadata_fresh_once_a_signature_was_seen(scene: Scene) -> None:
    """No NTP ever: the floor comes from signatures alone."""
    scene.station.synchronised = False
    scene.station.now = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    scene.factory.now = START + 100 * DAY
    operations.refresh(scene.factory.writer, scene.factory.publisher)
    assert scene.station.look() is not None
    state = json.loads((scene.station.store / "updates" / "trust.json").read_text())
    assert state["floor"] == (START + 100 * DAY).timestamp()


def test_a_clock_far_ahead_blocks_and_moves_no_floor_unless_synchronised(scene: Scene) -> None:
    scene.station.synchronised = False
    scene.station.now = START + 4000 * DAY
    with pytest.raises(UpdateError) as caught:
        scene.station.look()
    assert caught.value.refusal is Refusal.EXPIRED
    assert "not synchronised" in str(caught.value)
    scene.station.now = START + 2 * DAY
    assert scene.station.look() is not None


def test_a_refusal_that_stands_is_recorded_once_a_day_and_its_alarm_renewed(scene: Scene) -> None:
    arbitrary_bytes(scene)
    scene.station.reports.clear()
    for hours in (0, 1, 2, 25, 26):
        scene.station.now = START + 2 * DAY + dt.timedelta(hours=hours)
        with pytest.raises(UpdateError):
            scene.station.look()
    assert [report.record for report in scene.station.reports] == [True, False, False, True, False]
    assert looking.REPEAT_MS == 24 * 3600 * 1000


def test_a_refusal_that_stands_is_recorded_where_the_clock_was_put_back(scene: Scene) -> None:
    arbitrary_bytes(scene)
    scene.station.reports.clear()
    for days in (4000, 2, 2.1):
        scene.station.now = START + days * DAY
        with pytest.raises(UpdateError):
            scene.station.look()
    assert [report.record for report in scene.station.reports] == [True, True, False]


def test_what_the_inspector_did_not_hear_is_told_later_in_order(scene: Scene) -> None:
    scene.station.reports.clear()
    scene.station.listening = False
    arbitrary_bytes(scene)
    with pytest.raises(UpdateError):
        scene.station.look()
    shutil.copy(scene.file(metadata_key("timestamp", 3)), scene.file(POINTER))
    assert scene.station.look() is not None
    scene.station.listening = True
    assert scene.station.look() is None
    assert scene.station.recorded() == [Refusal.TAMPERED, None]
