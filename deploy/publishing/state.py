"""The repository as it stands, read and verified before anything is built upon it."""

from dataclasses import dataclass
from typing import TypeVar

from securesystemslib.exceptions import Error as SecureSystemsError
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from deploy.publishing.ceremony import missing_signatures, parse_root
from deploy.publishing.errors import PublishingError
from deploy.repository.layout import LARGEST, POINTER, TooLargeError, metadata_key, read_object, root_faults
from deploy.repository.offer import Offer, OfferError
from edge.objects.errors import ObjectMissingError
from edge.objects.opening import Reader

Kind = TypeVar("Kind", Root, Snapshot, Targets, Timestamp)
JSON = "application/json"


class EmptyRepositoryError(PublishingError):
    """There is no repository at this place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryState:
    """Verified metadata that belongs together; maybe expired."""

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: Metadata[Targets]

    def offers(self) -> list[Offer]:
        """Return the bundles on offer, by name and version.

        Raises:
            PublishingError: there is one that this software does not understand.
        """
        try:
            found = [Offer.from_target(path, target) for path, target in self.targets.signed.targets.items()]
        except OfferError as error:
            raise PublishingError(f"the repository offers what this linegate does not understand: {error}") from error
        return sorted(found, key=lambda offer: (offer.name, offer.version))


def read_roots(reader: Reader) -> list[Metadata[Root]]:
    """Return every root, each signed by the one before; empty where there is no repository.

    Raises:
        PublishingError: one is not valid.
        RemoteError: the place does not work.
    """
    roots: list[Metadata[Root]] = []
    while True:
        key = metadata_key(Root.type, len(roots) + 1)
        try:
            root = parse_root(_read(reader, key, LARGEST[Root.type]))
        except ObjectMissingError:
            return roots
        except ValueError as error:
            raise PublishingError(f"{key}: {error}") from error
        lacking = missing_signatures(root, roots[-1] if roots else None)
        faults = [*root_faults(root.signed), *(f"lacks {text}" for text in lacking)]
        if root.signed.version != len(roots) + 1:
            faults.append(f"is version {root.signed.version}")
        if faults:
            raise PublishingError(f"{key}: {'; '.join(faults)}")
        roots.append(root)


def read_state(reader: Reader, root: Metadata[Root]) -> RepositoryState:
    """Return the metadata that stations are given now, verified with ``root``.

    Raises:
        PublishingError: something is missing, damaged, or signed with other keys.
        RemoteError: the place does not work.
    """
    try:
        timestamp = verified(Timestamp, _read(reader, POINTER, LARGEST[Timestamp.type]), root, POINTER)
        about = timestamp.signed.snapshot_meta
        key = metadata_key(Snapshot.type, about.version)
        data = _read(reader, key, LARGEST[Snapshot.type])
        about.verify_length_and_hashes(data)
        snapshot = verified(Snapshot, data, root, key)
        about = snapshot.signed.meta[f"{Targets.type}.json"]
        key = metadata_key(Targets.type, about.version)
        data = _read(reader, key, LARGEST[Targets.type])
        about.verify_length_and_hashes(data)
        targets = verified(Targets, data, root, key)
    except ObjectMissingError as error:
        raise PublishingError(
            f"{error}: is missing: the repository is incomplete; copy it again or restore it; if 'publish init' was "
            "cut short, do that again"
        ) from error
    except (RepositoryError, KeyError) as error:
        raise PublishingError(f"the repository's metadata does not fit together: {error}") from error
    return RepositoryState(root=root, timestamp=timestamp, snapshot=snapshot, targets=targets)


def verified(kind: type[Kind], data: bytes, root: Metadata[Root], key: str) -> Metadata[Kind]:
    """Return metadata of a kind, signed as the root asks.

    Raises:
        PublishingError: it is not.
    """
    try:
        found = Metadata[Kind].from_bytes(data)
        root.signed.verify_delegate(kind.type, found.signed_bytes, found.signatures)
    except UnsignedMetadataError as error:
        raise PublishingError(
            f"{key}: is not signed as root version {root.signed.version} asks ({error}): if a rotation was cut short, "
            "do it again ('publish rotate'); else restore the file"
        ) from error
    except (RepositoryError, SecureSystemsError, ValueError) as error:
        raise PublishingError(f"{key}: {error}") from error
    if not isinstance(found.signed, kind):
        raise PublishingError(f"{key}: is no {kind.type} metadata")
    return found


def _read(reader: Reader, key: str, largest: int) -> bytes:
    try:
        return read_object(reader, key, largest)
    except TooLargeError as error:
        raise PublishingError(str(error)) from error
