"""Draws a phone's body: bezel, glass and display."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual.drawing import (
    Patch,
    Planes,
    add,
    blend,
    closed,
    pieces,
    polygon,
    stroke,
)
from camera.virtual.phone import PhoneModel
from camera.virtual.pose import Pose

_FINE: Final = 4.0


def draw_body(planes: Planes, reflection: Planes, model: PhoneModel, pose: Pose) -> NDArray[np.float32]:
    """Lay the phone over the table; `reflection` is a smaller picture of what its glass mirrors.

    Returns the phone's coverage of the frame, H x W, 0 to 1.
    """
    shape = planes.shape[1], planes.shape[2]
    cover = _full(polygon(shape, pose.place(model.outline())), shape)
    rest = np.float32(1.0) - cover
    lit = cover
    if model.bezel is not None:
        for plane, level in zip(planes, model.bezel, strict=True):
            cv2.multiply(plane, rest, dst=plane)
            cv2.scaleAdd(cover, level, plane, dst=plane)
        lit = _full(polygon(shape, pose.place(model.display())), shape)
        np.subtract(np.float32(1.0), lit, out=rest)
    light = np.empty(shape, np.float32)
    for plane, reduced in zip(planes, reflection, strict=True):
        cv2.resize(reduced, (shape[1], shape[0]), dst=light, interpolation=cv2.INTER_LINEAR)
        cv2.blendLinear(light, plane, lit, rest, plane)
    _draw_display_boundary(planes, model, pose)
    for piece in pieces(closed(pose.place(model.outline(0.5))), _FINE):
        blend(planes, stroke(shape, piece, 2), (9.0, 8.0, 8.0), 0.75 if model.bezel is None else 0.25)
    return cover


def _draw_display_boundary(planes: Planes, model: PhoneModel, pose: Pose) -> None:
    shape = planes.shape[1], planes.shape[2]
    if model.bezel is None and not model.screen_step:
        return
    for piece in pieces(closed(pose.place(model.display())), _FINE):
        line = stroke(shape, piece, 2)
        if model.bezel is None:
            add(planes, line, (abs(model.screen_step) * 0.6,) * 3)
        else:
            blend(planes, line, (8.0, 8.0, 8.0), 0.8)
    if model.bezel is None:
        add(planes, polygon(shape, pose.place(model.display())), (model.screen_step,) * 3)


def _full(patch: Patch, shape: tuple[int, int]) -> NDArray[np.float32]:
    full = np.zeros(shape, np.float32)
    full[patch.region.slices] = patch.weights()
    return full
