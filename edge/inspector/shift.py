"""What a shift consists of: recorded parts with the pictures that are left of them, from a store or from a folder."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from camera.folder import list_pictures
from edge.core.codes import SCORE_NONE
from edge.core.dataset import DatasetError
from edge.core.replay import Missing, MissingPart, Said, Truth, match_truths
from edge.core.types import Box, Decision
from edge.inspector.auditing import Progress
from edge.inspector.evaluation import ANNOTATIONS, read_dataset
from edge.inspector.subject import chosen_pictures
from edge.inspector.views import LoadedView
from edge.ledger.reader import OUTCOMES, counts
from edge.ledger.shift import parts_since, truths_since
from edge.spool import SPOOL_FOLDER
from edge.spool.reader import SpooledImage, read_entry

Key = tuple[int, int]
"""Session and trigger."""

PER_MILLE: Final = 1000
LABELS: Final = "annotations"
"""The source of a truth that a folder's annotations tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPicture:
    """A picture of a part; ``boxes`` are the station's, ``sha256`` and ``bundle`` (hashes) what the record says.

    ``file`` is its path below the folder of the shift's pictures. Hashes are None where no record tells.
    """

    file: str
    camera: str
    boxes: tuple[Box, ...] = ()
    sha256: str | None = None
    bundle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPart:
    """A part to be replayed; without a record (a folder) ``said``, numbers and time are None."""

    name: str
    pictures: tuple[RecordedPicture, ...]
    said: Said | None = None
    session: int | None = None
    trig: int | None = None
    received_at: int | None = None
    truth: Truth | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Parts in the order of their receipt, and what cannot be replayed.

    ``pictures`` is the folder that pictures' paths start from. ``missing_defective`` counts the missing parts that are
    known to be defective, ``other_recipes`` the parts of recipes that were not asked for. ``bundles`` counts pictures
    by the hash of the bundle that judged them.
    """

    pictures: Path
    parts: tuple[RecordedPart, ...]
    missing: tuple[MissingPart, ...] = ()
    missing_defective: int = 0
    other_recipes: int = 0
    bundles: Counter[str] = field(default_factory=Counter)


class ShiftError(DatasetError):
    """A shift cannot be replayed; the message says why and what to do."""


def shift_of_store(
    store: Path,
    since_ms: int,
    until_ms: int,
    progress: Progress,
    *,
    recipe: int | None = None,
    archives: Iterable[Path] = (),
) -> Shift:
    """Read the parts that a station received from one time to before another (Unix ms). Nothing is written.

    Args:
        store: The store's folder; an inspector may be writing to it.
        since_ms: From when on.
        until_ms: To before when.
        progress: Shows how far reading has come.
        recipe: The parts of this recipe alone; None for all, which must then be of one.
        archives: Where files of the ledger's archive are that were moved out of the store.

    Raises:
        LedgerError: There is no ledger, or it cannot be read.
        ShiftError: No part is of that time and recipe, or they are of several recipes.
    """
    folders = tuple(archives)
    spool = store / SPOOL_FOLDER
    named: list[tuple[Key, str, int]] = []
    found: dict[Key, RecordedPart | MissingPart] = {}
    recipes: set[int] = set()
    others = 0
    counted = counts(store, since_ms)
    total = counted["open"] + sum(counted[outcome] for outcome in OUTCOMES)
    for fields in progress(parts_since(store, since_ms, folders), total, "reading"):
        key, received_at = (fields["sess"], fields["trig"]), fields["received_at"]
        if received_at is not None and fields["part"]:
            named.append((key, fields["part"], received_at))
        at = fields["t"] if received_at is None else received_at
        if at is None or at >= until_ms:
            continue
        if recipe is not None and fields["recipe"] != recipe:
            others += 1
            continue
        if fields["recipe"] is not None:
            recipes.add(fields["recipe"])
        found[key] = _recorded(fields, spool)
    _refuse_unclear(store, recipe, recipes, found)
    spoken = ((one.part, one.truth, one.source, one.at.utc_ms) for one in truths_since(store, since_ms, folders))
    truths = match_truths(named, spoken)
    parts = tuple(_with_truth(one, truths.get(key)) for key, one in found.items() if isinstance(one, RecordedPart))
    missing = {key: one for key, one in found.items() if isinstance(one, MissingPart)}
    return Shift(
        pictures=spool,
        parts=parts,
        missing=tuple(missing.values()),
        missing_defective=sum(key in truths and truths[key][0] == "reject" for key in missing),
        other_recipes=others,
        bundles=Counter(one.bundle for part in parts for one in part.pictures if one.bundle is not None),
    )


def shift_of_folder(folder: Path, views: Sequence[LoadedView], view: str | None) -> Shift:
    """Return the parts of a COCO folder with their truths, or of a folder of pictures without any.

    Args:
        folder: With ``annotations.json`` and ``images/``, or with pictures directly in it.
        views: What will judge the pictures.
        view: As in :func:`chosen_pictures`.

    Raises:
        CameraError, DatasetError: The folder has no pictures, or its annotations cannot be read or are not of these
            views.
    """
    if not (folder / ANNOTATIONS).exists():
        listed = list_pictures(folder)
        return Shift(
            pictures=folder,
            parts=tuple(
                RecordedPart(name=one.name, pictures=(RecordedPicture(file=one.name, camera=views[0].camera),))
                for one in listed
            ),
        )
    dataset = chosen_pictures(read_dataset(folder, None), views, view)
    parts: dict[object, RecordedPart] = {}
    for index, entry in enumerate(dataset.images):
        key = index if entry.part_id is None else entry.part_id
        picture = RecordedPicture(file=entry.file, camera=entry.view or views[0].camera)
        before = parts.get(key)
        # A part is defective if any of its pictures shows a defect.
        bad = entry.truth == "reject" or (before is not None and before.truth == "reject")
        parts[key] = RecordedPart(
            name=entry.part_id or entry.file,
            pictures=(picture,) if before is None else (*before.pictures, picture),
            truth="reject" if bad else "accept",
            source=LABELS,
        )
    return Shift(pictures=folder / "images", parts=tuple(parts.values()))


def picture_hash(path: Path) -> str | None:
    """Return the SHA-256 of a file, None where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):  # also a name that no file can have
        return None


