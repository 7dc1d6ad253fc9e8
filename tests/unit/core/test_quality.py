"""Frames that must not be judged are named for what is wrong with them."""

import math
from dataclasses import replace

import pytest

from edge.core.codes import Code
from edge.core.quality import FrameQuality, QualityLimits, quality_fault

GOOD = FrameQuality(brightness=60.0, contrast=90.0, sharpness=20.0, clipped=0.01)
LIMITS = QualityLimits(brightness_min=10, brightness_max=200, contrast_min=20, sharpness_min=5, clipped_max=0.2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, Code.NONE),
        ({"brightness": 9.9}, Code.TOO_DARK),
        ({"brightness": 201.0}, Code.TOO_BRIGHT),
        ({"clipped": 0.3}, Code.TOO_BRIGHT),
        ({"contrast": 19.0}, Code.TOO_FLAT),
        ({"sharpness": 4.0}, Code.BLURRED),
        ({"sharpness": math.nan}, Code.FRAME_UNREADABLE),
        ({"brightness": math.inf}, Code.FRAME_UNREADABLE),
    ],
)
def test_each_fault_has_its_name(change, code):
    assert quality_fault(replace(GOOD, **change), LIMITS) == code
