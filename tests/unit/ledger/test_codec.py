import hashlib
import math
import sqlite3
from dataclasses import replace
from types import MappingProxyType
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import events as core
from edge.core.events import Event, Instant, PartKey, ViewRecord
from edge.core.types import Act, Box, Decision
from edge.ledger.codec import GENESIS, KINDS, Anomaly, CodecError, Row, anomaly, chain, decode, encode
from tests.support.ledgers import decided, instant, key, loss, received

u32 = st.integers(0, 2**32 - 1)
words = st.text(max_size=30)
floats = st.floats(allow_nan=False, allow_infinity=False)
instants = st.builds(Instant, mono_ns=st.integers(-(2**62), 2**62), utc_ms=st.integers(0, 2**53))
boxes = st.builds(
    Box, x=u32, y=u32, width=u32, height=u32, category=words, category_id=st.integers(0, 99), score=floats
)
views = st.builds(
    ViewRecord,
    camera=words,
    code=u32,
    score=st.none() | floats,
    boxes=st.lists(boxes, max_size=3).map(tuple),
    bundle=st.none() | words,
    captured=st.none() | instants,
    frame=st.none() | words,
)
shapes = {
    Instant: instants,
    PartKey: st.builds(PartKey, session=u32, trig=u32, epoch=u32, seq=u32),
    int: u32,
    str: words,
    bool: st.booleans(),
    Decision: st.sampled_from(Decision),
    Act: st.sampled_from(Act),
}


def shape_of(name: str) -> st.SearchStrategy[object]:
    special = {
        "views": st.lists(views, max_size=3).map(tuple),
        "stages_ns": st.dictionaries(words, u32, max_size=4),
        "counts": st.dictionaries(words, u32, max_size=4),
        "origin": st.sampled_from(["plc", "timer", "presence"]),
        "truth": st.sampled_from(["accept", "reject"]),
        "stage": st.sampled_from(["shadow", "canary"]),
    }
    return special[name]


def events_of(kind: type) -> st.SearchStrategy[object]:
    fields = {}
    for name, field in kind.__dataclass_fields__.items():
        annotation = field.type
        if name == "origin" and kind is core.Operator:
            fields[name] = words
        elif name in {"views", "stages_ns", "counts", "origin", "truth", "stage"}:
            fields[name] = shape_of(name)
        elif annotation in shapes:
            fields[name] = shapes[annotation]
        else:
            fields[name] = st.none() | shapes[get_args(annotation)[0]]
    return st.builds(kind, **fields)


def test_every_kind_of_event_has_a_name() -> None:
    assert set(KINDS.values()) == {*get_args(Event), Anomaly}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
@given(data=st.data())
def test_an_event_comes_back_as_it_went(kind: type, data: st.DataObject) -> None:
    event = data.draw(events_of(kind))
    row = encode(event)
    assert decode(row) == event
    assert row.body.isascii()
    assert encode(decode(row)) == row


def test_a_row_does_not_say_anything_twice() -> None:
    row = encode(received(key(3, session=9, epoch=2, seq=4)))
    assert row[:7] == ("received", instant().utc_ms, instant().mono_ns, 2, 9, 3, 4)
    assert row.body == '{"part":"A/1:2","recipe":2,"deadline_ms":400,"origin":"plc"}'


def test_any_mapping_and_numpy_floats_are_taken() -> None:
    view = replace(decided(key()).views[0], score=np.float64(0.25))
    event = decided(key(), stages_ns=MappingProxyType({"a": 1}), views=(view,))
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    "event",
    [
        decided(key(), views=(replace(decided(key()).views[0], score=math.nan),)),
        decided(key(), defects=np.float32(1)),
        decided(PartKey(session=2**63, trig=1, epoch=1, seq=1)),
        received(key(), at=Instant(mono_ns=1, utc_ms=None)),  # type: ignore[arg-type]
        received(None),  # type: ignore[arg-type]
        "not an event",
    ],
    ids=["nan", "numpy", "too large", "no time", "no key", "foreign"],
)
def test_what_cannot_be_written_becomes_an_anomaly_that_can(event: Event) -> None:
    with pytest.raises(CodecError):
        encode(event)
    kept = anomaly(event, "why \ud800")
    assert decode(encode(kept)) == kept
    assert kept.reason == "why \\ud800"


@pytest.mark.parametrize(
    ("kind", "added"),
    [("sent", {"decision": None, "code": None}), ("broker_acked", {"topic": None})],
)
def test_a_row_from_before_a_field_was_kept_can_still_be_read(kind: str, added: dict[str, object]) -> None:
    older = {
        "sent": '{"topic":"evt/result","age_ms":63,"stages_ns":{}}',
        "broker_acked": '{"reason":0}',
    }
    event = decode(Row(kind, 1, 2, 3, 4, 5, 6, older[kind]))
    assert {name: getattr(event, name) for name in added} == added


@pytest.mark.parametrize(
    "change",
    [{"kind": "rumour"}, {"body": "{"}, {"body": "[]"}, {"body": "{}"}, {"body": '{"part":[]}'}, {"epoch": None}],
    ids=str,
)
def test_a_damaged_row_is_named(change: dict[str, object]) -> None:
    with pytest.raises(CodecError):
        decode(encode(received(key()))._replace(**change))  # type: ignore[arg-type]


@given(
    row=st.builds(
        Row,
        st.sampled_from(sorted(KINDS)),
        *[st.integers(-(2**63), 2**63 - 1)] * 2,
        *[st.none() | st.integers(0, 2**63 - 1)] * 4,
        st.text(st.characters(codec="ascii"), max_size=50),
    ),
    identity=st.integers(1, 2**62),
)
def test_sql_gives_the_bytes_that_the_chain_covers(row: Row, identity: int) -> None:
    connection = sqlite3.connect(":memory:")
    (covered,) = connection.execute(
        "SELECT json_array(?, ?, ?, ?, ?, ?, ?, ?) || char(10) || ?", (identity, *row)
    ).fetchone()
    connection.close()
    assert chain(GENESIS, identity, row) == hashlib.sha256(GENESIS + covered.encode()).digest()


def test_the_chain_is_frozen() -> None:
    digest = chain(GENESIS, 1, encode(loss(5, part="x")))
    assert GENESIS.hex() == hashlib.sha256(b"linegate ledger v1").hexdigest()
    text = b'[1,"loss",1760000000000,5000000000,1,7,5,null]\n{"code":120,"trig_first":null,"part":"x","recipe":null}'
    assert digest == hashlib.sha256(GENESIS + text).digest()
