"""What a virtual line may be asked for, and the reader of its query string."""

import math
from dataclasses import dataclass, fields
from typing import Final, cast

_LARGEST_SEED: Final = 2**32 - 1
_LIMITS: Final[dict[str, tuple[float, float]]] = {
    "seed": (0, _LARGEST_SEED),
    "defects": (0.0, 1.0),
    "lighting": (0.05, 4.0),
    "drift": (-1.0, 1.0),
    "width": (160, 4096),
    "height": (90, 3072),
}
_WHOLE_NUMBERS: Final = frozenset({"seed", "width", "height"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualParameters:
    """A virtual line, from which every part follows.

    Attributes:
        seed: Chooses the phone models, the order of parts and every defect (0 to 2**32 - 1).
        defects: Share of defective parts (0 to 1).
        lighting: Gain of the light, 1 as commissioned (0.05 to 4).
        drift: Relative change of the light per 1000 parts (-1 to 1); the gain stays within the limits of `lighting`.
        width: Columns of a frame, pixels (160 to 4096).
        height: Rows of a frame, pixels (90 to 3072).

    Raises:
        ValueError: A value is not a number of the right kind or is outside its range.
    """

    seed: int = 0
    defects: float = 0.25
    lighting: float = 1.0
    drift: float = 0.0
    width: int = 1920
    height: int = 1080

    def __post_init__(self) -> None:
        for name, (lowest, highest) in _LIMITS.items():
            value: object = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole and (name in _WHOLE_NUMBERS or not isinstance(value, float)):
                raise ValueError(_complaint(name, value))
            if not lowest <= cast("float", value) <= highest:
                raise ValueError(_complaint(name, value))

    def gain(self, index: int) -> float:
        """Gain of the light at one part, after drift and kept within the limits of `lighting`."""
        lowest, highest = _LIMITS["lighting"]
        return min(max(self.lighting * (1.0 + self.drift * index / 1000.0), lowest), highest)


def parse_parameters(query: str) -> VirtualParameters:
    """Read `seed=1&defects=0.25&lighting=0.8`; an empty query gives the defaults.

    Raises:
        ValueError: A key is unknown or repeated, or a value is no number or outside its range.
    """
    values: dict[str, float] = {}
    for item in query.removeprefix("?").split("&") if query.removeprefix("?") else ():
        name, equals, text = item.partition("=")
        if name not in _LIMITS:
            message = f"virtual line: unknown parameter {name!r} in {query!r}; known are {', '.join(_LIMITS)}"
            raise ValueError(message)
        if name in values:
            message = f"virtual line: parameter {name!r} is given more than once in {query!r}; keep one"
            raise ValueError(message)
        if not equals:
            raise ValueError(_complaint(name, ""))
        values[name] = _number(name, text)
    return VirtualParameters(**values)  # type: ignore[arg-type]  # _number returns int for the whole-number fields


def _number(name: str, text: str) -> float:
    plain = text.isascii() and "_" not in text and text == text.strip()
    try:
        value = (int(text) if name in _WHOLE_NUMBERS else float(text)) if plain else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(_complaint(name, text))
    return value


def _complaint(name: str, value: object) -> str:
    lowest, highest = _LIMITS[name]
    kind = "a whole number" if name in _WHOLE_NUMBERS else "a number"
    default = next(field.default for field in fields(VirtualParameters) if field.name == name)
    return f"virtual line: {name}={value!s:.40} is refused; give {kind} from {lowest} to {highest} (default {default})"
