import errno
import os
from pathlib import Path

import pytest

from models.audit.writing import METRICS, REPORT, ReportError, prepare_folder, write_report
from tests.support.disks import fill, small_disk


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_both_files_appear_and_replace_older_ones(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    prepare_folder(folder)
    assert names(folder) == []
    for text in ("first", "second"):
        write_report(folder, f"<p>{text}</p>", "{}")
    assert names(folder) == [METRICS, REPORT]
    assert (folder / REPORT).read_text() == "<p>second</p>"


def test_a_full_disk_leaves_neither_half_a_report_nor_a_temporary_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 256 * 1024) as folder:
        write_report(folder, "old", "{}")
        fill(folder / "filler")
        with pytest.raises(ReportError, match="No space left on device"):
            write_report(folder, "x" * 300_000, "{}")
        assert (folder / REPORT).read_text() == "old"
        assert names(folder) == ["filler", METRICS, REPORT]


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_any_refusal_of_the_file_system_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(ReportError, match=f"{tmp_path}.*Input/output error.*--report"):
        write_report(tmp_path, "page", "{}")
    assert names(tmp_path) == []


def test_a_kill_in_between_leaves_no_final_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_report(tmp_path, "page", "{}")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ReportError, match="the report cannot be written"):
            prepare_folder(folder)


def test_a_name_that_is_no_unicode_does_not_stop_it(tmp_path: Path) -> None:
    write_report(tmp_path, "part \ud800.png", "{}")
    assert (tmp_path / REPORT).read_text() == "part \\ud800.png"