def _refuse_unclear(store: Path, recipe: int | None, recipes: set[int], found: Sized) -> None:
    if not found:
        of_recipe = "" if recipe is None else f" of recipe {recipe}"
        raise ShiftError(f"{store}: no part{of_recipe} was received then; name another time, or the right store")
    if len(recipes) > 1:
        named = ", ".join(str(one) for one in sorted(recipes))
        raise ShiftError(f"the parts are of the recipes {named}: name one (--recipe, --parts-of)")


def _with_truth(part: RecordedPart, truth: tuple[Truth, str] | None) -> RecordedPart:
    return part if truth is None else replace(part, truth=truth[0], source=truth[1])


def _recorded(fields: dict[str, Any], spool: Path) -> RecordedPart | MissingPart:
    """Return a part with all its pictures, or why it cannot be replayed."""
    why, detail, pictures = _pictures(fields, spool)
    if why is not None:
        return MissingPart(
            name=fields["part"] or "",
            session=fields["sess"],
            trig=fields["trig"],
            received_at=fields["received_at"],
            why=why,
            detail=detail,
        )
    score = fields["score"]
    return RecordedPart(
        name=fields["part"] or "",
        pictures=pictures,
        said=Said(
            decision=Decision(fields["dec"]),
            code=fields["code"],
            score=None if score in {None, SCORE_NONE} else score / PER_MILLE,
        ),
        session=fields["sess"],
        trig=fields["trig"],
        received_at=fields["received_at"],
    )


def _pictures(fields: dict[str, Any], spool: Path) -> tuple[Missing | None, str, tuple[RecordedPicture, ...]]:
    if fields["verdict"] == "loss":
        return Missing.LOST, "", ()
    if fields["dec"] is None:
        return Missing.OPEN, "", ()
    views = fields["views"]
    kept = [view for view in views if view["image"] is not None]
    if not kept:
        pruned = any(view["sha256"] is not None for view in views)
        return Missing.PRUNED if pruned else Missing.NOT_SPOOLED, "", ()
    if len(kept) < len(views):
        without = ", ".join(view["camera"] for view in views if view["image"] is None)
        return Missing.INCOMPLETE, f"none of {without}", ()
    pictures: list[RecordedPicture] = []
    for view in kept:
        entry = read_entry(spool, view["image"])
        found = picture_hash(spool / view["image"])
        if found != view["sha256"]:
            problem = "is not there" if found is None else "is not the picture that was recorded"
            return Missing.UNREADABLE, f"{spool / view['image']} {problem}", ()
        pictures.append(_picture(view, entry))
    return None, "", tuple(pictures)


def _picture(view: dict[str, Any], entry: SpooledImage) -> RecordedPicture:
    """Return a picture with what its side-car tells; without one it is still a picture."""
    seen = entry.sidecar
    boxes = () if seen is None else tuple(Box(**box.model_dump()) for box in seen.boxes)
    return RecordedPicture(
        file=view["image"],
        camera=view["camera"],
        boxes=boxes,
        sha256=view["sha256"],
        bundle=None if seen is None else seen.bundle,
    )
