"""Writing a bundle: the same contents always give the same bytes, and a crash never leaves half a file."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from models.bundle import layout
from models.bundle.archive import parse_bundle
from models.bundle.contents import Bundle
from models.bundle.manifest import Manifest, Member
from models.bundle.stored_zip import pack_stored
from models.errors import BundleUnreadableError

_MODE: Final = 0o644


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
        _replace(path, data)
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


def _replace(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), _MODE)
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
