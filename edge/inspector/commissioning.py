"""Reading a product's pictures for commissioning, exactly as the line reads them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from camera.errors import CameraError
from camera.folder import list_pictures
from camera.image_file import ImageLimits, read_image
from camera.quality import half_size, measure
from edge.core.codes import describe
from edge.core.dataset import DatasetError, DatasetImage, Truth
from edge.core.quality import quality_fault
from edge.inspector.evaluation import ANNOTATIONS, read_dataset
from edge.inspector.judging import Roi
from models.bundle.prints import picture_print, sorted_prints, trained_prints
from models.commissioning.commission import Observation, independent_parts
from models.commissioning.distinct import Seen, distinct_parts, thumbnail
from models.commissioning.errors import CommissioningError, CommissioningRefusedError
from models.commissioning.judge import Looks, looks
from models.commissioning.record import FILE_NAME_MAX, NAMED_MAX, PictureSet
from models.detector import Detector
from models.errors import PictureError
from models.preprocess import cropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A picture that a folder lists; ``part`` and ``group`` are None where the folder does not tell them."""

    path: Path
    file: str
    part: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """The pictures of one folder, as the network saw them.

    ``unused`` tells file by file why a picture was not used. ``hashes`` maps the SHA-256 of each file used to its name.
    """

    listed: int
    observations: tuple[Observation, ...]
    hashes: dict[str, str]
    unused: dict[str, str]

    @property
    def parts(self) -> int:
        """How many distinct parts the used pictures show."""
        return len({observation.part for observation in self.observations})

    @property
    def independent(self) -> int:
        """How many independent parts they show: those of one group count as one, and none where it is not told."""
        return independent_parts(self.observations)

    @property
    def unidentified(self) -> tuple[str, ...]:
        """The pictures of which the folder tells neither part nor group."""
        return tuple(one.file for one in self.observations if not one.identified)

    @property
    def trained(self) -> tuple[str, ...] | None:
        """The pictures that the network was trained on; None where its bundle does not tell."""
        if any(one.trained is None for one in self.observations):
            return None
        return tuple(one.file for one in self.observations if one.trained)

    def across_groups(self) -> tuple[str, ...]:
        """Return the files of the first part that is seen in more than one group, one for each; none without any."""
        files: dict[int, dict[str | None, str]] = {}
        for one in self.observations:
            files.setdefault(one.part, {}).setdefault(one.group, one.file)
        return next((tuple(groups.values()) for groups in files.values() if len(groups) > 1), ())

    def described(self) -> PictureSet:
        """Return what the commissioned file says of the folder."""
        return PictureSet(
            pictures=self.listed,
            used=len(self.observations),
            parts=self.parts,
            sha256=hashlib.sha256("".join(sorted(self.hashes)).encode("ascii")).hexdigest(),
            unused=tuple(self.unused)[:NAMED_MAX],
            prints=tuple(sorted_prints(self.hashes)),
            independent=self.independent,
            trained=None if self.trained is None else self.trained[:NAMED_MAX],
        )


Progress = Callable[[Iterable[Listed]], Iterable[Listed]]


def list_goods(folder: Path, view: str | None) -> tuple[Listed, ...]:
    """List the good parts' pictures of a COCO folder (those with verdict accept), or all of any other folder.

    Of a COCO folder that tells views those of ``view``; other folders are taken to show it.

    Raises:
        CameraUnavailableError: The folder is missing, unreadable or holds no picture.
        DatasetError: Its ``annotations.json`` is malformed, or none of its pictures is of a good part or of the view.
    """
    if (folder / ANNOTATIONS).exists():
        return _labelled(folder, "accept", view)
    return tuple(Listed(path=picture.path, file=_printable(picture.name)) for picture in list_pictures(folder))


def list_challenge(folder: Path, view: str | None) -> tuple[Listed, ...]:
    """List the defective parts' pictures of a COCO folder (those with verdict reject).

    Raises:
        DatasetError: It is no COCO folder, or none of its pictures is of a defective part or of the view.
    """
    return _labelled(folder, "reject", view)


def observe(detector: Detector, listed: Sequence[Listed], roi: Roi | None, progress: Progress) -> Observed:
    """Read every picture and run the network on it; what the line could not judge is not used.

    Raises:
        CommissioningError: The region is not inside a picture.
        ModelError: The network failed.
    """
    files: list[Listed] = []
    seen: list[Seen] = []
    found: list[Looks] = []
    digests: list[str] = []
    unused: dict[str, str] = {}
    for picture in progress(listed):
        try:
            image = read_image(picture.path, ImageLimits())
            digest = _digest(picture.path)
        except (CameraError, OSError) as error:
            unused[picture.file] = str(error)
            continue
        half = half_size(image)
        fault = quality_fault(measure(image, half), detector.bundle.manifest.quality.limits())
        if fault:
            unused[picture.file] = describe(fault)
            continue
        try:
            found.append(looks(detector, detector.read(image, roi, half)))
        except PictureError as error:
            raise CommissioningError(f"{picture.path}: {error}") from error
        files.append(picture)
        seen.append(Seen(part=picture.part, thumbnail=thumbnail(cropped(image, roi))))
        digests.append(digest)
    learnt = trained_prints(detector.bundle)
    observations = tuple(
        Observation(
            file=picture.file,
            part=part,
            looks=look,
            group=picture.group,
            identified=picture.part is not None or picture.group is not None,
            trained=None if learnt is None else picture_print(digest) in learnt,
        )
        for picture, part, look, digest in zip(files, distinct_parts(seen), found, digests, strict=True)
    )
    hashes = {digest: picture.file for digest, picture in zip(digests, files, strict=True)}
    return Observed(listed=len(listed), observations=observations, hashes=hashes, unused=unused)


def refuse_shared(goods: Observed, challenge: Observed) -> None:
    """Refuse a picture that is good in the one folder and defective in the other.

    Raises:
        CommissioningRefusedError: names the first.
    """
    for digest in goods.hashes.keys() & challenge.hashes.keys():
        raise CommissioningRefusedError(
            f"{goods.hashes[digest]} among the goods and {challenge.hashes[digest]} among the known defects are the "
            "same picture: take it out of one of the two"
        )


def _labelled(folder: Path, truth: Truth, view: str | None) -> tuple[Listed, ...]:
    dataset = read_dataset(folder, None)
    wanted = [entry for entry in dataset.images if entry.truth == truth]
    if not wanted:
        raise DatasetError(f"{folder}: no picture has verdict {truth!r}; name the right folder")
    told = view is not None and any(entry.view is not None for entry in wanted)
    chosen = [entry for entry in wanted if not told or entry.view == view]
    if not chosen:
        raise DatasetError(f"{folder}: no picture with verdict {truth!r} is of view {view!r}; correct --view")
    views = sorted({entry.view for entry in chosen if entry.view is not None})
    if len(views) > 1:
        raise DatasetError(f"{folder}: has pictures of the views {', '.join(views)}; name one of them with --view")
    return tuple(_listed(folder, entry) for entry in chosen)


def _listed(folder: Path, entry: DatasetImage) -> Listed:
    path = folder / "images" / entry.file
    return Listed(path=path, file=_printable(entry.file), part=entry.part_id, group=entry.group)


def _printable(name: str) -> str:
    """Return a file's name as it can be written down: bytes that are no UTF-8 spelt out, an endless one cut short."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")[:FILE_NAME_MAX]


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
