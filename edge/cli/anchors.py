"""Anchors from wherever a person keeps them: lines ``ID:HASH``, side-cars, the retained state as JSON."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge.core.anchors import Anchor, AnchorError, anchors_in, parse_anchor
from edge.spool import SPOOL_FOLDER
from edge.spool.errors import SpoolError
from edge.spool.reader import list_spool

MAX_FILE: Final = 64 << 20


def read_anchors(paths: Iterable[Path]) -> Iterator[Anchor]:
    """Yield the anchors of files, and of every ``*.json`` below folders.

    Raises:
        AnchorError: a file holds something else, or a file that was named holds no anchor at all.
        OSError: a file cannot be read.
    """
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                yield from _anchors_of(file)
            continue
        found = list(_anchors_of(path))
        if not found:
            raise AnchorError(f"{path}: holds no anchor")
        yield from found


def own_anchors(store: Path) -> Iterator[Anchor]:
    """Yield the anchors of the side-cars in a store's own spool; broken ones give none, nor does a missing spool."""
    with suppress(SpoolError):
        for entry in list_spool(store / SPOOL_FOLDER):
            if entry.sidecar is not None and entry.sidecar.ledger is not None:
                yield Anchor(event=entry.sidecar.ledger.id, digest=entry.sidecar.ledger.hash)


def _anchors_of(path: Path) -> Iterator[Anchor]:
    with path.open("rb") as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise AnchorError(f"{path}: is larger than {MAX_FILE} bytes: no list of anchors is")
    try:
        text = content.decode("utf-8-sig")
        with suppress(ValueError, RecursionError):
            yield from list(anchors_in(json.loads(text)))
            return
    except UnicodeDecodeError as error:
        raise AnchorError(f"{path}: is not text") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            yield from anchors_in(json.loads(line)) if line.lstrip().startswith(("{", "[")) else (parse_anchor(line),)
        except (ValueError, RecursionError) as error:
            raise AnchorError(f"{path}, line {number}: {error}") from error
