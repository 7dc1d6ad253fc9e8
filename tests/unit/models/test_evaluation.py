from typing import Any

import numpy as np
import pytest

from edge.core.dataset import DatasetImage, LabelledBox
from edge.core.types import Box, Decision, Limits
from models.box_matching import match_boxes
from models.evaluation import JudgedImage, evaluate_dataset

LIMITS = Limits(accept_below=0.2, reject_above=0.8)
SCORES = {Decision.ACCEPT: 0.1, Decision.REJECT: 0.9, Decision.CANNOT_JUDGE: None}


def judged(truth: Any, decision: Decision, **changes: Any) -> JudgedImage:
    entry = DatasetImage(
        id=changes.get("file", "x"),
        file=changes.pop("file", "x.jpg"),
        truth=truth,
        group=changes.pop("group", "g"),
        part_id=changes.pop("part", None),
        view=changes.pop("view", None),
        boxes=changes.pop("labels", ()),
    )
    return JudgedImage(
        entry=entry,
        decision=decision,
        code=1001 if decision is Decision.REJECT else 0,
        score=changes.pop("score", SCORES[decision]),
        **changes,
    )


def predicted(x: int, y: int, width: int, height: int) -> Box:
    return Box(x=x, y=y, width=width, height=height, category="oil", category_id=1, score=0.9)


def label(x: float, y: float, width: float, height: float, *, ignore: bool = False) -> LabelledBox:
    return LabelledBox(x=x, y=y, width=width, height=height, category="oil", ignore=ignore)


def test_rates_follow_their_definitions() -> None:
    report = evaluate_dataset(
        [
            judged("reject", Decision.ACCEPT, group="a"),
            judged("reject", Decision.REJECT, group="a"),
            judged("reject", Decision.REJECT, group="b"),
            judged("reject", Decision.CANNOT_JUDGE, group="b"),
            judged("accept", Decision.ACCEPT, group="a"),
            judged("accept", Decision.REJECT, group="b"),
            judged("accept", Decision.CANNOT_JUDGE, group="b", score=0.5),
            judged("accept", Decision.ACCEPT, group="b"),
            judged("accept", Decision.ACCEPT, group="b"),
        ],
        LIMITS,
    )
    values = {name: rate["value"] for name, rate in report["rates"].items()}
    assert values == {
        "escape": 1 / 4,
        "catch": 2 / 4,
        "overkill": 1 / 5,
        "not_accepted_good": 2 / 5,
        "abstention": 2 / 9,
        "abstention_good": 1 / 5,
        "abstention_bad": 1 / 4,
    }
    assert report["rates"]["escape"]["ci95"] == pytest.approx((0.00631, 0.80588), abs=1e-4)
    assert report["rates"]["escape"]["group_bootstrap95"] == (0.0, 0.5)
    assert report["counts"]["bad_accept"] == 1
    assert report["counts"]["failed_images"] == 1
    assert report["thresholds"] == {"accept_below": 0.2, "reject_above": 0.8}
    assert report["baselines"]["always_accept"]["escape"] == 1.0
    assert report["baselines"]["always_accept"]["not_accepted_good"] == 0.0


def test_views_of_a_part_count_once_and_the_worst_decides() -> None:
    report = evaluate_dataset(
        [
            judged("accept", Decision.ACCEPT, part="7", view="top"),
            judged("reject", Decision.REJECT, part="7", view="side"),
            judged("accept", Decision.CANNOT_JUDGE, part="8", view="top"),
            judged("accept", Decision.ACCEPT, part="8", view="side"),
        ],
        LIMITS,
    )
    assert report["counts"]["parts"] == 2
    assert report["rates"]["catch"]["value"] == 1.0
    assert report["rates"]["abstention_good"]["value"] == 1.0
    assert len(report["per_image"]) == 4


