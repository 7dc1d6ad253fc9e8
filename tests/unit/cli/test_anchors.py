"""Whose anchors are taken: a bucket serves a plant, and another station's heads say nothing of this ledger."""

import json
from pathlib import Path

import pytest

from edge.cli.anchors import AnchorReader, Owner
from edge.core.anchors import Anchor, AnchorError

OURS = ("plant1", "line3", "st07")
DIGEST = "ab" * 32


def sidecar(event: int, store: object = "0123abcd", name: str = "st07") -> dict[str, object]:
    station = {"site": "plant1", "line": "line3", "name": name}
    return {"store": store, "station": station, "ledger": {"id": event, "hash": DIGEST}}


def read(path: Path, **owner: object) -> tuple[set[int], int]:
    """Return which events' anchors were taken and how many side-cars were left out."""
    reader = AnchorReader(Owner(**owner))  # type: ignore[arg-type]  # the fields of an owner
    found = set(reader.read([path]))
    assert all(anchor == Anchor(event=anchor.event, digest=DIGEST) for anchor in found)
    return {anchor.event for anchor in found}, reader.left_out


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """Side-cars of this station, of its store before it was set up anew, and of its neighbour."""
    entries = [sidecar(1), sidecar(2, "0123abce"), sidecar(3, "ffffffff", "st08"), {"ledger": sidecar(4)["ledger"]}]
    for number, entry in enumerate([*entries, {**sidecar(5), "ledger": None}]):
        folder = tmp_path / "bucket" / str(number % 2)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.json").write_text(json.dumps(entry))
    return tmp_path / "bucket"


def test_a_folder_gives_those_of_the_own_store_and_what_names_none(bucket: Path) -> None:
    assert read(bucket, store="0123abcd") == ({1, 4}, 2)
    assert read(bucket, store="0123abcd", station=OURS) == ({1, 4}, 2)
    assert read(bucket, store="0123abcd", station=("plant1", "line3", "st09")) == ({4}, 3)


@pytest.mark.parametrize("station", [None, OURS])
def test_those_of_the_own_station_and_another_store_are_told_apart(
    bucket: Path, station: tuple[str, str, str] | None
) -> None:
    reader = AnchorReader(Owner(store="0123abcd", station=station))
    assert len(list(reader.read([bucket]))) == 2
    assert (reader.left_out, reader.estranged) == (2, 1)


def test_without_a_spool_several_stores_are_too_many_and_one_is_not(bucket: Path, tmp_path: Path) -> None:
    with pytest.raises(AnchorError, match=r"3 stores \(0123abcd, 0123abce, ffffffff\)"):
        read(bucket)
    with pytest.raises(AnchorError, match=r"2 stores \(0123abcd, 0123abce\)"):
        read(bucket, station=OURS)
    (tmp_path / "one.json").write_text(json.dumps(sidecar(7)))
    assert read(tmp_path / "one.json") == ({7}, 0)


@pytest.mark.parametrize("form", ["list", "lines"])
def test_a_file_of_many_is_sorted_as_well(tmp_path: Path, form: str) -> None:
    entries = [sidecar(1), [sidecar(2, "ffffffff")], sidecar(3)]
    lines = [json.dumps(entry) for entry in entries]
    text = json.dumps(entries) if form == "list" else "\n".join([*lines, f"9:{DIGEST}"])
    (tmp_path / "kept").write_text(text)
    taken, left_out = read(tmp_path / "kept", store="0123abcd")
    assert (taken - {9}, left_out) == ({1, 3}, 1)


def test_what_holds_side_cars_of_another_store_alone_is_named(tmp_path: Path) -> None:
    (tmp_path / "theirs.json").write_text(json.dumps(sidecar(1, "ffffffff")))
    for path in (tmp_path / "theirs.json", tmp_path):
        with pytest.raises(AnchorError, match="holds no anchor of this store"):
            read(path, store="0123abcd")


@pytest.mark.parametrize("store", [5, None, ["0123abcd"]])
def test_a_store_that_is_no_name_says_nothing(tmp_path: Path, store: object) -> None:
    (tmp_path / "odd.json").write_text(json.dumps(sidecar(1, store)))
    assert read(tmp_path / "odd.json", store="0123abcd") == ({1}, 0)
