import hashlib
import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bundle import read_bundle, set_fingerprint, write_bundle
from models.bundle.archive import parse_bundle
from models.bundle.layout import FILE_BYTES_MAX
from models.bundle.stored_zip import pack_stored
from models.errors import BundleDamagedError, BundleError, BundleSchemaError, BundleUnreadableError
from tests.support import bundles

PACKED = bundles.packed()


def repacked(**changes: bytes | None) -> bytes:
    """The bundle with members replaced, added or (None) removed, hashes left as they were."""
    with zipfile.ZipFile(io.BytesIO(PACKED)) as archive:
        contents: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    contents |= changes
    return pack_stored([(name, content) for name, content in contents.items() if content is not None])


def zipped(
    name: str, *, method: int = zipfile.ZIP_STORED, mode: int = stat.S_IFREG | 0o644, date: Any = (1980, 1, 1, 0, 0, 0)
) -> bytes:
    """The bundle with one member more, written by the standard library."""
    buffer = io.BytesIO(PACKED)
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo(name, date)
        entry.external_attr = mode << 16
        entry.compress_type = method
        archive.writestr(entry, b"0" * 1000)
    return buffer.getvalue()


def manifest_text(**changes: Any) -> bytes:
    with zipfile.ZipFile(io.BytesIO(PACKED)) as archive:
        return json.dumps(json.loads(archive.read("bundle.json")) | changes).encode()


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written = write_bundle(tmp_path / "toy-3.lgb", bundles.manifest(), bundles.members())
    read = read_bundle(tmp_path / "toy-3.lgb")
    assert read == written
    assert read.sha256 == hashlib.sha256((tmp_path / "toy-3.lgb").read_bytes()).hexdigest()
    assert read.model == b"no network"
    assert read.manifest.provisional
    assert [golden.expected.score for golden in read.golden] == [0.25]
    assert [path.name for path in tmp_path.iterdir()] == ["toy-3.lgb"]


def test_the_same_contents_give_the_same_bytes(tmp_path: Path) -> None:
    reversed_members = dict(reversed(bundles.members().items()))
    assert (
        write_bundle(tmp_path / "toy-3.lgb", bundles.manifest(), reversed_members).sha256
        == hashlib.sha256(PACKED).hexdigest()
    )


def test_the_standard_library_reads_the_archive() -> None:
    with zipfile.ZipFile(io.BytesIO(PACKED)) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "bundle.json"


def test_a_failed_write_leaves_the_older_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle(tmp_path / "toy-3.lgb", bundles.manifest(), bundles.members())
    before = (tmp_path / "toy-3.lgb").read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BundleUnreadableError, match="No space left"):
        write_bundle(tmp_path / "toy-3.lgb", bundles.manifest(), bundles.members() | {"model.tflite": b"another"})
    assert (tmp_path / "toy-3.lgb").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_an_invalid_bundle_is_never_written(tmp_path: Path) -> None:
    contents = bundles.members()
    del contents["report.html"]
    with pytest.raises(BundleDamagedError, match=r"report\.html.*missing"):
        write_bundle(tmp_path / "toy-3.lgb", bundles.manifest(), contents)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", [lambda path: path / "none.lgb", lambda path: path])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, make: Any) -> None:
    with pytest.raises(BundleUnreadableError, match="cannot be read"):
        read_bundle(make(tmp_path))


def test_an_oversized_file_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "large.lgb"
    with path.open("wb") as stream:
        stream.truncate(FILE_BYTES_MAX + 10)
    with pytest.raises(BundleDamagedError, match="larger than"):
        read_bundle(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a readable bundle archive"),
        (b"PK\x05\x06" + bytes(18), "missing"),
        (b"not a zip at all" * 100, "not a readable bundle archive"),
        (PACKED[:-1], r"not a readable bundle archive|bytes outside"),
        (PACKED[: len(PACKED) // 2], "not a readable bundle archive"),
        (PACKED + b"x", "."),
        (b"x" + PACKED, "."),
        (repacked(**{"model.tflite": b"other"}), "does not have the hash"),
        (repacked(**{"golden/expected.json": None}), "missing"),
        (repacked(**{"golden/02.png": b"x"}), "not listed"),
        (zipped("../evil"), "does not belong"),
        (zipped("/etc/passwd"), "does not belong"),
        (zipped("golden/../../evil.png"), "does not belong"),
        (zipped("golden\\01.png"), "does not belong"),
        (zipped("golden/09.png", method=zipfile.ZIP_DEFLATED), "compressed"),
        (zipped("golden/09.png", mode=stat.S_IFLNK | 0o777), "no regular file"),
        (zipped("golden/09.png", date=(2026, 1, 1, 0, 0, 0)), "not laid out"),
        (pack_stored([("bundle.json", b"{}")] * 2), "comes twice"),
        (pack_stored([(f"golden/{number}.png", b"") for number in range(70)]), "members"),
    ],
)
def test_a_damaged_archive_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(BundleDamagedError, match=message) as caught:
        parse_bundle(data, "some.lgb")
    assert "some.lgb" in str(caught.value)


def test_a_declared_size_beyond_the_file_is_refused() -> None:
    huge = bytearray(PACKED)
    directory = PACKED.rindex(b"PK\x01\x02")
    for offset in (20, 24):
        huge[directory + offset : directory + offset + 4] = (2**31).to_bytes(4, "little")
    with pytest.raises(BundleDamagedError, match=r"more than the whole file|not a readable"):
        parse_bundle(bytes(huge), "bomb.lgb")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "Invalid JSON"),
        (b'"text"', "should be an object"),
        (manifest_text(schema_version=2), "schema version 2, this software knows 1"),
        (manifest_text(schema_version="1"), "schema_version"),
        (manifest_text(surprise=1), "surprise"),
        (manifest_text(name="../x"), "name"),
        (manifest_text(decision={"accept_below": 0.9, "reject_above": 0.1, "risk_claim": None}), "above reject_above"),
        (manifest_text(classes=[{"id": 1, "name": "oil"}]), "channel_classes"),
        (b"[" * 100_000, "."),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(BundleSchemaError, match=message):
        parse_bundle(repacked(**{"bundle.json": text}), "some.lgb")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_mutated_bundle_passes(data: st.DataObject) -> None:
    mutated = bytearray(PACKED)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if kind == "flip":
            mutated[place] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del mutated[place : place + data.draw(st.integers(1, 40))]
        else:
            mutated[place:place] = data.draw(st.binary(min_size=1, max_size=20))
        if len(mutated) < 2:
            break
    if bytes(mutated) != PACKED:
        with pytest.raises(BundleError):
            parse_bundle(bytes(mutated), "mutated.lgb")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        parse_bundle(data, "random.lgb")


def test_the_set_fingerprint_depends_on_the_set_alone() -> None:
    one, two = "a" * 64, "b" * 64
    assert set_fingerprint([]) == "00000000"
    assert set_fingerprint([one, two]) == set_fingerprint([two, one, two])
    assert set_fingerprint([one]) == hashlib.sha256(f"{one}\n".encode()).hexdigest()[:8]
    with pytest.raises(ValueError, match="64 lower-case hex"):
        set_fingerprint(["A" * 64])
