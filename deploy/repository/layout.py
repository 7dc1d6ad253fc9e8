"""Where the files of a repository lie, how large they may be, and what its root must be like."""

import datetime as dt
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from tuf.api.metadata import Root, Signed, Snapshot, Targets, Timestamp

from edge.objects.opening import Reader

LARGEST: Final = {Root.type: 512_000, Timestamp.type: 16_384, Snapshot.type: 2_000_000, Targets.type: 5_000_000}
"""The most bytes of a metadata file of each role; stations refuse larger ones."""

ROOT_KEYS: Final = 3
ROOT_THRESHOLD: Final = 2
ONLINE_ROLES: Final = (Targets.type, Snapshot.type, Timestamp.type)

POINTER: Final = f"metadata/{Timestamp.type}.json"
"""The only file that is ever written over."""

_SIGNED_AT: Final = "x-linegate-signed-at"


class TooLargeError(Exception):
    """A file is larger than it may be."""


def metadata_key(role: str, version: int) -> str:
    """Return the key of a version of a role's metadata."""
    return f"metadata/{version}.{role}.json"


def target_key(sha256: str, name: str) -> str:
    """Return the key of a bundle's file (consistent snapshots: the name begins with the content's hash)."""
    return f"targets/{sha256}.{name}"


def read_object(reader: Reader, key: str, largest: int) -> bytes:
    """Return an object's content.

    Raises:
        TooLargeError: it has more than ``largest`` bytes; no more were taken.
        ObjectMissingError, RemoteError, StoppedError: it cannot be read.
    """
    content = bytearray()
    for piece in reader.stream(key):
        content += piece
        if len(content) > largest:
            raise TooLargeError(f"{key}: more than {largest} bytes")
    return bytes(content)


def root_faults(root: Root) -> Iterator[str]:
    """Yield what keeps a root from being one of linegate's: too few keys, keys that serve two roles."""
    held = {role: _keys(root, role) for role in (Root.type, *ONLINE_ROLES)}
    if len(held[Root.type]) < ROOT_KEYS:
        yield f"has {len(held[Root.type])} root keys, {ROOT_KEYS} are the least"
    if (threshold := root.roles[Root.type].threshold) < ROOT_THRESHOLD:
        yield f"is valid with {threshold} signature, {ROOT_THRESHOLD} are the least"
    for role in (Root.type, *ONLINE_ROLES):
        if len(held[role]) < len(root.roles[role].keyids):
            yield f"names a key for {role} twice, or does not hold it"
    for role in ONLINE_ROLES:
        if not held[role]:
            yield f"names no key for {role}"
    for one, other in combinations(held, 2):
        if held[one] & held[other]:
            yield f"has one key for both {one} and {other}"
    if not root.consistent_snapshot:
        yield "is not of a repository with consistent snapshots"


def _keys(root: Root, role: str) -> frozenset[str]:
    """Return the keys of a role themselves: ids are what a root's author calls them, and one key may have several."""
    keys = (root.keys.get(keyid) for keyid in root.roles[role].keyids)
    # Hexadecimal digits mean the same in capitals and with spaces between them.
    return frozenset("".join(str(key.keyval.get("public")).split()).casefold() for key in keys if key is not None)


def signed_at(signed: Signed) -> float | None:
    """Return the Unix time at which metadata says that it was signed, None where it does not."""
    text = signed.unrecognized_fields.get(_SIGNED_AT)
    if not isinstance(text, str):
        return None
    try:
        return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC).timestamp()
    except ValueError:
        return None


def stamp(signed: Signed, now: dt.datetime) -> None:
    """Have metadata say when it is signed."""
    signed.unrecognized_fields[_SIGNED_AT] = now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
