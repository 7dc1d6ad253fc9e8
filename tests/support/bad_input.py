"""Strategies for input that nobody should send: payloads of the line, configuration files, bundles."""

import io
import json
import warnings
import zipfile
from typing import Any, Final

from hypothesis import strategies as st

from edge.core import wire

TRIGGER: Final = {"sess": 7, "epoch": 3, "trig": 5, "tick": 9, "part": "A/1:2", "recipe": 0, "dl_ms": 0}
ACK: Final = {"sess": 7, "epoch": 3, "seq": 5, "trig": 5, "act": 1}
TRUTH: Final = {"part": "A/1:2", "truth": "accept", "source": "final inspection"}

INTEGERS: Final = st.one_of(
    st.sampled_from([-1, 0, 1, 2, 3, 255, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**53, 2**64, 10**400]),
    st.integers(),
)
SCALARS: Final = st.one_of(
    INTEGERS, st.none(), st.booleans(), st.floats(), st.text(max_size=30), st.sampled_from(["5", "", "\x00", "\ud800"])
)
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def payloads(good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Return payloads near a good one and far from it: fields changed, missing, twice; bytes flipped, cut, put in."""
    return st.one_of(
        fields(good).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
        mutations(json.dumps(good, separators=(",", ":")).encode()),
        doubled(good),
        VALUES.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
        st.integers(1, 3000).map(lambda depth: b'{"sess":' + b"[" * depth + b"]" * depth + b"}"),
        st.binary(max_size=1100),
    )


def fields(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a good object with keys changed, left out and added."""
    names = st.sampled_from([*good, "v", "dec", "sim", "", "Sess", "seq"])
    changed = st.dictionaries(names, VALUES, max_size=3)
    without = st.sets(st.sampled_from([*good]), max_size=2)
    return st.builds(
        lambda more, less: {name: value for name, value in (good | more).items() if name not in less}, changed, without
    )


def doubled(good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Return a good object in which one key stands twice."""

    def twice(name: str, value: object) -> bytes:
        more = f",{json.dumps(name)}:{json.dumps(value)}}}"
        return json.dumps(good)[:-1].encode() + more.encode("utf-8", "surrogatepass")

    return st.builds(twice, st.sampled_from([*good]), SCALARS)


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """Return ``data`` with up to four bytes flipped, runs cut out, put in or copied elsewhere."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        if not changed:
            break
        place = draw(st.integers(0, len(changed) - 1))
        match draw(st.sampled_from(["flip", "cut", "insert", "copy"])):
            case "flip":
                changed[place] ^= draw(st.integers(1, 255))
            case "cut":
                del changed[place : place + draw(st.integers(1, 40))]
            case "insert":
                changed[place:place] = draw(st.binary(min_size=1, max_size=20))
            case _:
                end = place + draw(st.integers(1, 60))
                changed[draw(st.integers(0, len(changed) - 1)) : 0] = changed[place:end]
    return bytes(changed)


TOML_VALUES: Final = st.one_of(
    st.sampled_from(
        [
            *('""', '"a"', '"/x"', '"active"', '"virtual:"', '"replay:/x"', '"mqtt://h"', '"mqtts://h:1"', '"timer:0"'),
            *("0", "-1", "1", "65535", "65536", "1e400", "nan", "inf", "true", "false", "[]", "{}", "[[]]", "[{}]"),
            *(
                '"8 GB"',
                '"-8 GB"',
                '"\\u0000"',
                '"\\ud800"',
                "1979-05-27",
                "0x" + "f" * 40,
                "9" * 5000,
                "'''",
                "[" * 200,
            ),
        ]
    ),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=20).map(json.dumps),
)


@st.composite
def configurations(draw: st.DrawFn, good: str) -> bytes:
    """Return configuration files near a good one: values and lines changed, left out, doubled, and bytes mutated."""
    lines = good.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        if not lines:
            break
        place = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["value", "drop", "double", "add", "move", "table"])):
            case "value":
                lines[place] = f"{lines[place].partition('=')[0]} = {draw(TOML_VALUES)}"
            case "drop":
                del lines[place]
            case "double":
                lines.insert(place, lines[place])
            case "add":
                lines.insert(place, f"{draw(st.from_regex(r'[a-z_.]{1,12}', fullmatch=True))} = {draw(TOML_VALUES)}")
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(place))
            case _:
                lines.insert(
                    place, draw(st.sampled_from(["[station]", "[[camera]]", "[[recipe]]", "[line]", "[x]", "[["]))
                )
    text = "\n".join([*lines, ""]).encode("utf-8", "surrogatepass")
    return draw(mutations(text)) if draw(st.booleans()) else text


