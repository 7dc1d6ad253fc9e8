"""What a check of a folder of labelled pictures found, as values that a report can hold."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from edge.core.dataset import Dataset, DatasetError
from models.training.folds import GroupContent

_ERRORS_LISTED: Final = 20
_NAMES_LISTED: Final = 5


class Severity(StrEnum):
    """An error stops training; a warning is shown, and says what training makes of it."""

    ERROR = "error"
    WARNING = "warning"


class Kind(StrEnum):
    """Every kind of finding; its value is its name in reports."""

    ANNOTATIONS_UNREADABLE = "annotations unreadable"
    PICTURE_UNREADABLE = "picture unreadable"
    PICTURE_TOO_LARGE = "picture too large"
    PICTURE_LISTED_TWICE = "picture listed twice"
    PICTURE_NOT_LISTED = "picture not listed"
    PICTURE_FLAT = "picture of one colour"
    SIZE_DIFFERS = "size unlike the annotations'"
    SIZES_MIXED = "mixed sizes"
    MODE_CONVERTED = "mode converted"
    TURNED = "turned by EXIF"
    FORMAT_TELLS = "format tells the verdict"
    MASK_MISSING = "mask missing"
    MASK_UNREADABLE = "mask unreadable"
    MASK_SIZE = "mask of the wrong size"
    MASK_SHARED = "mask shared"
    MASK_EMPTY = "mask empty"
    MASK_FAINT = "mask values too low"
    MASK_OUTSIDE_BOXES = "mask outside every box"
    MASK_STRAY = "mask pixels beside the boxes"
    MASK_ALONE = "mask without boxes"
    BOX_OUTSIDE = "box outside the picture"
    BOX_CUT = "box over the picture's edge"
    BOX_WITHOUT_MASK = "box without mask pixels"
    ACCEPT_WITH_BOXES = "accepted with boxes"
    ACCEPT_WITH_MASK = "accepted with a mask"
    REJECT_UNLABELLED = "rejected without a label"
    NO_GOOD = "no good picture"
    NO_DEFECTIVE = "no defective picture"
    GOOD_IN_ONE_GROUP = "good pictures in one group"
    DEFECTIVE_IN_ONE_GROUP = "defective pictures in one group"
    CLASS_SCARCE = "class too scarce"
    CLASS_UNUSED = "class unused"
    ONE_GROUP = "one group"
    NO_GROUPS = "no groups"
    GROUP_MISSING = "group missing"
    PART_IN_GROUPS = "part in several groups"
    SOURCE_IN_GROUPS = "twins in several groups"
    COPIES_ACROSS_GROUPS = "copies across groups"
    COPIES_WITH_BOTH_VERDICTS = "copies with both verdicts"
    NEAR_DUPLICATES = "near-duplicates across groups"
    ONE_DESIGN = "groups of one design"
    LABEL_CONFLICT = "label conflict"


_ERRORS: Final = frozenset(
    {
        Kind.ANNOTATIONS_UNREADABLE,
        Kind.PICTURE_UNREADABLE,
        Kind.PICTURE_TOO_LARGE,
        Kind.PICTURE_LISTED_TWICE,
        Kind.SIZE_DIFFERS,
        Kind.MASK_UNREADABLE,
        Kind.MASK_SIZE,
        Kind.MASK_SHARED,
        Kind.MASK_EMPTY,
        Kind.MASK_FAINT,
        Kind.MASK_OUTSIDE_BOXES,
        Kind.BOX_OUTSIDE,
        Kind.BOX_WITHOUT_MASK,
        Kind.ACCEPT_WITH_BOXES,
        Kind.ACCEPT_WITH_MASK,
        Kind.PART_IN_GROUPS,
        Kind.SOURCE_IN_GROUPS,
        Kind.COPIES_ACROSS_GROUPS,
        Kind.COPIES_WITH_BOTH_VERDICTS,
    }
)
"""What contradicts itself or cannot be read. Whether there is enough to train on is seen over all folders of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding: ``where`` names files or groups, ``what`` is wrong there, ``remedy`` says what to do."""

    kind: Kind
    where: str
    what: str
    remedy: str

    @property
    def severity(self) -> Severity:
        """Whether training stops; it depends on the kind alone."""
        return Severity.ERROR if self.kind in _ERRORS else Severity.WARNING

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """How often a class is labelled: boxes, pictures and groups that have it."""

    boxes: int
    pictures: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """What is known of a folder once it was checked.

    ``parsed`` is None where the annotations cannot be read; ``groups`` holds what each group contains, ``classes`` how
    often each is labelled; ``shapes`` (height, width) and ``modes`` are of the readable pictures, in the order listed;
    ``near_duplicate_pairs`` counts pairs across groups. ``sha256`` changes with the annotations, a picture or a mask,
    ``pictures_sha256`` with a picture alone: it is what a bundle states of its training. ``hashes`` holds the SHA-256
    of each readable picture's file by its name.
    """

    name: str
    parsed: Dataset | None
    groups: Mapping[str, GroupContent]
    classes: Mapping[str, ClassCount]
    shapes: tuple[tuple[int, int], ...]
    modes: tuple[str, ...]
    near_duplicate_pairs: int
    sha256: str
    pictures_sha256: str
    hashes: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def dataset(self) -> Dataset:
        """The annotations; raises as :meth:`raise_errors` where they cannot be read."""
        if self.parsed is None:
            self.raise_errors()
            raise AssertionError("annotations that cannot be read are an error")
        return self.parsed

    @property
    def groups_apart(self) -> bool:
        """Whether no groups look like one part under several names: a claim counts each as a part of its own."""
        return all(finding.kind is not Kind.NEAR_DUPLICATES for finding in self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What stops training."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is shown."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    def raise_errors(self) -> None:
        """Stop where there is an error.

        Raises:
            DatasetError: There is one; the message lists the first twenty, a line each, and counts the rest by kind.
        """
        errors = self.errors
        if not errors:
            return
        lines = [f"{self.name}: {counted(len(errors), 'fault')} of the data, nothing is trained on them"]
        lines += [f"  {finding}" for finding in errors[:_ERRORS_LISTED]]
        rest = Counter(finding.kind for finding in errors[_ERRORS_LISTED:])
        if rest:
            kinds = ", ".join(f"{number} x {kind}" for kind, number in rest.most_common())
            lines.append(f"  and {rest.total()} more ({kinds})")
        raise DatasetError("\n".join(lines))

    def summary(self) -> dict[str, Any]:
        """Return the check as JSON-able values for a report."""
        truths = Counter(image.truth for image in self.parsed.images) if self.parsed else Counter[str]()
        return {
            "folder": self.name,
            "sha256": self.sha256,
            "pictures": truths.total(),
            "good": truths["accept"],
            "defective": truths["reject"],
            "group_field": self.parsed.group_field if self.parsed else None,
            "groups": {name: asdict(content) for name, content in self.groups.items()},
            "classes": {name: asdict(count) for name, count in self.classes.items()},
            "sizes": {f"{width}x{height}": number for (height, width), number in Counter(self.shapes).most_common()},
            "modes": dict(Counter(self.modes).most_common()),
            "near_duplicate_pairs": self.near_duplicate_pairs,
            "findings": [
                {
                    "severity": str(finding.severity),
                    "kind": str(finding.kind),
                    "where": finding.where,
                    "what": finding.what,
                    "remedy": finding.remedy,
                }
                for finding in self.findings
            ],
        }


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 picture, 2 pictures."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def named(names: Sequence[str]) -> str:
    """Return the first names of a list and how many follow."""
    more = len(names) - _NAMES_LISTED
    return ", ".join(names[:_NAMES_LISTED]) + (f" and {more} more" if more > 0 else "")


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return errors one by one and first, then warnings of one kind and wording as one that names the places."""
    errors: list[Finding] = []
    warnings: dict[tuple[Kind, str, str], list[str]] = {}
    for finding in findings:
        if finding.severity is Severity.ERROR:
            errors.append(finding)
        else:
            warnings.setdefault((finding.kind, finding.what, finding.remedy), []).append(finding.where)
    return (
        *errors,
        *(
            Finding(
                kind=kind,
                where=places[0] if len(places) == 1 else f"{len(places)} places ({named(places)}), each",
                what=what,
                remedy=remedy,
            )
            for (kind, what, remedy), places in warnings.items()
        ),
    )
