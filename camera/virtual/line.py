"""The virtual line: part k, drawn from (parameters, k) alone."""

from functools import lru_cache
from typing import Final

import numpy as np

from camera.virtual.body import draw_body
from camera.virtual.defects import add_defect
from camera.virtual.drawing import happens
from camera.virtual.edge import draw_edge_light
from camera.virtual.features import draw_features
from camera.virtual.optics import draw_optics, noise_tile, photograph
from camera.virtual.parameters import VirtualParameters
from camera.virtual.part import DEFECT_CLASSES, PartPlan, VirtualDefect, VirtualPart
from camera.virtual.phone import draw_model
from camera.virtual.pose import draw_pose
from camera.virtual.room import draw_reflection
from camera.virtual.scene import TABLES, draw_scene, draw_table, table_tile
from camera.virtual.site import Site
from camera.virtual.wear import draw_wear

MODELS: Final = 400
_SHARES: Final = (0.26, 0.34, 0.24, 0.08, 0.08)
_DEFECTS_PER_PART: Final = (0.62, 0.26, 0.12)
_PLAN, _MODEL, _BENCH, _LENS, _TABLE, _NOISE, _VIEW, _DEFECT = range(8)


class VirtualLine:
    """Draws the parts of one virtual line; safe to share between threads.

    Args:
        parameters: Which line; two lines of equal parameters draw bit-identical parts in any order.
    """

    def __init__(self, parameters: VirtualParameters) -> None:
        self._parameters = parameters
        self._shape = parameters.height, parameters.width
        # What parts share; each is a pure function of its key, so a race costs time, never a result.
        self._noise = lru_cache(maxsize=1)(lambda: noise_tile(self._generator(_NOISE), self._shape))
        self._table = lru_cache(maxsize=len(TABLES))(
            lambda table: table_tile(self._generator(_TABLE, table), table, self._shape)
        )

    def plan(self, index: int) -> PartPlan:
        """What part `index` is, without drawing it; cheap.

        Raises:
            ValueError: The index is negative.
        """
        if index < 0:
            message = f"virtual line: part {index} does not exist; the first part is 0"
            raise ValueError(message)
        rng = self._generator(_PLAN, index)
        model_number = int(rng.integers(MODELS))
        defective = happens(rng, self._parameters.defects)
        count = int(rng.choice(len(_DEFECTS_PER_PART), p=_DEFECTS_PER_PART)) + 1
        categories = tuple(str(name) for name in rng.choice(DEFECT_CLASSES, count, p=_SHARES))
        return PartPlan(
            index=index,
            part_id=f"v{self._parameters.seed}-{index:06d}",
            verdict="reject" if defective else "accept",
            model_number=model_number,
            categories=categories if defective else (),
        )

    def render(self, index: int, *, clean: bool = False) -> VirtualPart:
        """Draw part `index`; `clean` draws the same part without its defects, as a good one.

        Raises:
            ValueError: The index is negative.
            RuntimeError: A defect cannot be made visible, as the light is too weak for the frame size.
        """
        plan = self.plan(index)
        number = plan.model_number
        model = draw_model(self._generator(_MODEL, number), number)
        scene = draw_scene(self._generator(_BENCH, number))
        view = self._generator(_VIEW, index)
        optics = draw_optics(self._generator(_LENS, number), view, self._parameters.gain(index))
        pose = draw_pose(view, model, self._shape, scene.habit)
        planes = np.empty((3, *self._shape), np.float32)
        draw_table(planes, scene, self._table(scene.table), pose.place(model.outline()), view)
        opened = "chip" in plan.categories or any(feature.kind == "hole" for feature in model.features)
        table = planes.copy() if opened else planes
        cover = draw_body(planes, draw_reflection(self._shape, model.glass, scene, view), model, pose)
        draw_wear(planes, model, pose, view)
        site = Site(planes, cover, model, pose, table)
        draw_features(site)
        draw_edge_light(planes, model, pose, view)
        defects: tuple[VirtualDefect, ...] = ()
        for position, category in enumerate(() if clean else plan.categories):
            rng = self._generator(_DEFECT, index, position)
            defects += (add_defect(site, category, optics, defects, rng),)
        image = photograph(planes, optics, self._noise(), view)
        image.flags.writeable = False
        return VirtualPart(index, image, plan.part_id, "reject" if defects else "accept", model.name, defects)

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng((self._parameters.seed, *key))
