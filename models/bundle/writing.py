"""Writing a bundle: the same contents always give the same bytes, and a crash never leaves half a file."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from edge.durable import PUBLIC_MODE, write_whole
from models.bundle import layout
from models.bundle.archive import parse_bundle
from models.bundle.contents import Bundle
from models.bundle.manifest import Manifest, Member
from models.bundle.stored_zip import pack_stored
from models.errors import BundleUnreadableError


def write_bundle(path: Path, manifest: Manifest, members: Mapping[str, bytes]) -> Bundle:
    """Write a bundle, replacing an older one, and return it as read back.

    Args:
        path: Its file, in an existing folder; :attr:`Manifest.file_name` is the usual name.
        manifest: Its ``members`` are replaced by the hashes of what is written.
        members: Content by member name, all but ``bundle.json``.

    Raises:
        BundleError: The contents are not a valid bundle, or the file cannot be written.
    """
    data = pack(manifest, members)
    bundle = parse_bundle(data, str(path))
    try:
        write_whole(path, data, mode=PUBLIC_MODE)
    except OSError as error:
        raise BundleUnreadableError(
            f"{path}: cannot be written ({error.strerror}); check space and permissions"
        ) from error
    return bundle


def pack(manifest: Manifest, members: Mapping[str, bytes]) -> bytes:
    """Return the archive's bytes: ``bundle.json`` first, then the members in order of name."""
    listed = tuple(
        Member(name=name, size=len(members[name]), sha256=hashlib.sha256(members[name]).hexdigest())
        for name in sorted(members)
    )
    head = manifest.model_copy(update={"members": listed}).model_dump_json(indent=2).encode("utf-8") + b"\n"
    return pack_stored([(layout.MANIFEST, head), *((name, members[name]) for name in sorted(members))])
