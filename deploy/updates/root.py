"""The root that a station trusts: brought by provisioning, never by the network."""

from pathlib import Path

from securesystemslib.exceptions import Error as SecureSystemsError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from deploy.repository.layout import LARGEST, root_faults
from deploy.updates.errors import Refusal, UpdateError
from models.whole_files import read_bounded


def read_root(path: Path) -> Metadata[Root]:
    """Return the root of a file, signed by as many of its own keys as it asks for. It may have expired.

    Raises:
        UpdateError: it cannot be read, or is no such root.
    """
    advice = "give the station the publisher's root: linegate provision models --root FILE"
    try:
        data = read_bounded(path, LARGEST[Root.type])
    except OSError as error:
        raise UpdateError(Refusal.UNTRUSTED, f"{path}: cannot be read ({error.strerror or error}): {advice}") from error
    try:
        root = Metadata[Root].from_bytes(data)
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
        faults = list(root_faults(root.signed))
    except (RepositoryError, SecureSystemsError, ValueError, AttributeError) as error:
        raise UpdateError(Refusal.UNTRUSTED, f"{path}: is no valid root ({error!s:.200}): {advice}") from error
    if faults:
        raise UpdateError(Refusal.UNTRUSTED, f"{path}: this root {'; '.join(faults)}: {advice}")
    return root
