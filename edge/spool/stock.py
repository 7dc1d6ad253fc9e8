"""What a spool holds when it is opened: its id, its pictures, and what a crash left behind."""

import logging
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.durable import is_temporary, sync_folder, write_whole
from edge.spool.sidecar import STORE_PATTERN

STORE_ID_FILE: Final = "store-id"
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolContents:
    """What a spool held when it was opened: pictures, those of them without side-car, temporaries removed, bytes."""

    pictures: int
    without_sidecar: int
    temporaries: int
    used_bytes: int


def take_stock(directory: Path) -> SpoolContents:
    """Walk the spool once: remove temporaries, add up the rest.

    Raises:
        OSError: a folder or file cannot be read or removed.
    """
    temporaries = used = 0
    pictures: set[str] = set()
    sidecars: set[str] = set()
    folders = [directory]
    while folders:
        folder = folders.pop()
        removed = 0
        # scandir: a start must not take seconds because ten thousand pictures are kept.
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    # Years, months and days only: a disk's own lost+found is not ours to read.
                    folders += [folder / entry.name] if entry.name.isdecimal() else []
                elif is_temporary(entry.name):
                    Path(entry.path).unlink()
                    removed += 1
                else:
                    used += entry.stat(follow_symlinks=False).st_size
                    stem, _, suffix = entry.path.rpartition(".")
                    {"jpg": pictures, "json": sidecars}.get(suffix, set()).add(stem)
        if removed:
            sync_folder(folder)
        temporaries += removed
    return SpoolContents(
        pictures=len(pictures), without_sidecar=len(pictures - sidecars), temporaries=temporaries, used_bytes=used
    )


def read_id(directory: Path) -> str | None:
    """Return the id of a spool, None where there is none that can be read as one.

    Raises:
        OSError: the id's file is there and cannot be read.
    """
    with suppress(FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        found = (directory / STORE_ID_FILE).read_text("ascii").strip()
        if re.fullmatch(STORE_PATTERN, found):
            return found
    return None


def read_or_draw_id(directory: Path) -> str:
    """Return the id drawn when this spool was first opened. It sets apart the pictures of a station set up anew.

    Raises:
        OSError: the id's file cannot be read or written.
    """
    path = directory / STORE_ID_FILE
    found = read_id(directory)
    if found is not None:
        return found
    if path.exists():
        _LOG.warning("spool id in %s is unreadable, drawing a new one", path)
    drawn = secrets.token_hex(4)
    write_whole(path, f"{drawn}\n".encode())
    return drawn
