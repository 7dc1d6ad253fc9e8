"""Writing a publication in the order that keeps stations safe at every moment, whoever else writes.

Every file is created once and never changed, but for ``timestamp.json``, the pointer. A publication is committed by
creating ``N.timestamp.json``, which exactly one of several publishers can do; what it names is there by then. The
pointer is a copy of the last such file: if its writer dies first, the next one finds the file and writes the pointer.
Versions of targets and snapshot may have gaps, where a publication was given up.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from deploy.publishing.errors import PublishingError, PublishingRefusedError
from deploy.publishing.keys import SHOWN, Signers
from deploy.publishing.state import JSON, RepositoryState, verified
from deploy.repository.layout import LARGEST, POINTER, TooLargeError, metadata_key, read_object, stamp
from edge.objects.errors import ObjectExistsError, ObjectMissingError
from edge.objects.opening import Reader, Writer

Kind = TypeVar("Kind", Targets, Snapshot)
Signable = TypeVar("Signable", Targets, Snapshot, Timestamp)

LEAST_TIMESTAMP_DAYS: Final = 30
TIMESTAMP_DAYS: Final = 60
CONTENT_DAYS: Final = 365
"""For how long targets and snapshot are valid."""

_TRIES: Final = 100
_COMPACT: Final = JSONSerializer()


class BusyError(PublishingRefusedError):
    """Somebody else published at the same moment; nothing of this publication is on offer."""


def begin(
    writer: Writer, root: Metadata[Root], targets: Targets, signers: Signers, *, days: int, now: dt.datetime
) -> RepositoryState:
    """Write the first targets, snapshot and timestamp.

    Raises:
        BusyError, PublishingError, RemoteError: nothing is on offer.
    """
    made = _create_content(writer, root, signers, targets, 1, now=now)
    return _point(writer, root, signers, made, 1, days=days, now=now)


def publish(
    writer: Writer, state: RepositoryState, targets: Targets, signers: Signers, *, days: int, now: dt.datetime
) -> RepositoryState:
    """Publish new targets under ``state``'s root; ``days`` is how long the timestamp will be valid.

    Raises:
        BusyError, PublishingError, RemoteError: what was on offer before still is.
    """
    made = _create_content(writer, state.root, signers, targets, state.snapshot.signed.version + 1, now=now)
    return _point(writer, state.root, signers, made, state.timestamp.signed.version + 1, days=days, now=now)


def change_root(
    writer: Writer, state: RepositoryState, root: Metadata[Root], signers: Signers, *, days: int, now: dt.datetime
) -> RepositoryState:
    """Put a root into force, and publish what is on offer with its keys.

    What is signed anew is there before the root is: only between root and timestamp, two small files, does a station
    find a new root with an old timestamp, and takes nothing.

    Raises: as :func:`publish`.
    """
    made = _create_content(writer, root, signers, next_targets(state), state.snapshot.signed.version + 1, now=now)
    create_same(writer, metadata_key(Root.type, root.signed.version), root.to_bytes(), JSON)
    return _point(writer, root, signers, made, state.timestamp.signed.version + 1, days=days, now=now)


def check_keys(root: Metadata[Root], signers: Signers) -> None:
    """Check before the first file is written that all keys are at hand.

    Raises:
        PublishingError: one is not.
    """
    for role in (Snapshot.type, Timestamp.type, Targets.type):
        _fitting(root, signers, role)


def next_targets(state: RepositoryState) -> Targets:
    """Return targets like the present ones, of the next version."""
    present = state.targets.signed
    return Targets(
        version=present.version + 1,
        targets=dict(present.targets),
        unrecognized_fields=dict(present.unrecognized_fields),
    )


def create_same(writer: Writer, key: str, data: bytes, content_type: str) -> None:
    """Create an object, or see that it is there already with this content.

    Raises:
        PublishingRefusedError: it is there with other content.
        RemoteError: it cannot be written.
    """
    try:
        writer.create(key, data, content_type)
    except ObjectExistsError as error:
        try:
            same = read_object(writer, key, len(data)) == data
        except TooLargeError:
            same = False
        if not same:
            raise PublishingRefusedError(f"{key}: is there with other content, and is left as it is") from error


def renew_timestamp(
    writer: Writer, state: RepositoryState, signers: Signers, *, days: int, now: dt.datetime
) -> RepositoryState:
    """Publish what is on offer for another ``days`` days. Raises as :func:`publish`."""
    timestamp = Timestamp(
        version=state.timestamp.signed.version + 1, snapshot_meta=state.timestamp.signed.snapshot_meta
    )
    return replace(state, timestamp=_commit(writer, state.root, signers, timestamp, days=days, now=now))


def settle(writer: Writer, root: Metadata[Root]) -> None:
    """Have the pointer name the last committed publication, also where its writer died before.

    Raises:
        PublishingError: there is a timestamp that the root's key has not signed.
        RemoteError: the place does not work.
    """
    try:
        version = Metadata[Timestamp].from_bytes(read_object(writer, POINTER, LARGEST[Timestamp.type])).signed.version
    except ObjectMissingError:
        version = 0
    except (RepositoryError, TooLargeError) as error:
        raise PublishingError(f"{POINTER}: is no timestamp: restore it from the last N.timestamp.json") from error
    _advance(writer, root, version)


def interrupted(reader: Reader, version: int) -> bool:
    """Return whether a publication after this version of the timestamp was committed and not pointed to."""
    return _committed(reader, version + 1) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    targets: Metadata[Targets]
    snapshot: Metadata[Snapshot]


def _create_content(
    writer: Writer, root: Metadata[Root], signers: Signers, targets: Targets, version: int, *, now: dt.datetime
) -> _Content:
    """Create targets and a snapshot of them, of this version or a later one; no station sees them yet."""
    check_keys(root, signers)
    made = _create_next(writer, root, signers, targets, now)
    meta = {f"{Targets.type}.json": _described(made)}
    return _Content(
        targets=made, snapshot=_create_next(writer, root, signers, Snapshot(version=version, meta=meta), now)
    )


def _point(
    writer: Writer,
    root: Metadata[Root],
    signers: Signers,
    content: _Content,
    version: int,
    *,
    days: int,
    now: dt.datetime,
) -> RepositoryState:
    timestamp = Timestamp(version=version, snapshot_meta=_described(content.snapshot))
    committed = _commit(writer, root, signers, timestamp, days=days, now=now)
    return RepositoryState(root=root, timestamp=committed, snapshot=content.snapshot, targets=content.targets)


def _create_next(
    writer: Writer, root: Metadata[Root], signers: Signers, signed: Kind, now: dt.datetime
) -> Metadata[Kind]:
    """Sign and create a version of targets or snapshot: the wanted one, or the next that nobody has taken."""
    for _ in range(_TRIES):
        metadata = _signed(root, signers, signed, days=CONTENT_DAYS, now=now)
        try:
            writer.create(metadata_key(signed.type, signed.version), metadata.to_bytes(_COMPACT), JSON)
        except ObjectExistsError:
            signed.version += 1
        else:
            return metadata
    raise PublishingError(f"{_TRIES} versions of {signed.type} were begun and not finished: remove what is not in use")


def _commit(
    writer: Writer, root: Metadata[Root], signers: Signers, timestamp: Timestamp, *, days: int, now: dt.datetime
) -> Metadata[Timestamp]:
    if days < LEAST_TIMESTAMP_DAYS:
        raise PublishingError(f"a timestamp is valid for {LEAST_TIMESTAMP_DAYS} days or more, for stations are offline")
    metadata = _signed(root, signers, timestamp, days=days, now=now)
    try:
        writer.create(metadata_key(Timestamp.type, timestamp.version), metadata.to_bytes(_COMPACT), JSON)
    except ObjectExistsError as error:
        raise BusyError(
            "somebody else published at the same moment; nothing of this publication is on offer: look at "
            "'publish status', then do it again"
        ) from error
    _advance(writer, root, timestamp.version - 1)
    return metadata


def _advance(writer: Writer, root: Metadata[Root], version: int) -> None:
    """Point to every version that is committed after ``version``, one by one.

    Who writes the pointer last looks for a later one afterwards; so it never stays behind, whatever the order.
    """
    while (data := _committed(writer, version + 1)) is not None:
        key = metadata_key(Timestamp.type, version + 1)
        found = verified(Timestamp, data, root, key)
        if found.signed.version != version + 1:
            raise PublishingError(f"{key}: says that it is version {found.signed.version}")
        writer.replace(POINTER, data, JSON)
        version += 1


def _committed(reader: Reader, version: int) -> bytes | None:
    try:
        return read_object(reader, metadata_key(Timestamp.type, version), LARGEST[Timestamp.type])
    except ObjectMissingError:
        return None


def _signed(
    root: Metadata[Root], signers: Signers, signed: Signable, *, days: int, now: dt.datetime
) -> Metadata[Signable]:
    fitting = _fitting(root, signers, signed.type)
    signed.expires = (now + dt.timedelta(days=days)).replace(microsecond=0)
    stamp(signed, now)
    metadata = Metadata(signed)
    for keyid in fitting:
        metadata.sign(signers[keyid], append=True)
    return metadata


def _fitting(root: Metadata[Root], signers: Signers, kind: str) -> list[str]:
    """Return the keys at hand that sign for a role, as many as it takes."""
    role = root.signed.roles[kind]
    fitting = [keyid for keyid in role.keyids if keyid in signers]
    if len(fitting) < role.threshold:
        known = ", ".join(keyid[:SHOWN] for keyid in role.keyids)
        raise PublishingError(f"the key for {kind} is not at hand ({known}): give it with --key")
    return fitting


def _described(metadata: Metadata[Kind]) -> MetaFile:
    return MetaFile.from_data(metadata.signed.version, metadata.to_bytes(_COMPACT), ["sha256"])
