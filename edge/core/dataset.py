"""The text of a COCO folder's ``annotations.json`` as frozen values; reading files is the caller's."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

GROUP_FIELDS: Final = ("group", "phone", "part")
"""Where the group is looked for unless the caller names a field; the first that any image carries."""

Truth = Literal["accept", "reject"]

_FAULTS_NAMED: Final = 20
_BOX_NUMBERS: Final = 4


class DatasetError(ValueError):
    """The annotations are malformed; the message names the entry and says what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledBox:
    """An annotated region in pixels of its image; an ``ignore`` region counts neither as defect nor as good."""

    x: float
    y: float
    width: float
    height: float
    category: str
    ignore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetImage:
    """An entry of ``images``: its file below ``images/``, its truth, and what it belongs to.

    Images of one part share ``part_id`` and carry ``view``; None where an image is a part of its own. Images made from
    one picture (a retouched one and its original) share ``source_id``. ``width`` and ``height`` are what the
    annotations say of the file, in pixels; None where they do not.
    """

    id: int | str
    file: str
    truth: Truth
    group: str | None
    part_id: str | None
    view: str | None
    boxes: tuple[LabelledBox, ...]
    source_id: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A parsed dataset: images in the order listed, the names of its categories, the field that names the group."""

    images: tuple[DatasetImage, ...]
    categories: tuple[str, ...]
    group_field: str | None


def parse_dataset(text: str, group_field: str | None = None) -> Dataset:
    """Parse ``annotations.json``.

    Args:
        text: The file's text.
        group_field: The image field that names its group, then needed in every image; by default the first present of
            ``GROUP_FIELDS``, and images without it have no group.

    Raises:
        DatasetError: It is not JSON, or entries lack what is needed or contradict others; the first twenty are named.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"annotations.json is not JSON ({error}); export the dataset again") from error
    if not isinstance(document, dict):
        raise DatasetError("annotations.json must hold one object with images, annotations and categories")
    entries = _entries(document, "images")
    if not entries:
        raise DatasetError("images is empty: a dataset needs at least one picture")
    # A set of good parts alone may have no list of defects.
    categories = _categories(_entries(document, "categories") if "categories" in document else [])
    annotations = _entries(document, "annotations") if "annotations" in document else []
    faults: list[str] = []
    boxes = _boxes(annotations, categories, faults)
    field = _group_field(entries, group_field)
    images: list[DatasetImage] = []
    for index, entry in enumerate(entries):
        try:
            images.append(_image(entry, index, field, boxes, required=group_field is not None))
        except DatasetError as error:
            faults.append(str(error))
    faults += _identity_faults(entries, boxes)
    if faults:
        raise DatasetError(_listed(faults))
    return Dataset(images=tuple(images), categories=tuple(categories.values()), group_field=field)


def _identity_faults(entries: Sequence[Mapping[str, Any]], boxes: Iterable[int | str]) -> list[str]:
    usable = [entry["id"] for entry in entries if isinstance(entry.get("id"), int | str)]
    known = set(usable)
    faults = [
        f"annotations: image_id {identity!r} is not the id of any image" for identity in boxes if identity not in known
    ]
    if len(known) < len(usable):
        faults.append("images: two entries share an id; ids must be unique")
    return faults


def _listed(faults: Sequence[str]) -> str:
    more = len(faults) - _FAULTS_NAMED
    return "; ".join([*faults[:_FAULTS_NAMED], *([f"and {more} more"] if more > 0 else [])])


