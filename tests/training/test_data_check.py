import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.dataset import DatasetError
from models.training.data_check import check_folder
from models.training.data_findings import DataCheck, Finding, Kind, Severity

pytestmark = pytest.mark.training

BOX = [40, 30, 24, 12]


def quiet(_what: str, _done: int, _whole: int) -> None:
    pass


def part(seed: int, *, defect: bool = False, height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    source = np.random.default_rng(seed)
    coarse = cv2.resize(source.normal(0, 14, (12, 16)).astype(np.float32), (width, height))
    surface = 70 + coarse + source.normal(0, 1, (height, width))
    picture = np.repeat(np.clip(surface, 0, 255).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)
    if defect:
        cv2.line(picture, (42, 32), (62, 40), (220, 220, 220), 2)
    return picture


def defect_mask(height: int = 96, width: int = 128) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    cv2.line(mask, (42, 32), (62, 40), 255, 2)
    return mask


class Folder:
    """A sound COCO folder of four parts, two pictures each, that a test spoils in one way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.categories = [{"id": 1, "name": "scratch"}]
        for name in ("images", "masks"):
            (path / name).mkdir(parents=True)
        for number in range(4):
            self.add(f"good-{number}.png", part(number), truth="accept", tray=f"t{number}")
            self.add(f"bad-{number}.png", part(10 + number, defect=True), truth="reject", tray=f"t{number}")
            self.label(f"bad-{number}.png", BOX)
            self.mask(f"bad-{number}.png", defect_mask())

    def add(self, file: str, picture: NDArray[Any], *, truth: str, **fields: Any) -> None:
        assert cv2.imwrite(str(self.path / "images" / file), picture)
        height, width = picture.shape[:2]
        self.images.append(
            {"id": len(self.images) + 1, "file_name": file, "verdict": truth, "width": width, "height": height} | fields
        )

    def label(self, file: str, box: Sequence[float], category: int = 1, **fields: Any) -> None:
        image = self.entry(file)["id"]
        self.annotations.append({"image_id": image, "category_id": category, "bbox": box} | fields)

    def mask(self, file: str, mask: NDArray[Any]) -> None:
        assert cv2.imwrite(str((self.path / "masks" / file).with_suffix(".png")), mask)

    def entry(self, file: str) -> dict[str, Any]:
        return next(image for image in self.images if image["file_name"] == file)

    def unlabel(self, file: str) -> None:
        image = self.entry(file)["id"]
        self.annotations = [one for one in self.annotations if one["image_id"] != image]

    def write(self) -> None:
        content = {"images": self.images, "annotations": self.annotations, "categories": self.categories}
        (self.path / "annotations.json").write_text(json.dumps(content), encoding="utf-8")

    def check(self, group_field: str | None = "tray") -> DataCheck:
        self.write()
        return check_folder(self.path, group_field, quiet)

    def finding(self, kind: Kind) -> Finding:
        """The only finding of the folder."""
        findings = self.check().findings
        assert [finding.kind for finding in findings] == [kind]
        return findings[0]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "parts")


def test_a_sound_folder_has_no_findings(folder: Folder) -> None:
    check = folder.check()
    assert check.findings == ()
    check.raise_errors()
    assert len(check.dataset.images) == 8
    assert check.shapes == ((96, 128),) * 8


def test_the_summary_is_json(folder: Folder) -> None:
    folder.label("bad-1.png", BOX, ignore=1)
    summary = json.loads(json.dumps(folder.check().summary(), allow_nan=False))
    assert (summary["folder"], summary["pictures"], summary["good"], summary["defective"]) == ("parts", 8, 4, 4)
    assert summary["group_field"] == "tray"
    assert summary["groups"]["t0"] == {"good": 1, "defective": 1, "classes": ["scratch"]}
    assert summary["classes"] == {"scratch": {"boxes": 4, "pictures": 4, "groups": 4}}
    assert summary["sizes"] == {"128x96": 8}
    assert summary["modes"] == {"PNG colour 8 bit": 8}
    assert summary["findings"] == []


@pytest.mark.parametrize("name", ["annotations.json", "images/good-0.png", "masks/bad-0.png"])
def test_the_fingerprint_changes_with_every_file(folder: Folder, name: str) -> None:
    before = folder.check().sha256
    assert folder.check().sha256 == before
    with (folder.path / name).open("ab") as stream:
        stream.write(b" ")
    assert check_folder(folder.path, "tray", quiet).sha256 != before


def test_progress_ends_where_all_is_done(folder: Folder) -> None:
    told: list[tuple[str, int, int]] = []
    folder.write()
    check_folder(folder.path, "tray", lambda what, done, whole: told.append((what, done, whole)))
    assert told[0] == ("checking parts", 0, 8)
    assert told[-1] == ("checking parts", 8, 8)


def test_annotations_that_cannot_be_read_stop_everything_else(tmp_path: Path) -> None:
    missing = check_folder(tmp_path / "nowhere", None, quiet)
    assert [finding.kind for finding in missing.findings] == [Kind.ANNOTATIONS_UNREADABLE]
    with pytest.raises(DatasetError, match=r"nowhere/annotations.json: No such file"):
        missing.raise_errors()
    with pytest.raises(DatasetError):
        _ = missing.dataset
    assert json.dumps(missing.summary())
    for content, message in ((b"\xff\xfe", "not UTF-8"), (b"{", "not JSON"), (b'{"images": []}', "images is empty")):
        (tmp_path / "annotations.json").write_bytes(content)
        with pytest.raises(DatasetError, match=message):
            check_folder(tmp_path, None, quiet).raise_errors()


def test_a_missing_and_a_broken_picture_are_both_named(folder: Folder) -> None:
    (folder.path / "images" / "good-0.png").unlink()
    broken = folder.path / "images" / "good-1.png"
    broken.write_bytes(broken.read_bytes()[:200])
    check = folder.check()
    assert [finding.kind for finding in check.errors] == [Kind.PICTURE_UNREADABLE] * 2
    assert [finding.where for finding in check.errors] == ["images/good-0.png", "images/good-1.png"]
    with pytest.raises(DatasetError, match=r"(?s)2 faults.*good-0\.png: No such file.*good-1\.png: is broken"):
        check.raise_errors()


def test_of_many_errors_twenty_are_listed_and_the_rest_counted_by_kind(folder: Folder) -> None:
    for number in range(30):
        folder.images.append({"id": 100 + number, "file_name": f"{number}.png", "verdict": "accept", "tray": "t0"})
    folder.entry("bad-3.png")["width"] = 4
    with pytest.raises(DatasetError) as caught:
        folder.check().raise_errors()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("parts: 31 faults")
    assert len(lines) == 22
    assert lines[-1] == "  and 11 more (11 x picture unreadable)"


def test_a_size_unlike_the_annotations_is_an_error_and_boxes_are_not_judged_by_it(folder: Folder) -> None:
    folder.entry("bad-0.png").update(width=64, height=48)
    finding = folder.finding(Kind.SIZE_DIFFERS)
    assert finding.severity is Severity.ERROR
    assert "128 x 96 pixels, its annotations say 64 x 48" in finding.what


def test_annotations_made_on_a_turned_picture_are_told_from_others(folder: Folder) -> None:
    tiff = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    _, encoded = cv2.imencode(".jpg", part(30))
    data = encoded.tobytes()
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff + data[2:]
    folder.add("turned.jpg", part(30), truth="accept", tray="t1")
    (folder.path / "images" / "turned.jpg").write_bytes(data)
    kinds = {finding.kind for finding in folder.check().findings}
    assert Kind.TURNED in kinds
    assert Kind.SIZE_DIFFERS not in kinds
    folder.entry("turned.jpg").update(width=96, height=128)
    [error] = folder.check().errors
    assert error.kind is Kind.SIZE_DIFFERS
    assert "EXIF" in error.what


def test_mixed_sizes_are_told_with_the_smallest_and_the_largest(folder: Folder) -> None:
    folder.add("small.png", part(31, height=48, width=64), truth="accept", tray="t1")
    finding = folder.finding(Kind.SIZES_MIXED)
    assert finding.severity is Severity.WARNING
    assert "from 64 x 48 to 128 x 96" in finding.what


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        (np.dstack([part(32), np.full((96, 128), 255, np.uint8)]), "without its transparency"),
        (part(32).astype(np.uint16) * 257, "the upper 8 are read"),
    ],
)
def test_it_is_said_how_an_unusual_mode_is_read(folder: Folder, picture: NDArray[Any], text: str) -> None:
    folder.add("odd.png", picture, truth="accept", tray="t1")
    texts = [finding.what for finding in folder.check().findings if finding.kind is Kind.MODE_CONVERTED]
    assert any(text in one for one in texts)


def test_grey_among_colour_is_told(folder: Folder) -> None:
    folder.add("grey.png", part(33)[:, :, 0], truth="accept", tray="t1")
    assert "8 PNG colour, 1 PNG grey" in folder.finding(Kind.MODE_CONVERTED).what


def test_a_format_that_goes_with_the_verdict_is_told(folder: Folder) -> None:
    for number in range(4):
        entry = folder.entry(f"good-{number}.png")
        entry["file_name"] = f"good-{number}.bmp"
        cv2.imwrite(str(folder.path / "images" / entry["file_name"]), part(number))
        (folder.path / "images" / f"good-{number}.png").unlink()
    texts = [finding.what for finding in folder.check().warnings if finding.kind is Kind.FORMAT_TELLS]
    assert len(texts) == 1
    assert "good (BMP colour) from defective (PNG colour)" in texts[0]


def test_a_picture_of_one_colour_is_told(folder: Folder) -> None:
    folder.add("black.png", np.zeros((96, 128, 3), np.uint8), truth="accept", tray="t1")
    assert folder.finding(Kind.PICTURE_FLAT).where == "images/black.png"


def test_a_missing_mask_is_a_warning_that_states_the_fallback(folder: Folder) -> None:
    (folder.path / "masks" / "bad-0.png").unlink()
    finding = folder.finding(Kind.MASK_MISSING)
    assert (finding.severity, finding.where) == (Severity.WARNING, "masks/bad-0.png")
    assert "taken whole" in finding.what


def test_many_warnings_of_one_kind_are_one(folder: Folder) -> None:
    for number in range(4):
        (folder.path / "masks" / f"bad-{number}.png").unlink()
    assert folder.finding(Kind.MASK_MISSING).where.startswith("4 places (masks/bad-0.png, masks/bad-1.png")


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        (np.zeros((96, 128), np.uint8), Kind.MASK_EMPTY),
        (defect_mask() // 255, Kind.MASK_FAINT),
        (defect_mask(48, 64), Kind.MASK_SIZE),
        (np.roll(defect_mask(), 40, axis=0), Kind.BOX_WITHOUT_MASK),
        (defect_mask() | np.roll(defect_mask(), 40, axis=0), Kind.MASK_OUTSIDE_BOXES),
    ],
)
def test_a_mask_that_contradicts_its_boxes_is_an_error(folder: Folder, mask: NDArray[np.uint8], kind: Kind) -> None:
    folder.mask("bad-2.png", mask)
    errors = folder.check().errors
    assert kind in {finding.kind for finding in errors}
    assert {finding.where for finding in errors} == {"masks/bad-2.png"}


def test_a_few_stray_pixels_of_a_mask_are_a_warning(folder: Folder) -> None:
    mask = defect_mask()
    mask[80, 100:110] = 255
    folder.mask("bad-2.png", mask)
    assert folder.finding(Kind.MASK_STRAY).severity is Severity.WARNING


def test_a_broken_mask_is_an_error(folder: Folder) -> None:
    (folder.path / "masks" / "bad-0.png").write_bytes(b"no picture")
    assert folder.finding(Kind.MASK_UNREADABLE).severity is Severity.ERROR


def test_a_mask_may_be_marked_inside_an_ignored_region(folder: Folder) -> None:
    folder.mask("bad-2.png", defect_mask() | np.roll(defect_mask(), 40, axis=0))
    folder.label("bad-2.png", [30, 62, 50, 30], ignore=True)
    assert folder.check().findings == ()


def test_two_pictures_of_one_mask_are_an_error(folder: Folder) -> None:
    folder.add("bad-0.jpg", part(34), truth="accept", tray="t1")
    assert Kind.MASK_SHARED in {finding.kind for finding in folder.check().errors}


@pytest.mark.parametrize(
    ("box", "kind", "severity"),
    [
        ([200, 10, 20, 20], Kind.BOX_OUTSIDE, Severity.ERROR),
        ([40, -30, 20, 30], Kind.BOX_OUTSIDE, Severity.ERROR),
        ([40, 30, 120, 12], Kind.BOX_CUT, Severity.WARNING),
    ],
)
def test_boxes_out_of_the_frame_are_told(folder: Folder, box: list[float], kind: Kind, severity: Severity) -> None:
    folder.label("bad-3.png", box)
    finding = folder.finding(kind)
    assert (finding.severity, finding.where) == (severity, "images/bad-3.png")


def test_a_box_that_rounding_puts_over_the_edge_is_none(folder: Folder) -> None:
    folder.unlabel("bad-3.png")
    folder.label("bad-3.png", [-0.4, 30, 128.9, 12])
    assert folder.check().findings == ()


def test_a_reject_without_a_label_is_a_warning(folder: Folder) -> None:
    folder.unlabel("bad-0.png")
    (folder.path / "masks" / "bad-0.png").unlink()
    assert folder.finding(Kind.REJECT_UNLABELLED).severity is Severity.WARNING
    folder.mask("bad-0.png", np.zeros((96, 128), np.uint8))
    assert folder.finding(Kind.REJECT_UNLABELLED).where == "images/bad-0.png"


def test_a_mask_without_boxes_has_no_class(folder: Folder) -> None:
    folder.unlabel("bad-0.png")
    assert folder.finding(Kind.MASK_ALONE).severity is Severity.WARNING


def test_an_accepted_picture_with_a_defect_is_an_error_unless_it_is_ignored(folder: Folder) -> None:
    folder.label("good-0.png", BOX, ignore=1)
    assert folder.check().findings == ()
    folder.label("good-0.png", BOX)
    (folder.path / "masks" / "good-0.png").unlink(missing_ok=True)
    assert Kind.ACCEPT_WITH_BOXES in {finding.kind for finding in folder.check().errors}


def test_an_accepted_picture_with_a_mask_is_an_error(folder: Folder) -> None:
    folder.mask("good-0.png", np.zeros((96, 128), np.uint8))
    assert folder.check().findings == ()
    folder.mask("good-0.png", defect_mask())
    assert folder.finding(Kind.ACCEPT_WITH_MASK).severity is Severity.ERROR


def test_a_picture_listed_twice_is_an_error(folder: Folder) -> None:
    folder.images.append(folder.entry("good-0.png") | {"id": 99})
    assert folder.finding(Kind.PICTURE_LISTED_TWICE).where == "images/good-0.png"


def test_pictures_that_are_not_listed_are_told(folder: Folder) -> None:
    (folder.path / "images" / "more").mkdir()
    cv2.imwrite(str(folder.path / "images" / "more" / "new.png"), part(40))
    (folder.path / "images" / "notes.txt").write_text("no picture", encoding="utf-8")
    assert folder.finding(Kind.PICTURE_NOT_LISTED).where == "images/ (more/new.png)"


@pytest.mark.parametrize(("truth", "kind"), [("accept", Kind.NO_GOOD), ("reject", Kind.NO_DEFECTIVE)])
def test_a_folder_of_one_verdict_is_told_and_left_to_the_run(folder: Folder, truth: str, kind: Kind) -> None:
    for image in [one for one in folder.images if one["verdict"] == truth]:
        folder.unlabel(image["file_name"])
        folder.images.remove(image)
        (folder.path / "images" / image["file_name"]).unlink()
    check = folder.check()
    assert kind in {finding.kind for finding in check.warnings}
    check.raise_errors()


def test_a_verdict_that_one_group_alone_has_is_told(folder: Folder) -> None:
    for number in range(4):
        folder.entry(f"good-{number}.png")["tray"] = "t1"
    assert folder.finding(Kind.GOOD_IN_ONE_GROUP).where == "group t1"


def test_scarce_and_unused_classes_are_told(folder: Folder) -> None:
    folder.categories += [{"id": 2, "name": "crack"}, {"id": 3, "name": "chip"}]
    folder.label("bad-0.png", BOX, category=2)
    found = {finding.kind: finding for finding in folder.check().findings}
    assert set(found) == {Kind.CLASS_SCARCE, Kind.CLASS_UNUSED}
    assert found[Kind.CLASS_SCARCE].where == "class crack"
    assert "1 example in 1 group" in found[Kind.CLASS_SCARCE].what
    assert found[Kind.CLASS_UNUSED].where == "class chip"


def test_one_group_is_told(folder: Folder) -> None:
    for image in folder.images:
        image["tray"] = "t0"
    assert Kind.ONE_GROUP in {finding.kind for finding in folder.check().findings}


def test_without_a_group_field_the_fallback_is_stated(folder: Folder) -> None:
    check = folder.check(group_field=None)
    assert [finding.kind for finding in check.findings] == [Kind.NO_GROUPS]
    assert len(check.groups) == 8


def test_without_a_group_field_frames_of_one_part_are_counted_at_once(folder: Folder) -> None:
    for number in range(4):
        noisy = cv2.add(part(number), np.random.default_rng(number).integers(0, 3, (96, 128, 3), np.uint8))
        folder.add(f"again-{number}.png", noisy, truth="accept")
    found = [one for one in folder.check(group_field=None).findings if one.kind is Kind.NEAR_DUPLICATES]
    assert [one.where for one in found] == ["8 of 12 pictures"]


def test_pictures_without_their_group_are_told(folder: Folder) -> None:
    for image in folder.images:
        image["group"] = image["tray"]
    del folder.entry("good-0.png")["group"]
    [finding] = folder.check(group_field=None).findings
    assert (finding.kind, finding.where) == (Kind.GROUP_MISSING, "1 picture (good-0.png)")


@pytest.mark.parametrize(("field", "kind"), [("part_id", Kind.PART_IN_GROUPS), ("source_id", Kind.SOURCE_IN_GROUPS)])
def test_what_belongs_together_may_not_lie_in_several_groups(folder: Folder, field: str, kind: Kind) -> None:
    folder.entry("good-0.png")[field] = folder.entry("good-1.png")[field] = "7"
    finding = folder.finding(kind)
    assert finding.severity is Severity.ERROR
    assert "2 groups (t0, t1)" in finding.what


def test_a_copy_in_another_group_is_an_error(folder: Folder) -> None:
    folder.add("copy.png", part(0), truth="accept", tray="t3")
    finding = folder.finding(Kind.COPIES_ACROSS_GROUPS)
    assert (finding.severity, finding.where) == (Severity.ERROR, "copy.png, good-0.png")


def test_a_copy_with_another_verdict_is_an_error_even_of_one_source(folder: Folder) -> None:
    folder.add("copy.png", part(0), truth="reject", tray="t0", source_id=1)
    folder.entry("good-0.png")["source_id"] = 1
    assert Kind.COPIES_WITH_BOTH_VERDICTS in {finding.kind for finding in folder.check().errors}


def test_near_duplicates_across_groups_are_told_by_group(folder: Folder) -> None:
    darker = (part(0) * 0.7).astype(np.uint8)
    folder.add("again.png", darker, truth="accept", tray="t3")
    finding = folder.finding(Kind.NEAR_DUPLICATES)
    assert (finding.severity, finding.where) == (Severity.WARNING, "groups t0, t3")
    assert "good-0.png and again.png" in finding.what
    assert "no risk is claimed" in finding.remedy
    checked = folder.check()
    assert (checked.near_duplicate_pairs, checked.groups_apart) == (1, False)


def test_parts_of_one_design_stand_apart_until_two_are_alike_beyond_it(folder: Folder) -> None:
    """Each has its own surface under a print that all share."""

    def printed(number: int, frame: int) -> NDArray[np.uint8]:
        own = cv2.resize(np.random.default_rng(number).normal(0, 6, (12, 16)).astype(np.float32), (128, 96))
        noise = np.random.default_rng(100 * number + frame).normal(0, 1, (96, 128))
        return np.clip(part(77) + (own + noise)[:, :, np.newaxis], 0, 255).astype(np.uint8)

    for number in range(7):
        folder.add(f"printed-{number}.png", printed(number, 0), truth="accept", tray=f"d{number}")
    assert "none of them beyond what they all share" in folder.finding(Kind.ONE_DESIGN).what
    assert folder.check().groups_apart
    folder.add("under-another-name.png", printed(3, 1), truth="accept", tray="d7")
    assert "printed-3.png and under-another-name.png" in folder.finding(Kind.NEAR_DUPLICATES).what
    assert not folder.check().groups_apart


def test_near_duplicates_within_a_group_are_nothing_to_tell(folder: Folder) -> None:
    folder.add("again.png", (part(0) * 0.7).astype(np.uint8), truth="accept", tray="t0")
    assert folder.check().findings == ()


def test_a_defect_that_was_accepted_in_the_next_frame_is_a_label_conflict(folder: Folder) -> None:
    frame = np.roll(part(10, defect=True), 1, axis=1)
    folder.add("next.png", frame, truth="accept", tray="t0")
    finding = folder.finding(Kind.LABEL_CONFLICT)
    assert (finding.severity, finding.where) == (Severity.WARNING, "images/next.png")
    assert "bad-0.png" in finding.what


def test_the_part_without_its_defect_is_no_label_conflict(folder: Folder) -> None:
    folder.add("repaired.png", np.roll(part(10), 1, axis=1), truth="accept", tray="t0")
    assert folder.check().findings == ()


def test_twins_of_one_source_are_no_label_conflict(folder: Folder) -> None:
    folder.add("twin.png", np.roll(part(10, defect=True), 1, axis=1), truth="accept", tray="t0", source_id="s")
    folder.entry("bad-0.png")["source_id"] = "s"
    assert folder.check().findings == ()


def test_everything_is_told_at_once_errors_first(folder: Folder) -> None:
    (folder.path / "images" / "good-0.png").unlink()
    folder.mask("bad-0.png", np.zeros((96, 128), np.uint8))
    folder.label("good-1.png", BOX)
    folder.categories.append({"id": 2, "name": "crack"})
    findings = folder.check().findings
    assert {finding.kind for finding in findings} >= {
        Kind.PICTURE_UNREADABLE,
        Kind.MASK_EMPTY,
        Kind.ACCEPT_WITH_BOXES,
        Kind.MASK_MISSING,
        Kind.CLASS_UNUSED,
    }
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities), "error comes before warning"


def test_every_kind_is_an_error_or_a_warning_and_says_what_to_do() -> None:
    for kind in Kind:
        finding = Finding(kind=kind, where="a", what="b", remedy="c")
        assert finding.severity in Severity
        assert str(finding) == "a: b; c"
