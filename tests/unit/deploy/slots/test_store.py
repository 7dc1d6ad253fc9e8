"""The store of bundles on disk: nothing half, nothing forged, nothing lost."""

import hashlib
import os
from pathlib import Path

import pytest

from deploy.slots import record
from deploy.slots.errors import SlotsBusyError, SlotsError, SlotsRefusedError
from deploy.slots.provenance import Provenance, provenance_path, read_provenance
from deploy.slots.store import READ_ONLY, SlotStore, read_slots
from edge.core.slots import By, Stage, canary, promote, shadow, take_back, verify
from models.bundle.writing import pack
from tests.support.bundles import manifest, members, packed
from tests.support.disks import fill, small_disk

BY = By(who="sync", at=5)


def incoming(store: SlotStore, data: bytes, name: str = "toy-3.lgb") -> tuple[Path, Provenance]:
    path = store.incoming / name
    path.write_bytes(data)
    told = Provenance(sha256=hashlib.sha256(data).hexdigest(), source="a test")
    provenance_path(path).write_text(told.model_dump_json())
    return path, told


def test_a_staged_bundle_is_read_only_and_known_after_a_restart(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        path, told = incoming(store, packed())
        slot = store.stage(path, told, BY)
        kept = store.path_of(slot)
        assert kept.read_bytes() == packed()
        assert kept.stat().st_mode & 0o777 == 0o440
        assert store.waiting() == []
        assert list(store.incoming.iterdir()) == []
    assert [(one.label, one.stage, one.origin) for one in read_slots(tmp_path).bundles] == [
        ("toy-3", Stage.STAGED, "a test")
    ]


def test_a_file_that_is_not_the_announced_one_is_refused(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        path, told = incoming(store, packed())
        path.write_bytes(packed() + b"x")
        with pytest.raises(SlotsRefusedError, match="not the file that was announced"):
            store.stage(path, told, BY)
        assert store.slots.bundles == ()


@pytest.mark.parametrize("cut", [1, 100, 10_000])
def test_a_truncated_bundle_is_refused_even_where_its_hash_was_announced(tmp_path: Path, cut: int) -> None:
    data = packed()
    with SlotStore.open(tmp_path) as store:
        path, told = incoming(store, data[: max(10, len(data) - cut)])
        with pytest.raises(SlotsRefusedError, match="copy or download"):
            store.stage(path, told, BY)


def test_another_bundle_of_the_same_name_and_version_is_refused(tmp_path: Path) -> None:
    other = pack(manifest(product="tile"), members())
    with SlotStore.open(tmp_path) as store:
        store.stage(*incoming(store, packed()), BY)
        with pytest.raises(SlotsRefusedError, match="new version"):
            store.stage(*incoming(store, other), BY)
        assert store.path_of(store.slots.bundles[0]).read_bytes() == packed()


def test_a_full_disk_while_staging_leaves_all_as_it_was(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 400_000) as disk, SlotStore.open(disk) as store:
        path, told = incoming(store, packed())
        filler = fill(disk / "filler")
        with pytest.raises(SlotsError, match="disk is full"):
            store.stage(path, told, BY)
        assert store.slots.bundles == ()
        assert [entry.name for entry in store.folder.iterdir() if entry.suffix in {".lgb", ".tmp"}] == []
        filler.unlink()
        assert store.stage(path, told, BY).label == "toy-3"


def test_a_second_process_is_told_that_the_store_is_held(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path), pytest.raises(SlotsBusyError, match="another process"):
        SlotStore.open(tmp_path)


def test_an_illegal_move_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        slot = store.stage(*incoming(store, packed()), BY)
        with pytest.raises(SlotsRefusedError, match="linegate model verify toy-3"):
            store.move(lambda slots: promote(slots, slot.sha256, BY))


def test_what_a_crash_left_behind_is_removed(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        kept = store.path_of(store.stage(*incoming(store, packed()), BY))
        orphan = store.folder / "orphan-1.lgb"
        orphan.write_bytes(b"never became known")
        orphan.chmod(READ_ONLY)
        (store.folder / ".xyz.tmp").write_bytes(b"half")
    with SlotStore.open(tmp_path) as store:
        assert sorted(entry.name for entry in store.folder.iterdir() if entry.suffix in {".lgb", ".tmp"}) == [kept.name]


def test_a_bundle_that_a_person_put_there_for_a_recipe_stays(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        theirs = store.folder / "tiles-2.lgb"
        theirs.write_bytes(packed())
        theirs.chmod(0o644)
    with SlotStore.open(tmp_path):
        assert theirs.read_bytes() == packed()


def test_a_spoilt_record_is_noticed_and_its_copy_stands_in(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        slot = store.stage(*incoming(store, packed()), BY)
        for change in (verify, shadow):
            store.move(lambda slots, change=change: change(slots, slot.sha256, BY))
        file = store.folder / record.FILE_NAME
    file.write_bytes(file.read_bytes().replace(b'"stage":"shadow"', b'"stage":"active"'))
    assert read_slots(tmp_path).bundles[0].stage is Stage.SHADOW


def test_a_spoilt_record_does_not_bring_a_withdrawn_bundle_back(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        slot = store.stage(*incoming(store, packed()), BY)
        for change in (verify, shadow, lambda slots, sha256, by: canary(slots, sha256, 0.2, by), promote, take_back):
            store.move(lambda slots, change=change: change(slots, slot.sha256, BY))
        file = store.folder / record.FILE_NAME
    file.write_bytes(b"{")
    assert read_slots(tmp_path).active is None
    with SlotStore.open(tmp_path) as store:
        assert store.slots.active is None
    assert record.decode(file.read_bytes()) == store.slots  # mended, lest the next fault finds the last copy


def test_a_copy_that_a_kill_left_behind_is_renewed_at_the_start(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        slot = store.stage(*incoming(store, packed()), BY)
        copy = store.folder / record.COPY_NAME
        old = copy.read_bytes()
        store.move(lambda slots: verify(slots, slot.sha256, BY))
    copy.write_bytes(old)
    with SlotStore.open(tmp_path) as store:
        assert record.decode(copy.read_bytes()) == store.slots


def test_a_copy_that_cannot_be_written_is_none_rather_than_an_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SlotStore.open(tmp_path) as store:
        slot = store.stage(*incoming(store, packed()), BY)
        real = record.write_whole

        def full(path: Path, data: bytes) -> None:
            if path.name == record.COPY_NAME:
                raise OSError(28, "No space left on device")
            real(path, data)

        monkeypatch.setattr(record, "write_whole", full)
        store.move(lambda slots: verify(slots, slot.sha256, BY))
        assert not (store.folder / record.COPY_NAME).exists()
    assert read_slots(tmp_path).bundles[0].stage is Stage.VERIFIED


def test_who_may_not_read_the_record_is_told_so_and_not_to_move_it_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_path: Path, _limit: int) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(record, "read_bounded", forbidden)
    with pytest.raises(SlotsError, match="join its group") as caught:
        read_slots(tmp_path)
    assert "move these files away" not in str(caught.value)


def test_a_record_that_is_lost_altogether_says_what_to_do(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        store.stage(*incoming(store, packed()), BY)
        for name in (record.FILE_NAME, record.COPY_NAME):
            (store.folder / name).write_bytes(b"{")
    with pytest.raises(SlotsError, match="move these files away"):
        read_slots(tmp_path)


def test_the_rename_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SlotStore.open(tmp_path) as store:
        slot = store.stage(*incoming(store, packed()), BY)
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", _no_space)
            with pytest.raises(SlotsError, match="disk is full"):
                store.move(lambda slots: verify(slots, slot.sha256, BY))
        assert store.slots == read_slots(tmp_path)
        assert store.slots.bundles[0].stage is Stage.STAGED


def test_a_whole_life_is_on_disk_at_every_step(tmp_path: Path) -> None:
    with SlotStore.open(tmp_path) as store:
        slot = store.stage(*incoming(store, packed()), BY)
        for change in (
            verify,
            shadow,
            lambda slots, sha256, by: canary(slots, sha256, 0.2, by),
            promote,
        ):
            moved = store.move(lambda slots, change=change: change(slots, slot.sha256, BY))
            assert read_slots(tmp_path) == moved
    assert read_slots(tmp_path).active.label == "toy-3"


def test_provenance_that_tells_no_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy-3.lgb"
    assert read_provenance(path) is None
    provenance_path(path).write_text('{"source": "somewhere"}')
    with pytest.raises(SlotsRefusedError, match="tells no hash"):
        read_provenance(path)


def _no_space(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")
