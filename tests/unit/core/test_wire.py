"""The wire format: bounds over the whole alphabets and ranges, round trips, and nothing but WireError for bad bytes."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.core import wire
from edge.core.codes import SCORE_NONE, Code
from edge.core.types import Ack, Act, Decision, Trigger

NAMES = st.from_regex(wire.NAME_PATTERN, fullmatch=True)
PARTS = st.from_regex(wire.PART_PATTERN, fullmatch=True)
U16 = st.integers(0, wire.MAX_U16)
U32 = st.integers(0, wire.MAX_U32)
FROM_1 = st.integers(1, wire.MAX_U32)

TRIGGERS = st.builds(Trigger, session=FROM_1, epoch=U32, trig=FROM_1, tick=U32, part=PARTS, recipe=U16, deadline_ms=U16)
ACKS = st.builds(Ack, session=FROM_1, epoch=U32, seq=U32, trig=FROM_1, act=st.sampled_from(Act))
BEATS = st.builds(wire.Heartbeat, epoch=FROM_1, n=U32, ready=st.booleans(), fault=U16, recipe=U16)
TRUTHS = st.builds(
    wire.TruthReport,
    part=st.from_regex(wire.NAMED_PART_PATTERN, fullmatch=True),
    truth=st.sampled_from(["accept", "reject"]),
    source=st.text(min_size=1, max_size=wire.MAX_SOURCE).filter(str.isprintable),
)
RESULTS = st.builds(
    wire.Result,
    sess=U32,
    epoch=FROM_1,
    seq=FROM_1,
    trig=FROM_1,
    part=PARTS,
    dec=st.sampled_from(Decision),
    code=U16,
    score=st.one_of(st.integers(0, 1000), st.just(SCORE_NONE)),
    n=st.integers(0, wire.MAX_DEFECTS),
    recipe=U16,
    model=st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    age_ms=U16,
    t=st.integers(0, 9_999_999_999_999),
    sim=st.integers(0, 1),
)

LONGEST_RESULT = wire.Result(
    sess=wire.MAX_U32,
    epoch=wire.MAX_U32,
    seq=wire.MAX_U32,
    trig=wire.MAX_U32,
    part="P" * 24,
    dec=Decision.CANNOT_JUDGE,
    code=wire.MAX_U16,
    score=SCORE_NONE,
    n=wire.MAX_DEFECTS,
    recipe=wire.MAX_U16,
    model="ffffffff",
    age_ms=wire.MAX_U16,
    t=9_999_999_999_999,
    sim=1,
)
LONGEST_TRIGGER = Trigger(
    session=wire.MAX_U32,
    epoch=wire.MAX_U32,
    trig=wire.MAX_U32,
    tick=wire.MAX_U32,
    part="P" * 24,
    recipe=wire.MAX_U16,
    deadline_ms=wire.MAX_U16,
)
PARSERS = [wire.parse_trigger, wire.parse_ack, wire.parse_result, wire.parse_heartbeat, wire.parse_truth]
GOOD = {
    "sess": 1,
    "epoch": 2,
    "trig": 3,
    "tick": 4,
    "part": "P1",
    "recipe": 5,
    "dl_ms": 6,
}


@given(NAMES, NAMES, NAMES, st.from_regex(wire.ALARM_PATTERN, fullmatch=True))
@example("s" * 12, "l" * 12, "t" * 12, "a" * 7)
def test_every_topic_fits_64_characters(site, line, station, alarm):
    base = wire.base_topic(site, line, station)
    below = [
        wire.TRIGGER,
        wire.ACK,
        wire.TEST,
        wire.TRUTH,
        wire.RESULT,
        wire.AUTO,
        wire.HEARTBEAT,
        wire.STATE,
        wire.HISTORY,
        wire.TEST_RESULT,
        wire.alarm_topic(alarm),
    ]
    assert max(len(f"{base}/{topic}") for topic in below) <= wire.MAX_TOPIC


@pytest.mark.parametrize("name", ["", "A", "a" * 13, "a/b", "a+", "#", "ä", "a\n"])
def test_other_names_are_refused(name):
    for names in ((name, "b", "c"), ("a", name, "c"), ("a", "b", name)):
        with pytest.raises(ValueError, match="use 1 to 12 of"):
            wire.base_topic(*names)
    with pytest.raises(ValueError, match="use 1 to 7 of"):
        wire.alarm_topic(name)


@given(RESULTS)
@example(LONGEST_RESULT)
def test_a_result_fits_240_bytes_and_survives_the_wire(result):
    payload = wire.encode_result(result)
    assert len(payload) <= wire.MAX_PAYLOAD
    assert b" " not in payload
    assert wire.parse_result(payload) == result


@given(TRIGGERS)
@example(LONGEST_TRIGGER)
def test_a_trigger_fits_240_bytes_and_survives_the_wire(trigger):
    payload = wire.encode_trigger(trigger)
    assert len(payload) <= wire.MAX_PAYLOAD
    assert wire.parse_trigger(payload) == trigger


@given(ACKS)
def test_an_acknowledgement_fits_240_bytes_and_survives_the_wire(ack):
    payload = wire.encode_ack(ack)
    assert len(payload) <= wire.MAX_PAYLOAD
    assert wire.parse_ack(payload) == ack


@given(TRUTHS)
def test_a_truth_survives_the_wire_and_is_short_enough_to_be_read(report):
    payload = wire.encode_truth(report)
    assert len(payload) <= wire.MAX_COMMAND
    assert wire.parse_truth(payload) == report


@pytest.mark.parametrize(
    "fields",
    [
        {"part": "", "truth": "accept", "source": "x"},
        {"part": "A B", "truth": "accept", "source": "x"},
        {"part": "A", "truth": "cannot_judge", "source": "x"},
        {"part": "A", "truth": ["accept"], "source": "x"},
        {"part": "A", "truth": 1, "source": "x"},
        {"part": "A", "truth": "accept", "source": ""},
        {"part": "A", "truth": "accept", "source": "x" * 41},
        {"part": "A", "truth": "accept", "source": "line\nfeed"},
        {"part": "A", "truth": "accept", "source": "\ud800"},
        {"part": "A", "truth": "accept"},
        {"truth": "accept", "source": "x"},
    ],
    ids=str,
)
def test_a_truth_that_says_too_little_is_refused(fields):
    with pytest.raises(wire.WireError) as caught:
        wire.parse_truth(json.dumps(fields).encode())
    assert caught.value.code is Code.MALFORMED


@given(BEATS)
def test_a_heartbeat_fits_240_bytes_and_survives_the_wire(beat):
    payload = wire.encode_heartbeat(beat)
    assert len(payload) <= wire.MAX_PAYLOAD
    assert wire.parse_heartbeat(payload) == beat


def test_the_order_of_keys_is_fixed():
    assert list(json.loads(wire.encode_result(LONGEST_RESULT))) == [
        *("v", "sess", "epoch", "seq", "trig", "part", "dec", "code"),
        *("score", "n", "recipe", "model", "age_ms", "t", "sim"),
    ]
    assert list(json.loads(wire.encode_trigger(LONGEST_TRIGGER))) == list(GOOD)


def test_history_says_so_and_is_otherwise_the_same():
    plain, history = wire.encode_result(LONGEST_RESULT), wire.encode_result(LONGEST_RESULT, history=True)
    assert history == plain[:-1] + b',"hist":1}'
    assert wire.parse_result(history) == LONGEST_RESULT


def test_counts_and_ages_saturate():
    fields = {name: getattr(LONGEST_RESULT, name) for name in LONGEST_RESULT.__dataclass_fields__}
    payload = wire.encode_result(wire.Result(**fields | {"n": 5000, "age_ms": 70_000}))
    assert (json.loads(payload)["n"], json.loads(payload)["age_ms"]) == (999, 65535)
    assert len(payload) <= wire.MAX_PAYLOAD


@pytest.mark.parametrize(("score", "per_mille"), [(None, 65535), (0.0, 0), (0.1234, 123), (0.9999, 1000), (1.0, 1000)])
def test_a_score_is_told_in_whole_per_mille(score, per_mille):
    assert wire.per_mille(score) == per_mille


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.binary(max_size=1200))
@example(b"\xff\xfe\x00")
@example(b"\xef\xbb\xbf{}")
@example(b"")
def test_arbitrary_bytes_raise_nothing_but_a_wire_error(payload):
    for parse in PARSERS:
        with suppress(wire.WireError):
            parse(payload)


@given(st.dictionaries(st.sampled_from([*GOOD, "seq", "act", "v", "dec", "ready", "truth", "source"]), JSON_VALUES))
def test_arbitrary_json_raises_nothing_but_a_wire_error(fields):
    payload = json.dumps(fields).encode()
    for parse in PARSERS:
        with suppress(wire.WireError):
            parse(payload)


def changed(**fields: object) -> bytes:
    return json.dumps(GOOD | fields).encode()


BAD = {
    "no JSON": b"{",
    "no object": b"[1]",
    "a key twice": b'{"sess":1,"sess":1,"epoch":2,"trig":3,"tick":4,"part":"P1","recipe":5,"dl_ms":6}',
    "not a number": changed(trig=float("nan")),
    "infinite": changed(trig=float("inf")),
    "a boolean": changed(trig=True),
    "a float": changed(trig=3.0),
    "a text": changed(trig="3"),
    "null": changed(trig=None),
    "session 0": changed(sess=0),
    "trigger 0": changed(trig=0),
    "negative": changed(tick=-1),
    "beyond 32 bits": changed(trig=2**32),
    "beyond 16 bits": changed(recipe=65536),
    "huge": changed(trig=10**900),
    "a long part": changed(part="P" * 25),
    "a part with a space": changed(part="a b"),
    "a part with a line feed": changed(part="a\n"),
    "a part in other letters": changed(part="ä"),
    "a lone surrogate": changed(part="\ud800"),
    "a lone surrogate in bytes": json.dumps(GOOD | {"more": "@"}).encode().replace(b"@", b"\xed\xa0\x80"),
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "UTF-32 without a mark": json.dumps(GOOD).encode("utf-32-le"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "nested": b'{"sess":' + b"[" * 400 + b"]" * 400 + b"}",
    "nested objects": b'{"sess":' * 100 + b"1" + b"}" * 100,
}


@pytest.mark.parametrize("payload", BAD.values(), ids=BAD.keys())
def test_bad_triggers_are_malformed_and_the_message_stays_short(payload):
    with pytest.raises(wire.WireError) as refused:
        wire.parse_trigger(payload)
    assert refused.value.code is Code.MALFORMED
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(key):
    payload = json.dumps({name: value for name, value in GOOD.items() if name != key}).encode()
    with pytest.raises(wire.WireError, match=f"^{key} is None"):
        wire.parse_trigger(payload)


def test_keys_in_another_order_and_unknown_ones_are_read():
    backwards = dict(reversed(GOOD.items())) | {"colour": "red"}
    assert wire.parse_trigger(json.dumps(backwards).encode()).trig == 3


def test_a_payload_beyond_the_limit_is_not_even_read():
    padded = wire.encode_trigger(LONGEST_TRIGGER).ljust(wire.MAX_COMMAND)
    assert wire.parse_trigger(padded) == LONGEST_TRIGGER
    with pytest.raises(wire.WireError) as refused:
        wire.parse_trigger(padded + b" ")
    assert refused.value.code is Code.OVERSIZED


def test_another_version_of_the_result_is_refused():
    payload = wire.encode_result(LONGEST_RESULT).replace(b'"v":1', b'"v":2')
    with pytest.raises(wire.WireError, match=r"^v is 2"):
        wire.parse_result(payload)


@pytest.mark.parametrize("act", [0, 5, True])
def test_an_unknown_act_is_refused(act):
    with pytest.raises(wire.WireError, match=r"^act is"):
        wire.parse_ack(json.dumps({"sess": 1, "epoch": 1, "seq": 1, "trig": 1, "act": act}).encode())
