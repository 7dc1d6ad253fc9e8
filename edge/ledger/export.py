"""The ledger as other programs read it: one object per part, its keys fixed by the documentation.

Reading never holds a snapshot for longer than one page, so that a long export does not make a running station's
write-ahead log grow.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from edge.core.types import Decision
from edge.core.wire import VERSION
from edge.ledger.archive_file import FOLDER
from edge.ledger.archived_parts import ArchivedParts, Picture
from edge.ledger.archives import archived_until
from edge.ledger.errors import FAILURES, ArchiveError, LedgerCorruptError, explain
from edge.ledger.parts import LOSS, Part
from edge.ledger.schema import FILE_NAME, connect_reader

PAGE: Final = 500

_COLUMNS: Final = ", ".join(f"parts.{name}" for name in Part._fields)
PARTS: Final = (
    f"SELECT decided.body, {_COLUMNS} FROM parts LEFT JOIN events AS decided ON decided.id = parts.decided_event "  # noqa: S608  # field names
    "WHERE (received_event IS NOT NULL OR loss_event IS NOT NULL) "
)
_NEXT: Final = PARTS + "AND first_event > ? ORDER BY first_event LIMIT ?"
LAST_PARTS: Final = PARTS + "ORDER BY first_event DESC LIMIT ?"
_IMAGES: Final = (
    "SELECT first_event, camera, path, sha256, pruned_event IS NOT NULL FROM images "
    "WHERE first_event BETWEEN ? AND ? ORDER BY stored_event"
)
_DECISIONS: Final = {decision.label: int(decision) for decision in Decision}


def export(directory: Path, archives: Iterable[Path] = ()) -> Iterator[dict[str, Any]]:
    """Yield one JSON-ready object per (sess, trig) of the store, in the order of first receipt or discovery.

    Every key is always present. ``verdict`` is None, as is ``dec``, only for a part that is being judged or whose
    station died and was not started since. ``t`` is the time of the live result, else that of the verdict of record
    or loss. ``deadline_met`` is False also for a part that was received and settled but never sent live; None only
    while it is open, or where its trigger was never received. ``trig_first`` is set for a loss that stands for the
    run ``trig_first`` to ``trig``. Parts whose events are in the archive come from there, with the same keys; files
    that are not in the store's own folder are looked for in ``archives``.

    Raises:
        LedgerError: there is no ledger, or it or its archive cannot be read.
    """
    path = directory / FILE_NAME
    folders = (directory / FOLDER, *archives)
    with closing(connect_reader(path)) as connection:
        after = 0
        while True:
            with _snapshot(connection, path):
                archived = None if archived_until(connection) <= after else ArchivedParts(connection, folders, after)
                page = [] if archived else read_page(connection, path, _NEXT, (after, PAGE))
            if archived:
                yield from _from_archive(archived, path)
                after = archived.until
            elif page:
                yield from (fields for _, fields in page)
                after = page[-1][0]
            else:
                return


@contextmanager
def _snapshot(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Let what is read be of one moment: rows may be on their way to the archive."""
    try:
        connection.execute("BEGIN")
        yield
        connection.execute("COMMIT")
    except FAILURES as error:
        raise explain(error, path) from error


def _from_archive(archived: ArchivedParts, path: Path) -> Iterator[dict[str, Any]]:
    try:
        for part, decided, pictures in archived.read():
            if part.received_event is not None or part.loss_event is not None:
                yield _fields(part, decided, pictures)
    except FAILURES as error:
        raise explain(error, path) from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ArchiveError(
            f"{path.parent / FOLDER}: an event is damaged ({error}); run linegate ledger verify"
        ) from error


def read_page(
    connection: sqlite3.Connection, path: Path, query: str, values: tuple[int, ...]
) -> list[tuple[int, dict[str, Any]]]:
    """Return pairs of a part's first event and its object.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    try:
        rows = connection.execute(query, values).fetchall()
        if not rows:
            return []
        parts = [(Part(*row[1:]), row[0]) for row in rows]
        firsts = [part.first_event for part, _ in parts]
        images: dict[int, list[Picture]] = defaultdict(list)
        for first, *image in connection.execute(_IMAGES, (min(firsts), max(firsts))):
            images[first].append((image[0], image[1], image[2], bool(image[3])))
        return [(part.first_event, _fields(part, body, images[part.first_event])) for part, body in parts]
    except FAILURES as error:
        raise explain(error, path) from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise LedgerCorruptError(
            f"{path}: an event's body is damaged ({error}); run linegate ledger verify to see where"
        ) from error


def _fields(part: Part, body: str | None, images: list[Picture]) -> dict[str, Any]:
    lost = part.outcome == LOSS
    sent = part.sent_event is not None
    simulated = part.simulated
    return {
        "v": VERSION,
        "sess": part.session,
        "epoch": part.loss_epoch if lost else part.epoch,
        "seq": part.seq,
        "trig": part.trig,
        "part": part.part,
        "dec": _DECISIONS.get(part.outcome or ""),
        "code": part.code,
        "score": part.score,
        "n": part.defects,
        "recipe": part.recipe,
        "model": part.model,
        "age_ms": part.age_ms,
        "t": part.sent_at if sent else part.settled_at,
        "sim": simulated,
        "verdict": part.outcome,
        "deadline_met": _deadline_met(part),
        "received_at": part.received_at,
        "sent_at": part.sent_at,
        "acked_at": part.acked_at,
        "ack_act": part.ack_act,
        "views": _views(body, images),
        "trig_first": part.trig_first,
    }


def _deadline_met(part: Part) -> bool | None:
    if part.sent_event is not None:
        return bool(part.in_time)
    settled = part.received_event is not None and part.outcome is not None
    return False if settled else None


def _views(body: str | None, images: list[Picture]) -> list[dict[str, Any]]:
    """Return the views of a verdict with their pictures, and pictures of views that it does not mention."""
    judged = [] if body is None else json.loads(body)["views"]
    views = {
        view["camera"]: {
            "camera": view["camera"],
            "score": view["score"],
            "code": view["code"],
            "image": None,
            "sha256": None,
        }
        for view in judged
    }
    for camera, path, sha256, pruned in images:
        blank = {"camera": camera, "score": None, "code": None, "image": None, "sha256": None}
        views.setdefault(camera, blank).update(image=None if pruned else path, sha256=sha256)
    return list(views.values())