def _entries(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = document.get(key)
    if not isinstance(entries, list):
        raise DatasetError(f"{key} must be a list, not {_kind(entries)}")
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DatasetError(f"{key}[{index}] must be an object, not {_kind(entry)}")
    return entries


def _categories(entries: Sequence[Mapping[str, Any]]) -> dict[int | str, str]:
    categories: dict[int | str, str] = {}
    for index, entry in enumerate(entries):
        where = f"categories[{index}]"
        identity = _identity(entry, "id", where)
        if identity in categories:
            raise DatasetError(f"{where}: id {identity!r} is used twice; ids must be unique")
        categories[identity] = _text(entry, "name", where)
    return categories


def _boxes(
    entries: Sequence[Mapping[str, Any]], categories: Mapping[int | str, str], faults: list[str]
) -> dict[int | str, list[LabelledBox]]:
    """Return each image's boxes; what is wrong with an entry is added to ``faults``."""
    boxes: dict[int | str, list[LabelledBox]] = {}
    for index, entry in enumerate(entries):
        where = f"annotations[{index}]"
        try:
            image, box = _identity(entry, "image_id", where), _box(entry, categories, where)
        except DatasetError as error:
            faults.append(str(error))
        else:
            boxes.setdefault(image, []).append(box)
    return boxes


def _box(entry: Mapping[str, Any], categories: Mapping[int | str, str], where: str) -> LabelledBox:
    category = _identity(entry, "category_id", where)
    if category not in categories:
        raise DatasetError(f"{where}: category_id {category!r} is not the id of any category")
    x, y, width, height = _bounding_box(entry.get("bbox"), where)
    return LabelledBox(
        x=x,
        y=y,
        width=width,
        height=height,
        category=categories[category],
        ignore=_flag(entry, "ignore", where) or _flag(entry, "iscrowd", where),
    )


def _bounding_box(value: object, where: str) -> tuple[float, float, float, float]:
    numbers = value if isinstance(value, list) else []
    if len(numbers) != _BOX_NUMBERS or not all(_is_number(number) for number in numbers):
        raise DatasetError(f"{where}: bbox must be four numbers [x, y, width, height] in pixels")
    x, y, width, height = (float(number) for number in numbers)
    if width <= 0.0 or height <= 0.0:
        raise DatasetError(f"{where}: bbox has width {width:g} and height {height:g}; both must be above 0")
    return x, y, width, height


def _group_field(entries: Sequence[Mapping[str, Any]], wanted: str | None) -> str | None:
    if wanted is not None:
        if not any(wanted in entry for entry in entries):
            fields = ", ".join(sorted({field for entry in entries for field in entry}))
            raise DatasetError(f"no image has the group field {wanted!r}; the images have: {fields:.300}")
        return wanted
    return next((field for field in GROUP_FIELDS if any(field in entry for entry in entries)), None)


def _image(
    entry: Mapping[str, Any],
    index: int,
    group_field: str | None,
    boxes: Mapping[int | str, list[LabelledBox]],
    *,
    required: bool,
) -> DatasetImage:
    where = f"images[{index}]"
    identity = _identity(entry, "id", where)
    file = _text(entry, "file_name", where)
    if file.startswith("/") or "\\" in file or "\0" in file or ".." in file.split("/"):
        raise DatasetError(f"{where}: file_name {file!r} must be a path below images/")
    truth = entry.get("verdict")
    if not isinstance(truth, str) or truth not in {"accept", "reject"}:
        raise DatasetError(f"{where} ({file}): verdict must be 'accept' or 'reject', not {truth!r:.60}")
    grouped = group_field is not None and entry.get(group_field) is not None
    if required and not grouped:
        raise DatasetError(f"{where} ({file}): the group field {group_field!r} is missing; every image needs it")
    return DatasetImage(
        id=identity,
        file=file,
        truth=cast("Truth", truth),
        group=_label(entry, group_field, where) if grouped and group_field else None,
        part_id=_label(entry, "part_id", where) if entry.get("part_id") is not None else None,
        view=_label(entry, "view", where) if entry.get("view") is not None else None,
        boxes=tuple(boxes.get(identity, ())),
        source_id=_label(entry, "source_id", where) if entry.get("source_id") is not None else None,
        width=_side(entry, "width", where),
        height=_side(entry, "height", where),
    )


def _identity(entry: Mapping[str, Any], key: str, where: str) -> int | str:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise DatasetError(f"{where}: {key} must be a whole number or a text, not {_kind(value)}")
    return value


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise DatasetError(f"{where}: {key} must be a text that is not empty, not {_kind(value)}")
    return value


def _label(entry: Mapping[str, Any], key: str, where: str) -> str:
    return str(_identity(entry, key, where))


def _side(entry: Mapping[str, Any], key: str, where: str) -> int | None:
    value = entry.get(key)
    if value is None:
        return None
    if not _is_number(value) or value < 1 or value != int(value):
        raise DatasetError(f"{where}: {key} must be a whole number of pixels, not {_kind(value)}")
    return int(value)


def _flag(entry: Mapping[str, Any], key: str, where: str) -> bool:
    value = entry.get(key, 0)
    if value not in {0, 1} if isinstance(value, int) else True:
        raise DatasetError(f"{where}: {key} must be true or false (1 or 0), not {_kind(value)}")
    return bool(value)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _kind(value: object) -> str:
    names = {type(None): "null or missing", bool: "true or false", dict: "an object", list: "a list", str: "a text"}
    return names.get(type(value), f"{value!r:.60}")
