import json
from pathlib import Path

import pytest

from camera.errors import CameraUnavailableError
from camera.folder import list_pictures
from tests.support.cameras import write_pictures


def annotate(folder: Path, content: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "annotations.json").write_text(content if isinstance(content, str) else json.dumps(content))


def images(*names: object) -> dict[str, object]:
    return {"images": [{"id": number, "file_name": name} for number, name in enumerate(names)]}


def test_a_coco_folder_keeps_the_order_of_its_list(tmp_path: Path) -> None:
    annotate(tmp_path, images("b.jpg", "a.jpg", "sub/c.jpg", "a.jpg"))
    listed = list_pictures(tmp_path)
    assert [picture.name for picture in listed] == ["b.jpg", "a.jpg", "sub/c.jpg", "a.jpg"]
    assert listed[2].path == tmp_path / "images" / "sub" / "c.jpg"


def test_any_folder_is_ordered_by_file_name(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["b.JPG", "a.png", "c.bmp"])
    (tmp_path / "notes.txt").write_text("no picture")
    assert [picture.name for picture in list_pictures(tmp_path)] == ["a.png", "b.JPG", "c.bmp"]


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret.jpg", "a/../../secret.jpg", "..", ".", "", "a\0.jpg", None, 7, ["a.jpg"]]
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: object) -> None:
    annotate(tmp_path, images("good.jpg", name))
    with pytest.raises(CameraUnavailableError, match=r"annotations\.json: images\[1\]"):
        list_pictures(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "7", '{"images": {}}', '{"images": []}', '{"images": [7]}', "[" * 100_000, "\ufeff{}"],
)
def test_broken_annotations_are_refused(tmp_path: Path, content: str) -> None:
    annotate(tmp_path, content)
    with pytest.raises(CameraUnavailableError, match=r"annotations\.json"):
        list_pictures(tmp_path)


def test_annotations_that_are_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "annotations.json").mkdir()
    with pytest.raises(CameraUnavailableError, match=r"annotations\.json"):
        list_pictures(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CameraUnavailableError, match="no such folder"):
        list_pictures(tmp_path / "absent")


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CameraUnavailableError, match=r"neither annotations\.json nor any picture"):
        list_pictures(tmp_path)
