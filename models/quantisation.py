"""How a quantised tensor stores real values."""

import math
from dataclasses import dataclass
from typing import Final

_LOWEST: Final = -128
_HIGHEST: Final = 127
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantisation:
    """A real value is ``scale`` x (stored value - ``zero_point``); ``scale`` is above 0."""

    scale: float
    zero_point: int

    def real(self, stored: float) -> float:
        """Return the real value of a stored one."""
        return self.scale * (stored - self.zero_point)

    def level(self, real: float) -> int:
        """Return the lowest int8 value that stands for at least ``real``; 128 if none does."""
        exact = real / self.scale + self.zero_point
        return math.ceil(min(max(exact - _ROUNDING, float(_LOWEST)), float(_HIGHEST + 1)))
