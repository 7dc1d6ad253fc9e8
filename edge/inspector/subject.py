"""What an audit judges: which pictures, by what, and which of them had a part in making it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge.core.claims import parts_needed
from edge.core.dataset import Dataset, DatasetError
from edge.core.types import Limits
from edge.inspector.evaluation import hash_pictures
from edge.inspector.views import LoadedView
from models.audit import Claim, Subject, SubjectView
from models.audit.answer import ESCAPE_LOOSEST
from models.audit.subject import pictures_fingerprint
from models.audit.wording import several
from models.bundle import Bundle
from models.bundle.prints import picture_print, trained_prints
from models.evaluation import InForce

_NAMED: Final = 5


def chosen_pictures(dataset: Dataset, views: Sequence[LoadedView], view: str | None) -> Dataset:
    """Return the dataset with the pictures that these views judge.

    The only view of a recipe judges the pictures that tell ``view``, or all where none tells a view or ``view`` is
    None. Where a recipe has several, every part must have pictures of each: the line accepts no part without.

    Raises:
        DatasetError: No picture is of the view, or a part lacks one.
    """
    if len(views) > 1:
        _refuse_incomplete(dataset, [one.camera for one in views])
        return dataset
    told = sorted({entry.view for entry in dataset.images if entry.view is not None})
    if view is None or not told:
        return dataset
    chosen = tuple(entry for entry in dataset.images if entry.view == view)
    if not chosen:
        raise DatasetError(f"no picture is of view {view!r}, there are {_first(told)}: name the right folder or view")
    return replace(dataset, images=chosen)


def limits_in_force(views: Sequence[LoadedView]) -> InForce:
    """Return the limits of all pictures, or each view's own where they differ."""
    by_view = {view.camera: view.limits for view in views}
    return views[0].limits if len(set(by_view.values())) == 1 else by_view


def described(
    folder: Path, dataset: Dataset, chosen: Dataset, views: Sequence[LoadedView], *, recipe: str, date: str
) -> Subject:
    """Return what is audited.

    Args:
        folder: That of the pictures.
        dataset: All that it lists.
        chosen: What of it is judged.
        views: By what.
        recipe: The recipe that they belong to, in words; empty without one.
        date: Printed as it is.
    """
    hashes = hash_pictures(folder, dataset)
    judged = {entry.file: hashes[entry.file] for entry in chosen.images if entry.file in hashes}
    bundles = {view.bundle.sha256: view.bundle for view in views}.values()
    priors = {bundle.manifest.calibration.prior for bundle in bundles}
    return Subject(
        bundle=", ".join(bundle.label for bundle in bundles),
        product=", ".join(dict.fromkeys(bundle.manifest.product for bundle in bundles)),
        data=folder.resolve().name,
        judged=_judged(dataset, chosen, recipe),
        prior=priors.pop() if len(priors) == 1 else None,
        views=tuple(described_view(view) for view in views)
        if recipe or any(_beyond_bundle(view) for view in views)
        else (),
        claim=_claim(views),
        parts_needed=parts_needed(ESCAPE_LOOSEST),
        trained_on=any(_listed(folder, bundle, dataset, hashes.values()) for bundle in bundles),
        trained_files=trained_files(judged, views),
        commissioned_files=_among(judged, [commissioning_prints(view) for view in views]),
        date=date,
    )


def trained_files(hashes: Mapping[str, str], views: Sequence[LoadedView]) -> tuple[str, ...] | None:
    """Return which files (SHA-256 by name) a view's network was trained on; None where no bundle tells."""
    return _among(hashes, [trained_prints(view.bundle) for view in views])


def _refuse_incomplete(dataset: Dataset, cameras: Sequence[str]) -> None:
    wanted = ", ".join(cameras)
    strange = [entry.file for entry in dataset.images if entry.part_id is None or entry.view not in cameras]
    if strange:
        raise DatasetError(
            f"the recipe judges a part by the views {wanted}; without part_id or one of these views: "
            f"{several(len(strange), 'picture')} ({_first(strange)}); add both, or name one view with --view"
        )
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for entry in dataset.images:
        seen[entry.part_id or ""].add(entry.view or "")
    lacking = [part for part, found in seen.items() if len(found) < len(cameras)]
    if lacking:
        raise DatasetError(
            f"the recipe judges a part by the views {wanted}, and the line accepts none without all of them; without "
            f"a picture of one: {several(len(lacking), 'part')} ({_first(lacking)}); add the pictures, or name one "
            "view with --view"
        )


def _first(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _judged(dataset: Dataset, chosen: Dataset, recipe: str) -> str:
    by = f"by {recipe}, " if recipe else ""
    told = f"Each picture was judged once, {by}as the line judges it."
    if len(chosen.images) < len(dataset.images):
        left_out = len(dataset.images) - len(chosen.images)
        told += f" Of other views than {chosen.images[0].view} there are {left_out} more pictures, which are left out."
    return told


def _beyond_bundle(view: LoadedView) -> bool:
    return bool(view.roi or view.file_hashes)


def described_view(view: LoadedView) -> SubjectView:
    """Return what judges the pictures of a view, for a report."""
    own = view.bundle.manifest.decision
    return SubjectView(
        name=view.camera,
        bundle=view.bundle.label,
        limits=view.limits,
        bundle_limits=Limits(accept_below=own.accept_below, reject_above=own.reject_above),
        roi=view.roi,
        commissioned=view.commissioned.sha256 if view.commissioned else None,
        catalogue=view.catalogue.sha256 if view.catalogue else None,
        excuses=view.excuses,
    )


def _claim(views: Sequence[LoadedView]) -> Claim | None:
    """Return what is claimed for a part: a defect seen by one view escapes no more often than that view accepts it."""
    claims = [view.claim for view in views if view.claim is not None]
    if len(claims) < len(views):
        return None
    return Claim(
        escape_upper=max(claim.escape_upper for claim in claims),
        confidence=min(claim.confidence for claim in claims),
        defective_parts=min(claim.defective_parts for claim in claims),
    )


def _among(hashes: Mapping[str, str], known: Iterable[frozenset[str] | None]) -> tuple[str, ...] | None:
    """Return the files whose print is known; None where nobody tells what is."""
    told = [one for one in known if one is not None]
    if not told:
        return None
    everything = frozenset().union(*told)
    return tuple(file for file, sha256 in hashes.items() if picture_print(sha256) in everything)


def commissioning_prints(view: LoadedView) -> frozenset[str] | None:
    """Return the prints of the pictures that a view was commissioned on; None where nobody tells."""
    if view.commissioned is None:
        return None
    origin = view.commissioned.content.origin
    sets = [one.prints for one in (origin.goods, origin.challenge) if one is not None and one.prints is not None]
    return frozenset().union(*sets) if sets else None


def _listed(folder: Path, bundle: Bundle, dataset: Dataset, hashes: Iterable[str]) -> bool:
    """Tell whether the manifest lists this set of pictures, by its fingerprint or by its name and size."""
    known = bundle.manifest.datasets
    if any((one.name, one.pictures) == (folder.resolve().name, len(dataset.images)) for one in known):
        return True
    fingerprint = pictures_fingerprint(hashes)
    return any(one.sha256 == fingerprint for one in known)
