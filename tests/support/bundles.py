"""Small bundles for tests: valid in every byte, with a network that nothing loads."""

import hashlib
import json
from typing import Any

import cv2
import numpy as np

from models.bundle import Manifest
from models.bundle.stored_zip import pack_stored
from models.bundle.writing import pack


def manifest(**changes: Any) -> Manifest:
    content: dict[str, Any] = {
        "schema_version": 1,
        "name": "toy",
        "version": 3,
        "product": "phone",
        "input": {
            "width": 64,
            "height": 32,
            "colour": "bgr",
            "rectify": "none",
            "resize": "fit",
            "pad": 128,
            "normalisation": "(x-128)/128",
        },
        "output": {"stride": 4, "channel_classes": [2, 1]},
        "classes": [{"id": 1, "name": "oil"}, {"id": 2, "name": "scratch"}],
        "calibration": {"aggregation": "top_mean", "top_cells": 2, "slope": 1.0, "intercept": 0.0, "prior": 0.5},
        "decision": {"accept_below": 0.2, "reject_above": 0.8, "risk_claim": None},
        "boxes": {"grow_logit": 0.0, "peak_logit": 1.0, "minimum_cells": 1, "merge_cells": 1, "maximum": 20},
        "quality": {
            "brightness_min": 3.0,
            "brightness_max": 250.0,
            "contrast_min": 4.0,
            "sharpness_min": 0.0,
            "clipped_max": 0.9,
        },
        "datasets": [],
        "parent": None,
        "teacher": None,
        "tools": [],
        "members": [],
    }
    return Manifest.model_validate_json(json.dumps(content | changes))


def members() -> dict[str, bytes]:
    picture = cv2.imencode(".png", np.full((8, 8, 3), 60, np.uint8))[1].tobytes()
    expected = {"golden": [{"picture": "golden/01.png", "pixels_sha256": "0" * 64, "score": 0.25, "boxes": []}]}
    return {
        "model.tflite": b"no network",
        "metrics.json": b"{}\n",
        "report.html": b"<!doctype html>\n",
        "MODEL_CARD.md": b"# toy\n",
        "golden/01.png": picture,
        "golden/expected.json": json.dumps(expected).encode(),
    }


def packed() -> bytes:
    return pack(manifest(), members())


def packed_as(manifest: dict[str, Any]) -> bytes:
    """Return a bundle whose manifest is any object, with the hashes of its members where that can hold them."""
    contents = members()
    listed = [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(contents.items())
    ]
    head = json.dumps({"members": listed} | manifest).encode("utf-8", "surrogatepass")
    return pack_stored([("bundle.json", head), *sorted(contents.items())])
