"""A virtual inspection line: photo-like phone front glasses with exact ground truth, drawn from a seed."""

from camera.virtual.line import VirtualLine
from camera.virtual.parameters import VirtualParameters, parse_parameters
from camera.virtual.part import DEFECT_CLASSES, PartPlan, VirtualDefect, VirtualPart

__all__ = [
    "DEFECT_CLASSES",
    "PartPlan",
    "VirtualDefect",
    "VirtualLine",
    "VirtualParameters",
    "VirtualPart",
    "parse_parameters",
]
