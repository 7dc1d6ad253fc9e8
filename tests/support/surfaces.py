"""Drawn surfaces to put defects on: noisy plates, and a smooth part on a rough ground."""

import numpy as np


def plate(height: int = 240, width: int = 320, level: float = 120.0, noise: float = 2.0, seed: int = 0) -> np.ndarray:
    """Return a BGR picture of one even surface with independent noise in every channel."""
    values = np.random.default_rng(seed).normal(level, noise, (height, width, 3))
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def part_on_ground(seed: int = 0) -> np.ndarray:
    """Return a 320 x 480 BGR picture: a smooth dark part at x 80-399, y 60-259 on a brighter, rough ground."""
    picture = plate(320, 480, 90.0, 14.0, seed)
    picture[60:260, 80:400] = plate(200, 320, 40.0, 1.0, seed + 1)
    return picture