def test_no_escape_at_all_is_no_certainty() -> None:
    report = evaluate_dataset([judged("reject", Decision.REJECT, group=f"g{part % 7}") for part in range(68)], LIMITS)
    escape, catch = report["rates"]["escape"], report["rates"]["catch"]
    assert (escape["count"], escape["n"], escape["group_bootstrap95"], catch["group_bootstrap95"]) == (
        0,
        68,
        None,
        None,
    )
    assert escape["ci95"] == pytest.approx((0.0, 0.0528), abs=1e-4)


def test_a_side_without_parts_has_no_rates() -> None:
    report = evaluate_dataset([judged("accept", Decision.ACCEPT)], LIMITS)
    assert report["rates"]["escape"] == {
        "value": None,
        "count": 0,
        "n": 0,
        "ci95": None,
        "group_bootstrap95": None,
    }
    assert report["auroc"] is None
    assert report["box_recall"] is None
    assert report["latency_ms"] == {"p50": None, "p99": None}
    with pytest.raises(ValueError, match="no picture"):
        evaluate_dataset([], LIMITS)


def test_a_failed_picture_counts_worst_case() -> None:
    report = evaluate_dataset([judged("reject", Decision.CANNOT_JUDGE), judged("accept", Decision.ACCEPT)], LIMITS)
    assert report["auroc"] == 0.0
    assert report["per_image"][0] == {
        "file": "x.jpg",
        "group": "g",
        "truth": "reject",
        "score": None,
        "verdict": "cannot_judge",
        "code": 0,
        "boxes": [],
    }


def test_boxes_and_latency_are_reported() -> None:
    report = evaluate_dataset(
        [
            judged(
                "reject",
                Decision.REJECT,
                labels=(label(10, 10, 20, 20),),
                boxes=(predicted(12, 12, 20, 20), predicted(200, 200, 5, 5)),
                latency_ms=10.0,
            ),
            judged("accept", Decision.ACCEPT, boxes=(predicted(1, 1, 5, 5),), latency_ms=20.0),
        ],
        LIMITS,
    )
    assert (report["box_recall"], report["box_precision"]) == (1.0, pytest.approx(1 / 3))
    assert report["false_boxes_per_good"] == 1.0
    assert report["latency_ms"] == {"p50": 15.0, "p99": pytest.approx(19.9)}
    assert report["per_image"][1]["boxes"] == [[1, 1, 5, 5, "oil", 0.9]]


def counts(*boxes: Box, labels: list[LabelledBox], mask: np.ndarray | None = None) -> tuple[int, int, int, int]:
    found = match_boxes(boxes, labels, mask)
    return found.labelled, found.found, found.predicted, found.matched


def test_fragments_find_a_defect_once() -> None:
    long = [label(0, 0, 100, 10)]
    assert counts(predicted(0, 0, 40, 10), predicted(50, 0, 40, 10), labels=long) == (1, 1, 2, 2)


def test_covering_the_mask_is_enough_unless_the_box_is_huge() -> None:
    mask = np.zeros((200, 200), np.bool_)
    mask[10:20, 10:20] = True  # a tenth of its box, in one corner
    wide = [label(10, 10, 100, 10)]
    assert counts(predicted(5, 5, 12, 12), labels=wide, mask=mask) == (1, 1, 1, 1)
    assert counts(predicted(60, 10, 6, 10), labels=wide, mask=mask) == (1, 0, 1, 0)
    assert counts(predicted(0, 0, 150, 150), labels=wide, mask=mask) == (1, 0, 1, 0)
    assert counts(predicted(60, 10, 6, 10), labels=wide, mask=np.zeros_like(mask)) == (1, 0, 1, 0)


def test_ignored_regions_count_for_neither() -> None:
    ignored = [label(0, 0, 50, 50, ignore=True)]
    assert counts(predicted(5, 5, 4, 4), predicted(100, 100, 5, 5), labels=ignored) == (0, 0, 1, 0)
    both = [*ignored, label(0, 0, 10, 10)]
    assert counts(predicted(0, 0, 10, 10), labels=both) == (1, 1, 1, 1)
