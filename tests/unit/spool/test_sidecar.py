import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.anchors import Anchor
from edge.spool.sidecar import MAX_SIDECAR_BYTES, SideCarError, encode_sidecar, file_stem, parse_sidecar
from tests.support.spooling import DAY, RECEIVED_MS, open_spool, request

KEYS = (
    "version,store,station,session,trig,epoch,seq,part,recipe,revision,camera,decision,code,view_code,score,limits,"
    "boxes,bundle,software,received_at,captured_at,image,reason,ledger"
)


@pytest.fixture
def written(tmp_path: Path) -> bytes:
    stored = open_spool(tmp_path / "spool").store(request(anchor=Anchor(event=12, digest="cd" * 32)))
    return (tmp_path / "spool" / stored.path).with_suffix(".json").read_bytes()


def test_the_schema_as_others_read_it(written: bytes) -> None:
    fields = json.loads(written)
    assert ",".join(fields) == KEYS
    image = fields.pop("image")
    assert len(fields.pop("store")) == 8
    assert image["file"] == "3-1-top.jpg"
    assert (image["width"], image["height"]) == (64, 48)
    assert set(image) == {"file", "sha256", "size", "width", "height"}
    assert fields == {
        "version": 1,
        "station": {"site": "plant1", "line": "line3", "name": "st07"},
        "session": 7,
        "trig": 1,
        "epoch": 3,
        "seq": 1,
        "part": "A/1:2",
        "recipe": 2,
        "revision": 5,
        "camera": "top",
        "decision": "reject",
        "code": 1001,
        "view_code": 0,
        "score": 0.93,
        "limits": {"accept_below": 0.1, "reject_above": 0.8},
        "boxes": [{"x": 1, "y": 2, "width": 3, "height": 4, "category": "scratch", "category_id": 1, "score": 0.9}],
        "bundle": "ab" * 32,
        "software": "0.1.0",
        "received_at": RECEIVED_MS,
        "captured_at": RECEIVED_MS + 20,
        "reason": "reject",
        "ledger": {"id": 12, "hash": "cd" * 32},
    }


def test_one_of_an_older_version_has_no_anchor(written: bytes) -> None:
    fields = json.loads(written)
    del fields["ledger"]
    assert parse_sidecar(json.dumps(fields).encode()).ledger is None


def test_it_survives_the_round_trip_and_ignores_keys_of_later_versions(written: bytes) -> None:
    sidecar = parse_sidecar(written)
    assert parse_sidecar(encode_sidecar(sidecar)) == sidecar
    assert parse_sidecar(json.dumps(json.loads(written) | {"later": 1}).encode()) == sidecar


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"version": 2}, "version"),
        ({"store": "../../.."}, "store"),
        ({"station": {"site": "a/b", "line": "l", "name": "n"}}, "station.site"),
        ({"camera": "../top"}, "camera"),
        ({"seq": -1}, "seq"),
        ({"score": 1.5}, "score"),
        ({"decision": "maybe"}, "decision"),
        ({"received_at": 10**15}, "received_at"),
        ({"image": {"file": "../1-1-top.jpg", "sha256": "0" * 64, "size": 1, "width": 1, "height": 1}}, "image.file"),
        ({"image": {"file": "1-1-top.jpg", "sha256": "0", "size": 1, "width": 1, "height": 1}}, "image.sha256"),
    ],
)
def test_a_broken_field_is_named(written: bytes, changes: dict[str, object], place: str) -> None:
    with pytest.raises(SideCarError, match=place):
        parse_sidecar(json.dumps(json.loads(written) | changes).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_side_car_or_a_named_error(data: bytes) -> None:
    with pytest.raises(SideCarError):
        parse_sidecar(data)


def test_a_huge_file_is_not_parsed() -> None:
    with pytest.raises(SideCarError, match="at most"):
        parse_sidecar(b" " * (MAX_SIDECAR_BYTES + 1))


@given(st.text(max_size=40))
def test_file_names_hold_safe_characters_only(camera: str) -> None:
    try:
        stem = file_stem(1, 2, camera)
    except ValueError:
        return
    assert stem == f"1-2-{camera}"
    assert Path(stem).name == stem
    assert stem.isascii()
    assert not stem.startswith(".")


def test_the_day_is_that_of_receipt_in_utc(tmp_path: Path) -> None:
    assert open_spool(tmp_path / "spool").store(request()).path == f"{DAY}/3-1-top.jpg"
