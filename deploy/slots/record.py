"""The file that says what each bundle is: whole, checked and twice on disk, whenever the power goes.

``slots.json`` is one JSON object: ``body`` (the slots) and ``sha256`` over the body's bytes as they stand there. A copy
lies beside it, in ``slots.copy.json``: a file that the disk has spoilt is noticed by its hash, and the copy stands in
for it. Never an older state: it would bring back a bundle that was withdrawn.
"""

import hashlib
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from deploy.slots.errors import SlotsError
from edge.core.slots import Slots, faults
from edge.durable import write_whole
from models.whole_files import read_bounded

FILE_NAME: Final = "slots.json"
COPY_NAME: Final = "slots.copy.json"
SCHEMA_VERSION: Final = 1
BYTES_MAX: Final = 4_000_000
_ADAPTER: Final = TypeAdapter(Slots)
_LOG: Final = logging.getLogger(__name__)


def load(folder: Path) -> Slots:
    """Return the slots of a folder; those of a new store where it has none.

    Raises:
        SlotsError: Neither file can be used, or they may not be read.
    """
    problems = []
    for name in (FILE_NAME, COPY_NAME):
        path = folder / name
        try:
            slots = decode(read_bounded(path, BYTES_MAX))
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise SlotsError(
                f"{path}: may not be read: run as the station's user, or join its group (linegate)"
            ) from error
        except (OSError, ValueError) as error:
            problems.append(f"{path}: {getattr(error, 'strerror', None) or error}")
        else:
            if problems:
                _LOG.error("%s; %s stands in: check the disk", problems[0], name)
            return slots
    if not problems:
        return Slots()
    raise SlotsError(
        f"{'; '.join(problems)}. What is known of the bundles is lost: move these files away, start the station, "
        "which then runs the bundle shipped with the software, and install the bundle that you want"
    )


def save(folder: Path, slots: Slots) -> None:
    """Write the slots; when this returns they are on disk.

    Raises:
        OSError: The file system refused: the old state stands, or, where the last flush was what failed, the new one.
    """
    data = encode(slots)
    write_whole(folder / FILE_NAME, data)
    _copy(folder, data)


def mend(folder: Path, slots: Slots) -> None:
    """Write whichever of the two files does not hold the slots that were loaded; where the disk takes them."""
    data = encode(slots)
    if not _holds(folder / FILE_NAME, data):
        with suppress(OSError):
            write_whole(folder / FILE_NAME, data)
    _copy(folder, data)


def _copy(folder: Path, data: bytes) -> None:
    """Have the second file hold what the first one does; where it cannot, there is none."""
    path = folder / COPY_NAME
    if _holds(path, data):
        return
    try:
        write_whole(path, data)
    except OSError as error:
        _LOG.warning("%s: cannot be written (%s)", path, error.strerror)
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_bounded(path, BYTES_MAX) == data
    except OSError:
        return False


def encode(slots: Slots) -> bytes:
    """Return the bytes of the file."""
    body = json.dumps(
        {"schema_version": SCHEMA_VERSION} | _ADAPTER.dump_python(slots, mode="json"), separators=(",", ":")
    )
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f'{{"sha256":"{digest}","body":{body}}}\n'.encode()


def decode(data: bytes) -> Slots:
    """Return the slots that a file holds.

    Raises:
        ValueError: It is damaged, of another version of the software, or no state that there can be.
    """
    head, separator, rest = data.partition(b',"body":')
    body = rest.removesuffix(b"}\n")
    digest = hashlib.sha256(body).hexdigest()
    if not separator or body == rest or head != f'{{"sha256":"{digest}"'.encode():
        raise ValueError("is damaged (its hash does not agree)")
    try:
        fields = json.loads(body)
        version = fields.pop("schema_version")
        if version != SCHEMA_VERSION:
            raise ValueError(f"has version {version}, this software knows {SCHEMA_VERSION}")
        slots = _ADAPTER.validate_python(fields)
    except (ValidationError, AttributeError, LookupError) as error:
        raise ValueError("does not hold what this software expects") from error
    if wrong := faults(slots):
        raise ValueError(f"holds what cannot be: {'; '.join(wrong)}")
    return slots
