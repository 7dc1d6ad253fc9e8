"""Draws docs/images/verdict.jpg: virtual phones as the station judges them, with the shipped bundle's boxes."""

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual import VirtualLine, VirtualParameters
from deploy.active import shipped_bundle
from edge.core.codes import describe
from edge.core.policy import judge_view
from edge.core.types import Box, Decision, Verdict
from edge.inspector.examine import examine
from models.bundle import read_bundle
from models.detector import Detector

TARGET = Path(__file__).parent / "images" / "verdict.jpg"
COLOURS = {Decision.ACCEPT: (90, 200, 90), Decision.REJECT: (60, 60, 235), Decision.CANNOT_JUDGE: (40, 190, 235)}
BAND, FONT = 90, cv2.FONT_HERSHEY_SIMPLEX
WANTED = (Decision.REJECT, Decision.ACCEPT)


def annotate(image: NDArray[np.uint8], verdict: Verdict, boxes: tuple[Box, ...], title: str) -> NDArray[np.uint8]:
    """Return the picture (BGR) with its boxes and, below it, the verdict in words."""
    colour = COLOURS[verdict.decision]
    shown = cv2.copyMakeBorder(image, 0, BAND, 0, 0, cv2.BORDER_CONSTANT, value=(32, 32, 32))
    for box in boxes:
        corner = (box.x + box.width, box.y + box.height)
        cv2.rectangle(shown, (box.x - 6, box.y - 6), (corner[0] + 6, corner[1] + 6), colour, 4)
        label = f"{box.category} {box.score:.2f}"
        cv2.putText(shown, label, (box.x - 6, max(box.y - 18, 30)), FONT, 1.1, colour, 3, cv2.LINE_AA)
    words = verdict.decision.label.upper().replace("_", " ")
    why = f", {describe(verdict.code)}" if verdict.code else ""
    score = "-" if verdict.score is None else f"{verdict.score:.3f}"
    text = f"{words}   {title}   defect probability {score}{why}"
    cv2.putText(shown, text, (30, image.shape[0] + 58), FONT, 1.3, colour, 3, cv2.LINE_AA)
    return shown


def main() -> None:
    """Judge virtual parts until one of each wanted verdict is found, and draw them side by side."""
    bundle = read_bundle(shipped_bundle())
    detector, manifest = Detector.load(bundle), bundle.manifest
    line = VirtualLine(VirtualParameters(seed=7, defects=0.6))
    found: dict[Decision, NDArray[np.uint8]] = {}
    for index in range(200):
        part = line.render(index)
        limits, quality = manifest.decision.limits(), manifest.quality.limits()
        view = examine(part.image, camera="top", judge=detector, quality=quality, limits=limits).judgement
        verdict = judge_view(view)
        honest = (verdict.decision is Decision.REJECT) == (part.verdict == "reject")
        if honest and verdict.decision in WANTED and verdict.decision not in found:
            found[verdict.decision] = annotate(part.image, verdict, view.boxes, part.part_id)
        if len(found) == len(WANTED):
            break
    sheet = np.hstack([found[decision] for decision in WANTED if decision in found])
    TARGET.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(TARGET), cv2.resize(sheet, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    sys.stdout.write(f"{TARGET}\n")


if __name__ == "__main__":
    main()
