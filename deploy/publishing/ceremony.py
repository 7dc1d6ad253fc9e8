"""Making a root: a draft without signatures, which travels from one root key's machine to the next."""

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from securesystemslib.exceptions import Error as SecureSystemsError
from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Role, Root
from tuf.api.serialization.json import JSONSerializer

from deploy.publishing.errors import PublishingError, PublishingRefusedError
from deploy.publishing.keys import SHOWN, Signers
from deploy.repository.layout import LARGEST, ONLINE_ROLES, ROOT_THRESHOLD, root_faults, stamp
from edge.durable import write_whole
from models.whole_files import read_bounded

ROOT_DAYS: Final = 730
_CANONICAL: Final = JSONSerializer(compact=False)


def draft_root(
    keys: Mapping[str, Sequence[Key]], previous: Metadata[Root] | None, *, days: int, now: dt.datetime
) -> Metadata[Root]:
    """Return a new root without signatures: version 1, or the one after ``previous``.

    ``keys`` gives each role's keys; a role without any keeps those of ``previous``.

    Raises:
        PublishingError: a role has no key.
        PublishingRefusedError: there are too few root keys, or a key serves two roles.
    """
    known = {} if previous is None else previous.signed.keys
    roles = {}
    for role in (Root.type, *ONLINE_ROLES):
        new = {key.keyid: key for key in keys.get(role, ())}
        kept = [] if previous is None or new else previous.signed.roles[role].keyids
        known = known | new
        if not (new or kept):
            raise PublishingError(f"no key for {role}: give --{role}-key FILE.pub")
        roles[role] = Role([*new, *kept], ROOT_THRESHOLD if role == Root.type else 1)
    used = {keyid for role in roles.values() for keyid in role.keyids}
    root = Root(
        version=1 if previous is None else previous.signed.version + 1,
        expires=(now + dt.timedelta(days=days)).replace(microsecond=0),
        keys={keyid: key for keyid, key in known.items() if keyid in used},
        roles=roles,
        consistent_snapshot=True,
    )
    stamp(root, now)
    if faults := list(root_faults(root)):
        raise PublishingRefusedError(f"this root {'; '.join(faults)}")
    return Metadata(root)


def read_root(path: Path) -> Metadata[Root]:
    """Return the root of a file; its signatures are not checked.

    Raises:
        PublishingError: it cannot be read, or is none.
    """
    try:
        return parse_root(read_bounded(path, LARGEST[Root.type]))
    except OSError as error:
        raise PublishingError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise PublishingError(f"{path}: {error}") from error


def parse_root(data: bytes) -> Metadata[Root]:
    """Return the root of its bytes; its signatures are not checked.

    Raises:
        ValueError: it is none.
    """
    try:
        found = Metadata[Root].from_bytes(data)
    except RepositoryError as error:
        raise ValueError("is no root of a repository") from error
    if found.signed.type != Root.type:
        raise ValueError(f"is no root of a repository, but its {found.signed.type}")
    return found


def write_root(path: Path, root: Metadata[Root]) -> None:
    """Write a root, signed or not.

    Raises:
        PublishingError: it cannot be written.
    """
    try:
        write_whole(path, root.to_bytes(_CANONICAL))
    except OSError as error:
        raise PublishingError(f"{path}: cannot be written ({error.strerror or error})") from error


def sign_root(root: Metadata[Root], previous: Metadata[Root] | None, signers: Signers) -> list[str]:
    """Add the signatures of those keys at hand that are root keys, of this root or the one before; return their ids.

    Raises:
        PublishingError: ``previous`` is not the root before this one.
        PublishingRefusedError: none of the keys is a root key of either.
    """
    _check_follows(root.signed, previous)
    holders = [root.signed] if previous is None else [root.signed, previous.signed]
    known = {keyid for holder in holders for keyid in holder.roles[Root.type].keyids}
    fitting = [keyid for keyid in signers if keyid in known]
    if not fitting:
        whose = "its own" if previous is None else "its own or those of the root before"
        raise PublishingRefusedError(f"these keys are not for this root: it is signed with root keys alone, {whose}")
    for keyid in fitting:
        root.sign(signers[keyid], append=True)
    return fitting


def _check_follows(root: Root, previous: Metadata[Root] | None) -> None:
    before = root.version - 1
    if previous is None and before:
        raise PublishingError(f"root version {root.version} needs the consent of the one before: give it with --from")
    if previous is not None and previous.signed.version != before:
        raise PublishingError(
            f"root version {root.version} does not follow version {previous.signed.version}: "
            + (f"give version {before} with --from" if before else "it is the first, leave --from out")
        )


def missing_signatures(root: Metadata[Root], previous: Metadata[Root] | None) -> list[str]:
    """Return in words what a root still lacks: signatures of its own keys and of those before. Empty: it is valid."""
    payload, lacking = root.signed_bytes, []
    for whose, holder in (
        ("this root", root.signed),
        ("the root before", None if previous is None else previous.signed),
    ):
        if holder is None:
            continue
        try:
            result = holder.get_verification_result(Root.type, payload, root.signatures)
        except (SecureSystemsError, ValueError) as error:
            raise PublishingError(f"the root's signatures cannot be read: {error}") from error
        if not result:
            left = ", ".join(sorted(keyid[:SHOWN] for keyid in result.unsigned))
            lacking.append(f"{result.threshold - len(result.signed)} more of {whose}'s keys {left}")
    return lacking
