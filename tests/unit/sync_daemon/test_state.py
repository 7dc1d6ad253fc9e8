import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sync.errors import StateError
from sync.state import DATABASE, SyncState, UploadState

DAY = "2025/10/09"
OTHER = "2025/10/10"
MONTH_MS = 30 * 24 * 3600 * 1000


class Clock:
    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        return self.now


def rows(store: Path) -> dict[str, tuple[object, ...]]:
    with closing(sqlite3.connect(store / DATABASE)) as database:
        found = database.execute("SELECT path, state, attempts, first_try, done_at, error FROM uploads").fetchall()
    return {path: tuple(rest) for path, *rest in found}


def done(state: SyncState, path: str, outcome: UploadState = UploadState.DONE, error: str = "") -> None:
    state.finished(path, outcome, sha256="0" * 64, key=f"k/{path}", error=error)


def test_pictures_come_by_attempts_then_age(tmp_path: Path) -> None:
    with SyncState.open(tmp_path, now_ms=Clock()) as state:
        state.reconcile(DAY, [f"{DAY}/1-1-a.jpg", f"{DAY}/1-2-a.jpg"])
        state.reconcile(OTHER, [f"{OTHER}/1-3-a.jpg"])
        state.failed(f"{DAY}/1-1-a.jpg", "offline")
        seen = []
        place = state.next_pending(None)
        while place:
            seen.append(place)
            place = state.next_pending(place)
    assert seen == [(0, f"{DAY}/1-2-a.jpg"), (0, f"{OTHER}/1-3-a.jpg"), (1, f"{DAY}/1-1-a.jpg")]


def test_attempts_and_times_are_recorded(tmp_path: Path) -> None:
    clock = Clock()
    path = f"{DAY}/1-1-a.jpg"
    with SyncState.open(tmp_path, now_ms=clock) as state:
        state.reconcile(DAY, [path])
        state.failed(path, "offline")
        clock.now = 2_000
        done(state, path)
        assert state.counts()[UploadState.DONE] == 1
    assert rows(tmp_path)[path] == ("done", 2, 1_000, 2_000, None)


def test_what_vanished_is_forgotten_once_done_and_remembered_a_month_if_not(tmp_path: Path) -> None:
    clock = Clock()
    names = [f"{DAY}/1-{seq}-a.jpg" for seq in range(1, 5)]
    with SyncState.open(tmp_path, now_ms=clock) as state:
        state.reconcile(DAY, names)
        state.reconcile(OTHER, [f"{OTHER}/1-9-a.jpg"])
        done(state, names[0])
        done(state, names[1], UploadState.CONFLICT, "other content")
        state.reconcile(DAY, [names[3]])
        found = rows(tmp_path)
        assert names[0] not in found
        assert [found[name][0] for name in names[1:]] == ["gone", "gone", "pending"]
        assert found[names[1]][4] == "other content"
        assert sorted(state.days()) == [DAY, OTHER]
        clock.now += MONTH_MS + 1
        state.reconcile(DAY, [names[3]])
    assert set(rows(tmp_path)) == {names[3], f"{OTHER}/1-9-a.jpg"}


def test_final_states_stay(tmp_path: Path) -> None:
    path = f"{DAY}/1-1-a.jpg"
    for outcome in (UploadState.DONE, UploadState.CONFLICT, UploadState.DAMAGED):
        store = tmp_path / outcome
        store.mkdir()
        with SyncState.open(store, now_ms=Clock()) as state:
            state.reconcile(DAY, [path])
            done(state, path, outcome)
            state.reconcile(DAY, [path])
            assert state.next_pending(None) is None


def test_it_is_found_again_and_a_second_one_is_refused(tmp_path: Path) -> None:
    with SyncState.open(tmp_path) as state:
        state.reconcile(DAY, [f"{DAY}/1-1-a.jpg"])
        with pytest.raises(StateError, match="another sync runs"):
            SyncState.open(tmp_path)
    with SyncState.open(tmp_path) as state:
        assert state.counts()[UploadState.PENDING] == 1


def test_a_newer_schema_is_refused_and_the_lock_let_go(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        database.execute("PRAGMA user_version = 2")
    for _ in range(2):
        with pytest.raises(StateError, match="update linegate"):
            SyncState.open(tmp_path)


def test_a_damaged_file_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StateError, match="move it away"):
        SyncState.open(tmp_path)


def test_a_missing_store_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="create it for the user"):
        SyncState.open(tmp_path / "none")
