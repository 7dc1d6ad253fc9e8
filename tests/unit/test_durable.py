"""What is written survives a power cut: every file and every name is flushed, in the order that makes it whole."""

import os
from pathlib import Path

import pytest

from edge.durable import is_temporary, make_folders, stage, write_whole


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Calls that matter for a power cut, each with the name that it is about, in their order."""
    made: list[tuple[str, str]] = []
    sync, rename, make = os.fsync, Path.rename, os.mkdir

    def fsync(descriptor: int) -> None:
        made.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        sync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        made.append(("rename", target.name))
        return rename(path, target)

    def mkdir(path: Path, mode: int = 0o777) -> None:
        make(path, mode)
        made.append(("mkdir", Path(path).name))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", renamed)
    monkeypatch.setattr(os, "mkdir", mkdir)
    return made


def test_a_file_is_flushed_before_it_has_its_name_and_the_name_after(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    write_whole(tmp_path / "a.json", b"{}")
    (temporary, *rest) = calls
    assert temporary[0] == "fsync"
    assert is_temporary(temporary[1])
    assert rest == [("rename", "a.json"), ("fsync", tmp_path.name)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_is_flushed_in_its_parent_even_where_it_stood_already(
    tmp_path: Path, calls: list[tuple[str, str]], exists: bool
) -> None:
    if exists:
        (tmp_path / "2025" / "10").mkdir(parents=True)
        calls.clear()
    make_folders(tmp_path / "2025" / "10", tmp_path)
    assert [call for call in calls if call[0] == "fsync"] == [("fsync", tmp_path.name), ("fsync", "2025")]
    assert (tmp_path / "2025" / "10").is_dir()


def test_what_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "taken", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    path = stage(tmp_path, b"key", mode=0o600, owner=(os.getuid(), os.getgid()))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"key", 0o600)
