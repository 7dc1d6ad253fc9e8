"""What a publisher does to a repository; each reads and verifies it first, and commits as one."""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tuf.api.metadata import Metadata, Root, Targets, Timestamp

from deploy.publishing import committing
from deploy.publishing.ceremony import missing_signatures
from deploy.publishing.errors import PublishingError, PublishingRefusedError
from deploy.publishing.gate import check_replay
from deploy.publishing.keys import Signers
from deploy.publishing.state import JSON, EmptyRepositoryError, RepositoryState, read_roots, read_state
from deploy.repository.layout import LARGEST, POINTER, metadata_key, read_object, root_faults, target_key
from deploy.repository.offer import Offer
from edge.objects.errors import ObjectMissingError
from edge.objects.opening import Writer
from models.bundle import read_bundle
from models.bundle.layout import FILE_BYTES_MAX
from models.whole_files import read_bounded

_BUNDLE: Final = "application/octet-stream"
_DEMANDS_REPLAY: Final = "x-linegate-demands-replay"
_WITHDRAWN: Final = "x-linegate-withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who publishes: the keys at hand, how long a timestamp is to be valid (days), and the time."""

    signers: Signers
    days: int
    now: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A bundle to be published, and for whom."""

    bundle: Path
    share_permille: int
    minimum_software: str
    notes: str = ""
    replay: Path | None = None


def initialise(writer: Writer, root: Metadata[Root], publisher: Publisher, *, demand_replay: bool) -> RepositoryState:
    """Make an empty repository of a root that is fully signed.

    Raises:
        PublishingRefusedError: the root is not valid, or there is a repository already.
        PublishingError, RemoteError: it cannot be written; doing it again goes on.
    """
    faults = [*root_faults(root.signed), *(f"lacks {text}" for text in missing_signatures(root, None))]
    if root.signed.version != 1:
        faults.append(f"is version {root.signed.version}, a repository begins with 1")
    if faults:
        raise PublishingRefusedError(f"this root {'; '.join(faults)}")
    _refuse_existing(writer)
    committing.check_keys(root, publisher.signers)
    committing.create_same(writer, metadata_key(Root.type, 1), root.to_bytes(), JSON)
    committing.settle(writer, root)
    _refuse_existing(writer)
    targets = Targets(version=1, targets={})
    if demand_replay:
        targets.unrecognized_fields[_DEMANDS_REPLAY] = True
    return committing.begin(writer, root, targets, publisher.signers, days=publisher.days, now=publisher.now)


def add(writer: Writer, addition: Addition, publisher: Publisher) -> Offer:
    """Publish a bundle.

    Raises:
        PublishingRefusedError: it was published with other content, is older than what is on offer, or the gate says
            no.
        PublishingError, BundleError, RemoteError: nothing more is on offer than before.
    """
    bundle = read_bundle(addition.bundle)
    state = load(writer)
    demanded = state.targets.signed.unrecognized_fields.get(_DEMANDS_REPLAY) is True
    if demanded and addition.replay is None:
        raise PublishingRefusedError("this repository demands a replay of recorded parts: give it with --replay")
    if addition.replay is not None:
        check_replay(addition.replay, bundle.sha256)
    data = read_bounded(addition.bundle, FILE_BYTES_MAX)
    if hashlib.sha256(data).hexdigest() != bundle.sha256:
        raise PublishingError(f"{addition.bundle}: changed while it was read: do it again")
    offer = Offer(
        name=bundle.manifest.name,
        version=bundle.manifest.version,
        product=bundle.manifest.product,
        sha256=bundle.sha256,
        length=len(data),
        minimum_software=addition.minimum_software,
        share_permille=addition.share_permille,
        notes=addition.notes,
    )
    _refuse_confusion(offer, state.offers(), _withdrawn(state.targets.signed))
    committing.create_same(writer, target_key(offer.sha256, offer.file_name), data, _BUNDLE)
    _publish(writer, state, publisher, lambda targets: targets.targets.update({offer.file_name: offer.target()}))
    return offer


def change_share(writer: Writer, bundle: str, share_permille: int, publisher: Publisher) -> tuple[Offer, Offer]:
    """Set the share of stations that may take a bundle (``NAME-VERSION``); return it before and after.

    Raises:
        PublishingError, RemoteError: what is on offer is as before.
    """
    state = load(writer)
    before = _find(state, bundle)
    after = replace(before, share_permille=share_permille)
    _publish(writer, state, publisher, lambda targets: targets.targets.update({after.file_name: after.target()}))
    return before, after


def withdraw(writer: Writer, bundle: str, publisher: Publisher) -> Offer:
    """Offer a bundle no more; its name stands for its content still. Stations that have it keep it.

    Raises: as :func:`change_share`.
    """
    state = load(writer)
    offer = _find(state, bundle)

    def leave(targets: Targets) -> None:
        del targets.targets[offer.file_name]
        targets.unrecognized_fields[_WITHDRAWN] = _withdrawn(targets) | {offer.file_name: offer.sha256}

    _publish(writer, state, publisher, leave)
    return offer


def refresh(writer: Writer, publisher: Publisher) -> RepositoryState:
    """Renew the timestamp; where targets or snapshot end before it, those as well.

    Raises:
        PublishingError, RemoteError: what is on offer is as before.
    """
    state = load(writer)
    until = publisher.now + dt.timedelta(days=publisher.days)
    if min(state.targets.signed.expires, state.snapshot.signed.expires) < until:
        return _publish(writer, state, publisher, lambda _targets: None)
    return committing.renew_timestamp(writer, state, publisher.signers, days=publisher.days, now=publisher.now)


def rotate(writer: Writer, root: Metadata[Root], publisher: Publisher) -> RepositoryState:
    """Put the next root into force, and sign everything anew with its keys.

    Raises:
        PublishingRefusedError: it does not follow the root in force, or lacks signatures.
        PublishingError, RemoteError: it cannot be written; doing it again goes on.
    """
    roots = _roots(writer)
    again = len(roots) > 1 and roots[-1].to_bytes() == root.to_bytes()
    known = roots[:-1] if again else roots
    faults = [*root_faults(root.signed), *(f"lacks {text}" for text in missing_signatures(root, None))]
    if root.signed.version != known[-1].signed.version + 1:
        faults = [f"is version {root.signed.version}, the next one is {known[-1].signed.version + 1}"]
    elif not faults:
        faults = [f"lacks {text}" for text in missing_signatures(root, known[-1])]
    if faults:
        raise PublishingRefusedError(f"this root {'; '.join(faults)}")
    state = _state_for_rotation(writer, known[-1], root)
    # What is signed anew is there before the root: stations take either the old root with the old, or both new.
    return committing.change_root(writer, state, root, publisher.signers, days=publisher.days, now=publisher.now)


def load(writer: Writer) -> RepositoryState:
    """Return the repository as it stands, after finishing what another publisher left half done.

    Raises:
        EmptyRepositoryError: there is none.
        PublishingError, RemoteError: it cannot be read or does not verify.
    """
    root = _roots(writer)[-1]
    committing.settle(writer, root)
    return read_state(writer, root)


def _refuse_existing(writer: Writer) -> None:
    try:
        read_object(writer, POINTER, LARGEST[Timestamp.type])
    except ObjectMissingError:
        return
    raise PublishingRefusedError("there is a repository already, and it is left as it is")


def _roots(writer: Writer) -> list[Metadata[Root]]:
    roots = read_roots(writer)
    if not roots:
        raise EmptyRepositoryError("there is no repository here: check the place, or make one with 'publish init'")
    return roots


def _state_for_rotation(writer: Writer, before: Metadata[Root], root: Metadata[Root]) -> RepositoryState:
    """Return the state under the new root if a rotation came so far before it was cut short, else under the old."""
    try:
        committing.settle(writer, root)
        return read_state(writer, root)
    except PublishingError:
        committing.settle(writer, before)
        return read_state(writer, before)


def _publish(
    writer: Writer, state: RepositoryState, publisher: Publisher, change: Callable[[Targets], object]
) -> RepositoryState:
    targets = committing.next_targets(state)
    change(targets)
    return committing.publish(writer, state, targets, publisher.signers, days=publisher.days, now=publisher.now)


def _find(state: RepositoryState, bundle: str) -> Offer:
    offers = {offer.bundle: offer for offer in state.offers()}
    if bundle not in offers:
        raise PublishingError(
            f"{bundle}: is not on offer; there {'are ' + ', '.join(offers) if offers else 'is nothing'}"
        )
    return offers[bundle]


def _withdrawn(targets: Targets) -> dict[str, str]:
    """Return the hashes of what is on offer no more, by file name."""
    found = targets.unrecognized_fields.get(_WITHDRAWN)
    return found if isinstance(found, dict) else {}


def _refuse_confusion(offer: Offer, present: list[Offer], withdrawn: dict[str, str]) -> None:
    if withdrawn.get(offer.file_name, offer.sha256) != offer.sha256:
        raise PublishingRefusedError(
            f"{offer.bundle} was on offer with other content: raise the version: a name stands for one content"
        )
    for other in present:
        if other.bundle == offer.bundle:
            same = other.sha256 == offer.sha256
            advice = (
                "change its share with 'publish share'" if same else "raise the version: a name stands for one content"
            )
            raise PublishingRefusedError(
                f"{offer.bundle} is on offer already{'' if same else ' with other content'}: {advice}"
            )
        if other.name == offer.name and other.version > offer.version:
            raise PublishingRefusedError(
                f"{other.bundle} is on offer, and stations take the highest version: raise the version, or withdraw it"
            )
