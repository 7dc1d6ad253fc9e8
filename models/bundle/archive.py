"""Reading a bundle from an untrusted file: everything is bounded and checked before it is used."""

import errno
import hashlib
import io
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from models.bundle import layout
from models.bundle.contents import Bundle, Golden, GoldenExpectation
from models.bundle.manifest import SCHEMA_VERSION, Manifest
from models.bundle.stored_zip import pack_stored
from models.errors import BundleDamagedError, BundleError, BundleSchemaError, BundleUnreadableError
from models.whole_files import read_bounded

_SAID_MAX: Final = 200
_ASK_AGAIN: Final = "copy or download it again"
_FILE_KIND_SHIFT: Final = 16


class _Schema(BaseModel):
    """Only the version of ``bundle.json``, to name it before anything else is refused."""

    model_config = ConfigDict(extra="ignore", strict=True)

    schema_version: int


class _GoldenList(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    golden: tuple[GoldenExpectation, ...]


def read_bundle(path: Path) -> Bundle:
    """Read and check a bundle file.

    Raises:
        BundleUnreadableError: The file cannot be read.
        BundleDamagedError: It is no stored zip, is truncated or oversized, has a member that is missing, unknown,
            twice, unsafely named or a link, or whose hash is not the manifest's.
        BundleSchemaError: ``bundle.json`` or the golden list breaks its schema, or has another schema version.
    """
    data = _read(path)
    return parse_bundle(data, str(path))


def parse_bundle(data: bytes, source: str) -> Bundle:
    """Check a bundle's bytes; ``source`` names them in messages. Raises as :func:`read_bundle`."""
    try:
        members = _members(data, source)
    except BundleError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        ValueError,
        KeyError,
        NotImplementedError,
        RuntimeError,
        OverflowError,
        OSError,
    ) as error:
        said = str(error)[:_SAID_MAX]  # the library may quote a header as long as the file
        raise BundleDamagedError(f"{source}: not a readable bundle archive ({said}); {_ASK_AGAIN}") from error
    manifest = _manifest(members[layout.MANIFEST], source)
    _check_hashes(members, manifest, source)
    return Bundle(
        sha256=hashlib.sha256(data).hexdigest(),
        manifest=manifest,
        model=members[layout.MODEL],
        golden=_golden(members, source),
        metrics=_text(members, layout.METRICS, source),
        report=_text(members, layout.REPORT, source),
        card=_text(members, layout.CARD, source),
    )


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, layout.FILE_BYTES_MAX)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise BundleDamagedError(f"{path}: {error.strerror}, which no bundle is; check the path") from error
        raise BundleUnreadableError(
            f"{path}: cannot be read ({error.strerror}); check the path and its owner"
        ) from error


def _members(data: bytes, source: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > layout.MEMBERS_MAX:
            raise BundleDamagedError(
                f"{source}: {len(entries)} members, {layout.MEMBERS_MAX} is the most; {_ASK_AGAIN}"
            )
        for entry in entries:
            _check_entry(entry, len(data), source)
        names = [entry.filename for entry in entries]
        for name in names:
            if names.count(name) > 1:
                raise BundleDamagedError(f"{source}: member {name!r} comes twice; {_ASK_AGAIN}")
        for name in layout.REQUIRED:
            if name not in names:
                raise BundleDamagedError(f"{source}: member {name!r} is missing; {_ASK_AGAIN}")
        members = {entry.filename: _content(archive, entry, source) for entry in entries}
    if pack_stored(members.items()) != data:
        raise BundleDamagedError(f"{source}: bytes outside the members, or not laid out as bundles are; {_ASK_AGAIN}")
    return members


def _check_entry(entry: zipfile.ZipInfo, archive_size: int, source: str) -> None:
    name = entry.filename
    shown = f"{source}: member {name!r:.120}"
    # zipfile cuts a name at its first NUL; the name as stored must say the same
    if entry.orig_filename != name or not layout.is_known(name):
        raise BundleDamagedError(f"{shown} does not belong in a bundle; make it again with this version's tools")
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise BundleDamagedError(f"{shown} is compressed; members must be stored")
    if entry.flag_bits & 0x1:
        raise BundleDamagedError(f"{shown} is encrypted; members must be stored plain")
    kind = stat.S_IFMT(entry.external_attr >> _FILE_KIND_SHIFT)
    if kind not in {0, stat.S_IFREG}:
        raise BundleDamagedError(f"{shown} is no regular file; links and devices are refused")
    if entry.file_size > archive_size:
        raise BundleDamagedError(f"{shown} claims {entry.file_size} bytes, more than the whole file; {_ASK_AGAIN}")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: str) -> bytes:
    with archive.open(entry) as stream:
        content = stream.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise BundleDamagedError(f"{source}: member {entry.filename!r} is not as long as declared; {_ASK_AGAIN}")
    return content


def _manifest(content: bytes, source: str) -> Manifest:
    where = f"{source}: {layout.MANIFEST}"
    try:
        version = _Schema.model_validate_json(content).schema_version
        if version != SCHEMA_VERSION:
            raise BundleSchemaError(
                f"{where} has schema version {version}, this software knows {SCHEMA_VERSION}; "
                "update the software or take a bundle made for it"
            )
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BundleSchemaError(f"{where}: {_first_fault(error)}; make the bundle again") from error


def _check_hashes(members: dict[str, bytes], manifest: Manifest, source: str) -> None:
    listed = {member.name: member for member in manifest.members}
    present = set(members) - {layout.MANIFEST}
    for name in sorted(present ^ set(listed)):
        fault = "is not listed in" if name in present else "is missing but listed in"
        raise BundleDamagedError(f"{source}: member {name!r} {fault} {layout.MANIFEST}; {_ASK_AGAIN}")
    for name in sorted(present):
        if hashlib.sha256(members[name]).hexdigest() != listed[name].sha256 or len(members[name]) != listed[name].size:
            raise BundleDamagedError(
                f"{source}: member {name!r} does not have the hash in {layout.MANIFEST}; {_ASK_AGAIN}"
            )


def _golden(members: dict[str, bytes], source: str) -> tuple[Golden, ...]:
    where = f"{source}: {layout.GOLDEN_EXPECTED}"
    try:
        expected = _GoldenList.model_validate_json(members[layout.GOLDEN_EXPECTED]).golden
    except ValidationError as error:
        raise BundleSchemaError(f"{where}: {_first_fault(error)}; make the bundle again") from error
    pictures = sorted(name for name in members if layout.GOLDEN_PICTURE.fullmatch(name))
    if not pictures or sorted(entry.picture for entry in expected) != pictures:
        raise BundleSchemaError(f"{where} does not list each golden picture once; make the bundle again")
    return tuple(Golden(picture=members[entry.picture], expected=entry) for entry in expected)


def _text(members: dict[str, bytes], name: str, source: str) -> str:
    try:
        return members[name].decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleDamagedError(f"{source}: member {name!r} is not UTF-8 text; make the bundle again") from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in fault["loc"]) or "the document"
    return f"{place}: {fault['msg']}"
