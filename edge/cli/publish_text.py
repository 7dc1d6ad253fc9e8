"""What ``linegate publish`` tells: who may sign what, what is on offer, and until when."""

from collections.abc import Iterator
from dataclasses import asdict

from tuf.api.metadata import Root

from deploy.publishing.describe import RepositoryStatus, RoleStatus
from deploy.publishing.keys import SHOWN
from deploy.repository.layout import ONLINE_ROLES
from deploy.repository.offer import Offer
from edge.core.rollout_share import EVERYBODY


def root_lines(root: Root) -> Iterator[str]:
    """Yield what people compare before they trust or sign a root: every role's keys, by their shortened ids."""
    yield f"root version {root.version}, until {root.expires:%Y-%m-%d}"
    for role in (Root.type, *ONLINE_ROLES):
        holders = root.roles[role]
        yield f"  {role}: {_holders(holders.threshold, [keyid[:SHOWN] for keyid in holders.keyids])}"


def sentence(offer: Offer) -> str:
    """Return what is on offer to how many."""
    return f"{offer.bundle} for product {offer.product}, on offer to {percent(offer.share_permille)} of the stations"


def percent(permille: int) -> str:
    """Return a share of the stations."""
    return f"{permille * 100 / EVERYBODY:g} %"


def status_lines(found: RepositoryStatus) -> Iterator[str]:
    """Yield how a repository stands, for people."""
    for one in found.roles:
        held = _holders(one.threshold, one.keys)
        yield f"  {one.role} version {one.version}, until {one.expires:%Y-%m-%d}, {held}"
    for offer in found.offers:
        needs = "" if offer.minimum_software == "0" else f", from linegate {offer.minimum_software}"
        notes = f": {offer.notes}" if offer.notes else ""
        yield f"  {sentence(offer)}{needs} ({offer.sha256[:16]}, {offer.length} bytes){notes}"
    if not found.offers:
        yield "  nothing is on offer"
    for text in found.problems:
        yield f"  ATTENTION: {text}"


def status_fields(found: RepositoryStatus) -> dict[str, object]:
    """Return how a repository stands, for programs."""
    return {
        "roles": {one.role: _role_fields(one) for one in found.roles},
        "bundles": [asdict(offer) for offer in found.offers],
        "problems": list(found.problems),
    }


def _role_fields(one: RoleStatus) -> dict[str, object]:
    return {
        "version": one.version,
        "expires": one.expires.isoformat(),
        "threshold": one.threshold,
        "keys": list(one.keys),
    }


def _holders(threshold: int, keys: list[str] | tuple[str, ...]) -> str:
    return f"{threshold} of {len(keys)} keys ({', '.join(keys)})"
