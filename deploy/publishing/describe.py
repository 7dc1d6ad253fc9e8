"""How a repository stands: what is on offer, until when, and what needs somebody's hand."""

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from deploy.publishing import committing
from deploy.publishing.keys import SHOWN
from deploy.publishing.state import EmptyRepositoryError, read_roots, read_state
from deploy.repository.layout import target_key
from deploy.repository.offer import Offer
from edge.objects.errors import ObjectMissingError
from edge.objects.opening import Reader

WARN_DAYS: Final = {Root.type: 90, Targets.type: 30, Snapshot.type: 30, Timestamp.type: 14}
"""So many days before a role's metadata ends, somebody has to renew it."""

_RENEWED_BY: Final = {
    Root.type: "make a new root (publish root, sign, rotate)",
    Targets.type: "publish refresh, with the keys for targets and snapshot",
    Snapshot.type: "publish refresh, with the keys for targets and snapshot",
    Timestamp.type: "publish refresh",
}
_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleStatus:
    """One role's metadata: its version, when it ends, and whose signatures it takes (ids, shortened)."""

    role: str
    version: int
    expires: dt.datetime
    threshold: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryStatus:
    """A repository; ``problems`` say what is wrong or soon will be, and what to do."""

    roles: tuple[RoleStatus, ...]
    offers: tuple[Offer, ...]
    problems: tuple[str, ...]


def describe(reader: Reader, now: dt.datetime, *, files: bool) -> RepositoryStatus:
    """Read a repository and verify its signatures; with ``files``, also the hash of every bundle on offer.

    Raises:
        EmptyRepositoryError: there is none.
        PublishingError: it does not verify.
        RemoteError: the place does not work.
    """
    roots = read_roots(reader)
    if not roots:
        raise EmptyRepositoryError("there is no repository here: check the place, or make one with 'publish init'")
    state = read_state(reader, roots[-1])
    holders = state.root.signed
    roles = tuple(
        RoleStatus(
            role=one.type,
            version=one.version,
            expires=one.expires,
            threshold=holders.roles[one.type].threshold,
            keys=tuple(keyid[:SHOWN] for keyid in holders.roles[one.type].keyids),
        )
        for one in (state.root.signed, state.targets.signed, state.snapshot.signed, state.timestamp.signed)
    )
    offers = state.offers()
    problems = [text for one in roles if (text := _ending(one, now))]
    if committing.interrupted(reader, state.timestamp.signed.version):
        problems.append("a publication was cut short before its end: publish refresh finishes it")
    if files:
        problems += _damaged(reader, offers)
    return RepositoryStatus(roles=roles, offers=tuple(offers), problems=tuple(problems))


def _ending(one: RoleStatus, now: dt.datetime) -> str | None:
    left = (one.expires - now) / _DAY
    if left > WARN_DAYS[one.role]:
        return None
    when = f"ended on {one.expires:%Y-%m-%d}" if left <= 0 else f"ends in {left:.0f} days"
    return f"{one.role} {when}; stations then take nothing new: {_RENEWED_BY[one.role]}"


def _damaged(reader: Reader, offers: list[Offer]) -> Iterator[str]:
    for offer in offers:
        key, digest, length = target_key(offer.sha256, offer.file_name), hashlib.sha256(), 0
        try:
            for piece in reader.stream(key):
                digest.update(piece)
                length += len(piece)
                if length > offer.length:
                    break
        except ObjectMissingError:
            yield f"{key}: is missing: withdraw {offer.bundle}, or bring the file back"
            continue
        if (digest.hexdigest(), length) != (offer.sha256, offer.length):
            yield f"{key}: is damaged: remove the file and bring it back, or withdraw {offer.bundle}"