def json_mutations(document: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return the document with one or two values, at any depth, replaced, removed or put where they do not belong."""

    @st.composite
    def mutated(draw: st.DrawFn) -> dict[str, Any]:
        changed: dict[str, Any] = json.loads(json.dumps(document))
        for _ in range(draw(st.integers(1, 2))):
            holder, key = draw(st.sampled_from(_places(changed)))
            match draw(st.sampled_from(["replace", "near", "remove", "add"])):
                case "replace":
                    holder[key] = draw(VALUES)
                case "near":
                    holder[key] = draw(_near(holder[key]))
                case "remove":
                    del holder[key]
                case _ if isinstance(holder, list):
                    holder.insert(key, draw(VALUES))
                case _:
                    holder[draw(st.text(max_size=8))] = draw(VALUES)
            if not _places(changed):
                break
        return changed

    return mutated()


def _places(value: Any) -> list[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for key in keys for place in [(value, key), *_places(value[key])]]


def _near(value: Any) -> st.SearchStrategy[Any]:
    match value:
        case bool():
            return st.just(not value)
        case int():
            return st.sampled_from([value + 1, value - 1, -value, value * 1000, float(value)])
        case float():
            return st.sampled_from([value + 0.1, -value, value * 10, float("nan"), float("inf"), 0.0, 1.0])
        case str():
            return st.sampled_from([value + "x", value.upper(), "", "../" + value, value + "\x00", value * 50])
        case _:
            return VALUES


def archives(packed: bytes) -> st.SearchStrategy[bytes]:
    """Return bundles whose members were renamed, dropped, doubled, swapped, compressed, linked or given bad bytes."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        good = [(entry, archive.read(entry)) for entry in archive.infolist()]

    @st.composite
    def other(draw: st.DrawFn) -> bytes:
        members = list(good)
        for _ in range(draw(st.integers(1, 2))):
            _change_member(draw, members)
        data = _zipped(members)
        return draw(mutations(data)) if draw(st.booleans()) else data

    return other()


def _change_member(draw: st.DrawFn, members: list[tuple[zipfile.ZipInfo, bytes]]) -> None:
    place = draw(st.integers(0, len(members) - 1))
    entry, content = members[place]
    changed = zipfile.ZipInfo(entry.filename, entry.date_time)
    changed.external_attr, changed.compress_type = entry.external_attr, entry.compress_type
    match draw(st.sampled_from(["rename", "drop", "double", "swap", "compress", "mode", "bytes", "comment"])):
        case "rename":
            changed.filename = draw(st.text(min_size=1, max_size=30) | st.sampled_from(_NAMES))
        case "drop" if len(members) > 1:
            del members[place]
            return
        case "double":
            members.append((changed, content))
            return
        case "swap":
            content = members[draw(st.integers(0, len(members) - 1))][1]
        case "compress":
            changed.compress_type = draw(st.sampled_from([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]))
        case "mode":
            changed.external_attr = draw(st.integers(0, 2**32 - 1))
        case "comment":
            changed.comment = draw(st.binary(max_size=20))
        case _:
            content = draw(mutations(content)) if content else draw(st.binary(max_size=40))
    members[place] = (changed, content)


def _zipped(members: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w") as archive:  # names may come twice
        for entry, content in members:
            archive.writestr(entry, content, compress_type=entry.compress_type)
    return buffer.getvalue()


_NAMES: Final = (
    "bundle.json",
    "model.tflite",
    "golden/../x",
    "/etc/passwd",
    "golden/",
    "a\\b",
    "golden/01.png\x00.exe",
)


def is_good_trigger(payload: bytes, epoch: int) -> bool:
    """Tell whether a station of this epoch must take a payload as a trigger."""
    try:
        trigger = wire.parse_trigger(payload)
    except wire.WireError:
        return False
    return trigger.epoch == epoch
