"""The commissioned file: what was written is what is read, and nothing else is read."""

import base64
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from models.commissioning import CommissionedFile, read_commissioned, write_commissioned
from models.commissioning.commission import Commissioning, commission
from models.commissioning.errors import CommissionedFileError, CommissioningError
from models.commissioning.record import Origin, PictureSet, recorded
from tests.support.commissioned import SLOT
from tests.unit.models.commissioning.conftest import Bench

PICTURES = PictureSet(pictures=41, used=40, parts=40, sha256="a" * 64, unused=("broken.jpg",))
KNOWN = PictureSet(pictures=12, used=12, parts=12, sha256="b" * 64, unused=())


@pytest.fixture
def found(bench: Bench) -> Commissioning:
    return commission(bench.network, bench.goods(40, SLOT), bench.defective(12))


@pytest.fixture
def content(bench: Bench, found: Commissioning) -> CommissionedFile:
    bundle = bench.detector.bundle
    origin = Origin(
        bundle=bundle.manifest.file_name,
        bundle_sha256=bundle.sha256,
        product=bundle.manifest.product,
        view="top",
        roi=(0, 0, 200, 100),
        software="0.1.0",
        created="2026-11-21T05:00:00+00:00",
        goods=PICTURES,
        challenge=KNOWN,
    )
    return recorded(found, origin, bench.detector.embedding_quantisation, ("a remark",))


@pytest.fixture
def written(content: CommissionedFile, tmp_path: Path) -> Path:
    path = tmp_path / "top.json"
    write_commissioned(path, content, replace=False)
    return path


def changed(path: Path, **changes: object) -> dict[str, object]:
    """Change the file and its hash, as a careful person would."""
    document = json.loads(path.read_text()) | changes
    document.pop("content_sha256")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    document["content_sha256"] = hashlib.sha256(canonical.encode()).hexdigest()
    path.write_text(json.dumps(document))
    return document


def test_what_is_read_is_what_was_written(content: CommissionedFile, written: Path) -> None:
    stored = read_commissioned(written)
    assert stored.content == content
    assert stored.sha256 == hashlib.sha256(written.read_bytes()).hexdigest()
    assert written.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in written.parent.iterdir() if entry.suffix == ".tmp"] == []


def test_the_rules_come_back_as_they_were(found: Commissioning, written: Path) -> None:
    rules = read_commissioned(written).content.rules()
    assert (rules.offset, rules.limits, rules.lenient) == (
        found.rules.offset,
        found.rules.limits,
        found.rules.lenient,
    )
    before, after = found.rules.reference, rules.reference
    assert before is not None
    assert after is not None
    assert np.allclose(before.vectors, after.vectors)
    assert np.array_equal(before.logits, after.logits)
    assert (before.radius, before.support, before.reach) == (after.radius, after.support, after.reach)
    assert found.rules.novelty is not None
    assert rules.novelty is not None
    assert np.array_equal(found.rules.novelty.precision, rules.novelty.precision)


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(content: CommissionedFile, written: Path) -> None:
    before = written.read_bytes()
    with pytest.raises(CommissioningError, match="--force"):
        write_commissioned(written, content, replace=False)
    assert written.read_bytes() == before
    write_commissioned(written, content.model_copy(update={"offset": 0.25}), replace=True)
    assert read_commissioned(written).content.offset == 0.25


def test_a_file_that_cannot_be_written_leaves_nothing(content: CommissionedFile, tmp_path: Path) -> None:
    with pytest.raises(CommissioningError, match="no such folder"):
        write_commissioned(tmp_path / "none" / "top.json", content, replace=False)
    with pytest.raises(CommissioningError, match="is a folder"):
        write_commissioned(tmp_path, content, replace=True)


def test_a_write_that_breaks_off_leaves_the_old_file(
    content: CommissionedFile, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CommissioningError, match="No space left"):
        write_commissioned(written, content, replace=True)
    assert written.read_bytes() == before
    assert {entry.suffix for entry in written.parent.iterdir()} == {".json", ".lgb"}


@pytest.mark.parametrize("cut", [0, 1, 100, -2])
def test_a_file_cut_short_is_refused(written: Path, cut: int) -> None:
    written.write_bytes(written.read_bytes()[:cut])
    with pytest.raises(CommissionedFileError, match=r"is not JSON|schema version|hash"):
        read_commissioned(written)


@pytest.mark.parametrize("text", ["[]", "7", "null", "{}", '{"schema_version": 2}', "\ufeff{}", "[" * 100_000])
def test_another_file_is_refused(written: Path, text: str) -> None:
    written.write_text(text)
    with pytest.raises(CommissionedFileError, match=r"top\.json"):
        read_commissioned(written)


def test_a_changed_number_is_noticed(written: Path) -> None:
    written.write_text(written.read_text().replace('"lenient": true', '"lenient": false'))
    with pytest.raises(CommissionedFileError, match="hash"):
        read_commissioned(written)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"offset": -3.1}, "offset"),
        ({"offset": None}, "offset"),
        ({"accept_below": 0.95}, "above reject_above"),
        ({"unknown": 1}, "unknown"),
        ({"results": None}, "results"),
    ],
)
def test_a_file_that_breaks_the_schema_is_refused(written: Path, changes: dict[str, object], complaint: str) -> None:
    changed(written, **changes)
    with pytest.raises(CommissionedFileError, match=complaint):
        read_commissioned(written)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("cap", 3.5, "cap"),
        ("slack", 0.6, "slack"),
        ("support", 2, "support"),
        ("vectors", "no base64!", "base64"),
        ("vectors", base64.b64encode(b"short").decode(), "bytes"),
        ("rows", [1], "length"),
    ],
)
def test_a_reference_that_excuses_more_than_is_ever_learned_is_refused(
    written: Path, key: str, value: object, complaint: str
) -> None:
    reference = json.loads(written.read_text())["reference"]
    changed(written, reference=reference | {key: value})
    with pytest.raises(CommissionedFileError, match=complaint):
        read_commissioned(written)


def test_a_novelty_that_measures_no_distance_is_refused(written: Path) -> None:
    novelty = json.loads(written.read_text())["novelty"]
    size = len(novelty["centre"])
    for matrix, complaint in ((np.zeros((size, size)), "positive definite"), (np.eye(size - 1), "numbers")):
        precision = base64.b64encode(matrix.astype("<f8").tobytes()).decode()
        changed(written, novelty=novelty | {"precision": precision})
        with pytest.raises(CommissionedFileError, match=complaint):
            read_commissioned(written)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, complaint in (("pipe", "regular file"), ("absent", "cannot be read"), (".", "cannot be read|regular")):
        with pytest.raises(CommissionedFileError, match=complaint):
            read_commissioned(tmp_path / name)
