import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inspector.operating import (
    LAST_MS,
    MAX_NOTE,
    MAX_REPLY,
    MAX_REQUEST,
    ArchiveRequest,
    NoteRequest,
    OperatingError,
    Reply,
    Request,
    State,
    UpdateRequest,
    encode_reply,
    encode_request,
    parse_reply,
    parse_request,
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=MAX_NOTE)
requests = (
    st.builds(NoteRequest, text=texts)
    | st.builds(ArchiveRequest, keep_days=st.none() | st.floats(0, 36_500), says=st.text("abc ,", max_size=200))
    | st.builds(
        UpdateRequest,
        source=st.text("abc/:.", min_size=1, max_size=200),
        refusal=st.text("abc ", max_size=40),
        bundle=st.text("abc-4", max_size=100),
        text=texts,
        at=st.integers(0, LAST_MS - 1),
        record=st.booleans(),
    )
)


@given(request=requests)
def test_a_request_comes_back_as_it_went(request: Request) -> None:
    line = encode_request(request)
    assert line.count(b"\n") == 1
    assert parse_request(line) == request


@given(state=st.sampled_from(State), text=st.text(st.characters(codec="utf-8")))
def test_an_answer_comes_back_and_is_never_too_long(state: State, text: str) -> None:
    line = encode_reply(Reply(state=state, text=text * 50))
    assert line.count(b"\n") == 1
    assert len(line) <= MAX_REPLY
    reply = parse_reply(line)
    assert reply.state is state
    assert (text * 50).startswith(reply.text)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"hello",
        b"[]",
        b"5",
        b"\xff\xfe",
        b"[" * 10_000,
        b"{}",
        b'{"v":1}',
        b'{"v":1,"verb":"reboot"}',
        b'{"v":2,"verb":"note","text":"x"}',
        b'{"v":1,"verb":"note"}',
        b'{"v":1,"verb":"note","text":""}',
        b'{"v":1,"verb":"note","text":7}',
        b'{"v":1,"verb":"note","text":"a\\u001bb"}',
        b'{"v":1,"verb":"note","text":"a\\ud800b"}',
        b'{"v":1,"verb":"note","text":"x","more":1}',
        b'{"v":1,"verb":"note","text":"x","says":"a\\nb"}',
        b'{"v":1,"verb":"update","source":"","at":0}',
        b'{"v":1,"verb":"update","source":"a","at":-1}',
        b'{"v":1,"verb":"update","source":"a"}',
        b'{"v":1,"verb":"update","source":"a","at":253402300800000}',
        b'{"v":1,"verb":"archive","keep_days":-1}',
        b'{"v":1,"verb":"archive","keep_days":NaN}',
        b'{"v":1,"verb":"archive","keep_days":1e999}',
        b'{"v":1,"verb":"archive","keep_days":"3"}',
        json.dumps({"v": 1, "verb": "note", "text": "x" * (MAX_NOTE + 1)}).encode(),
        b'{"v":1,"verb":"note","text":"' + b"x" * MAX_REQUEST + b'"}',
    ],
    ids=lambda line: line[:40].decode("latin-1"),
)
def test_anything_else_is_refused_with_a_reason(line: bytes) -> None:
    with pytest.raises(OperatingError, match=r"\w"):
        parse_request(line)


@given(line=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_hurt(line: bytes) -> None:
    for parse in (parse_request, parse_reply):
        with pytest.raises(OperatingError):
            parse(line)
