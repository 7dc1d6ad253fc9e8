"""Everything that a training run depends on, in one frozen value that a TOML file can hold."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.bundle.manifest import BoxExtraction
from models.errors import ModelError

SUFFIX: Final = ".lgb"
_VERSIONED: Final = re.compile(r"(?P<name>.+?)-(?P<version>[0-9]{1,6})")
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_NAME_LENGTH: Final = 32
PARITY_PICTURES: Final = 200
"""With fewer in the comparison of int8 with float, card and report say that the gate was a small one."""


class SettingsError(ModelError, ValueError):
    """The training settings cannot be read or contradict themselves."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSettings(_Settings):
    """The network's input in pixels; by default as large as the pictures themselves, within ``pixels_max``.

    Pictures smaller than ``pixels_min`` are enlarged, as the map has one cell for 8 x 8 input pixels. With ``exposure``
    every picture is made as bright as the median photo, at most four times brighter or darker than it is.
    """

    width: Annotated[int, Field(ge=64, le=4096, multiple_of=32)] | None = None
    height: Annotated[int, Field(ge=64, le=4096, multiple_of=32)] | None = None
    pixels_min: Annotated[int, Field(ge=4096)] = 200_000
    pixels_max: Annotated[int, Field(ge=4096)] = 2_200_000
    exposure: bool = True


class VirtualSettings(_Settings):
    """Pictures of the virtual line: ``parts`` parts, ``parts_per_seed`` of each seed from ``first_seed`` on.

    Each seed has its own models of phones, and is a group of its own.
    """

    parts: Annotated[int, Field(ge=8)] = 320
    parts_per_seed: Annotated[int, Field(ge=4)] = 8
    defects: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.6
    first_seed: Annotated[int, Field(ge=0)] = 1000


class OptimiserSettings(_Settings):
    """How a network is fitted: crops of ``crop`` input pixels, ``batch`` at a time.

    Where pictures are smaller than that, crops are as well, and a batch has as many more of them.
    """

    teacher_steps: Annotated[int, Field(ge=1)] = 600
    fold_steps: Annotated[int, Field(ge=1)] = 1500
    steps: Annotated[int, Field(ge=1)] = 2400
    crop: Annotated[int, Field(ge=64, multiple_of=32)] = 512
    batch: Annotated[int, Field(ge=2)] = 8
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-2
    weight_decay: Annotated[float, Field(ge=0.0)] = 2e-2
    average_decay: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.995


class AugmentationSettings(_Settings):
    """What is done to crops: shares of those that are changed, and the standard deviation of the angle in degrees."""

    real_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.6
    near_defect_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.45
    implant_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    blend_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    relight: bool = True
    angle: Annotated[float, Field(ge=0.0, le=180.0)] = 4.0


class DistillationSettings(_Settings):
    """How much of the student's loss is the teachers', at which temperature.

    With ``weight`` 0 no teacher is fitted: that is the default until an ablation shows that teachers which fit into the
    same time help (on phones, .5 narrowed the gap between good and defective parts).
    """

    weight: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    temperature: Annotated[float, Field(gt=0.0)] = 2.0


class DecisionSettings(_Settings):
    """How limits are chosen from out-of-fold scores; see :mod:`models.training.limits`.

    ``alpha`` is the escape rate, and the overkill rate, that a claim is for. A box's peak is at the accept limit, and
    it grows over cells down to ``grow_below`` logits less; ``boxes`` gives the rest.
    """

    alpha: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    top_cells: Annotated[int, Field(ge=1)] = 4
    accept_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    reject_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.6
    margin: Annotated[float, Field(ge=0.0)] = 1.0
    grow_below: Annotated[float, Field(ge=0.0)] = 2.0
    boxes: BoxExtraction = BoxExtraction(grow_logit=0.0, peak_logit=0.0, minimum_cells=2, merge_cells=2, maximum=50)


class ParitySettings(_Settings):
    """What the int8 network may differ by from the float one on ``pictures`` pictures, else there is no bundle."""

    pictures: Annotated[int, Field(ge=4)] = PARITY_PICTURES
    other_flips_max: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    logit_difference_max: Annotated[float, Field(gt=0.0)] = 1.0


class CardNotes(_Settings):
    """What only people know, for the model card (Markdown): where the data comes from, where not to use the model."""

    data: str = ""
    limits: str = "Provisional: commission it on the line's own parts, good and challenge, before it goes live."


class TrainingSettings(_Settings):
    """A whole run; ``data`` are COCO folders with masks, ``output`` is the bundle's file.

    ``classes`` default to the data's categories, ``folds`` (groups that are left out together) are planned, ``virtual``
    adds the virtual line. ``private_pictures`` keeps the data's pictures out of the bundle: goldens are then drawn by
    the virtual line, and the report, of the photos' scores still, shows none; one with them is left in the work folder.
    """

    name: str
    version: Annotated[int, Field(ge=1)]
    product: str
    output: Path
    work: Path
    data: tuple[Path, ...]
    group_field: str | None = None
    classes: tuple[str, ...] = ()
    fold_count: Annotated[int, Field(ge=2, le=10)] = 4
    folds: tuple[tuple[str, ...], ...] = ()
    private_pictures: bool = False
    seed: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(ge=1)] = 2
    virtual: VirtualSettings | None = None
    input: InputSettings = InputSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    distillation: DistillationSettings = DistillationSettings()
    decision: DecisionSettings = DecisionSettings()
    parity: ParitySettings = ParitySettings()
    notes: CardNotes = CardNotes()


def read_settings(
    path: Path | None,
    *,
    data: Sequence[Path],
    output: Path,
    virtual: bool = False,
    work: Path | None = None,
    group_field: str | None = None,
) -> TrainingSettings:
    """Read a TOML file of :class:`TrainingSettings`; without one the defaults hold.

    Data, output and work folder come from the command line, as they differ from machine to machine. Name and version
    are the output's, ``NAME-VERSION.lgb``; a name without a number is version 1; a folder takes them from the file.

    Raises:
        SettingsError: The file cannot be read, is no TOML, or a value is missing, unknown or out of range.
    """
    content = _content(path)
    if virtual:
        content.setdefault("virtual", {})
    if not data and "virtual" not in content:
        raise SettingsError("nothing to train on: name a COCO folder with --data, or --virtual, or both")
    name, version, file = _named(output, content)
    values = {
        "product": name,
        **content,
        "name": name,
        "version": version,
        "output": file,
        "work": work or file.with_suffix(".work"),
        "data": tuple(data),
    }
    if group_field is not None:
        values["group_field"] = group_field
    try:
        return TrainingSettings.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'settings'}: {fault['msg']}" for fault in error.errors()
        )
        raise SettingsError(f"{path or 'training settings'}: {faults}") from error


def _content(path: Path | None) -> dict[str, Any]:
    try:
        return {} if path is None else tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; name a TOML file of training settings") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML ({error}); see docs/training.md") from error


def _named(output: Path, content: dict[str, Any]) -> tuple[str, int, Path]:
    """Return name, version and file of the bundle."""
    if output.suffix != SUFFIX:
        if output.is_file():
            raise SettingsError(f"{output}: is a file; name a bundle, NAME-VERSION{SUFFIX}, or a folder")
        name, version = content.get("name", "model"), content.get("version", 1)
        return name, version, output / f"{name}-{version}{SUFFIX}"
    found = _VERSIONED.fullmatch(output.stem)
    name = _NOT_IN_NAMES.sub("-", (found["name"] if found else output.stem).lower()).strip("-")[:_NAME_LENGTH]
    return name or "model", int(found["version"]) if found else 1, output
