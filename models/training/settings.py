"""Everything that a training run depends on, in one frozen value that a TOML file can hold."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.bundle.manifest import BoxExtraction
from models.errors import ModelError


class SettingsError(ModelError, ValueError):
    """The training settings cannot be read or contradict themselves."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VirtualSettings(_Settings):
    """Pictures from the virtual line: ``parts`` in training, ``held_out`` from other seeds for calibration.

    Each seed has its own phones, so that many seeds mean many phones.
    """

    parts: Annotated[int, Field(ge=8)] = 360
    held_out: Annotated[int, Field(ge=8)] = 96
    parts_per_seed: Annotated[int, Field(ge=4)] = 12
    defects: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.6
    first_seed: Annotated[int, Field(ge=0)] = 1000


class OptimiserSettings(_Settings):
    """How the network is fitted: crops of ``crop`` input pixels, ``batch`` at a time, for ``steps`` steps."""

    steps: Annotated[int, Field(ge=1)] = 1400
    crop: Annotated[int, Field(ge=64, multiple_of=32)] = 320
    batch: Annotated[int, Field(ge=2)] = 10
    learning_rate: Annotated[float, Field(gt=0.0)] = 4e-3
    weight_decay: Annotated[float, Field(ge=0.0)] = 2e-2
    average_decay: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.995
    real_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5


class DecisionSettings(_Settings):
    """How limits are chosen from out-of-fold scores; see :mod:`models.training.calibration`."""

    top_cells: Annotated[int, Field(ge=1)] = 8
    accept_margin: Annotated[float, Field(ge=0.0)] = 1.0
    accept_slack: Annotated[float, Field(ge=0.0)] = 0.25
    reject_margin: Annotated[float, Field(ge=0.0)] = 1.0
    boxes: BoxExtraction = BoxExtraction(grow_logit=0.5, peak_logit=1.5, minimum_cells=4, merge_cells=2, maximum=50)


class CardNotes(_Settings):
    """What only people know, for the model card (Markdown): where the data comes from, where not to use the model."""

    data: str = ""
    limits: str = "Provisional: commission it on the line's own parts, good and challenge, before it goes live."


class TrainingSettings(_Settings):
    """A whole run. ``photos`` are COCO folders with masks; ``folds`` lists groups that are left out together."""

    name: str = "phones"
    version: Annotated[int, Field(ge=1)] = 1
    product: str = "phone"
    output: Path
    photos: tuple[Path, ...] = ()
    folds: tuple[tuple[str, ...], ...] = ()
    fold_steps: Annotated[int, Field(ge=1)] = 1000
    classes: tuple[str, ...] = ("oil", "scratch", "stain", "crack", "chip")
    width: Annotated[int, Field(multiple_of=32)] = 960
    height: Annotated[int, Field(multiple_of=32)] = 544
    seed: int = 0
    workers: Annotated[int, Field(ge=1)] = 2
    virtual: VirtualSettings = VirtualSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    decision: DecisionSettings = DecisionSettings()
    notes: CardNotes = CardNotes()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.photos and self.optimiser.real_share > 0.0:
            raise ValueError("real_share must be 0 where no photos are given")
        if self.photos and not self.folds:
            raise ValueError("folds must list the photos' groups, else no probability can be fitted out of fold")
        return self


def read_settings(path: Path | None, *, photos: Sequence[Path], output: Path) -> TrainingSettings:
    """Read a TOML file of :class:`TrainingSettings`; without one the defaults hold.

    ``photos`` and ``output`` come from the command line, as they differ from machine to machine.

    Raises:
        SettingsError: The file cannot be read, is no TOML, or a value is missing, unknown or out of range.
    """
    try:
        content = {} if path is None else tomllib.loads(path.read_text(encoding="utf-8"))
        return TrainingSettings.model_validate({**content, "photos": tuple(photos), "output": output})
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; name a TOML file of training settings") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML ({error}); see docs/training.md") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'settings'}: {fault['msg']}" for fault in error.errors()
        )
        raise SettingsError(f"{path or 'training settings'}: {faults}") from error
