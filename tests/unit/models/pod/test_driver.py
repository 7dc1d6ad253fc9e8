import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from models.pod.comparison import RealDefect
from models.pod.driver import StudyReport, run_study
from models.pod.implants import Kind
from models.pod.judging import Judgement
from models.pod.plans import Grid
from models.pod.summary import Provenance
from tests.support.judges import plates, seeing

PLAN: dict[Kind, Grid] = {
    "spot": Grid(sizes=(5.0, 10.0, 20.0), contrasts=(0.03, 0.07, 0.15, 0.3), repeats=6),
    "crack": Grid(sizes=(900.0,), contrasts=(0.1,), repeats=60),
}
PROVENANCE = Provenance(judge="toy-1 <accept below 0.375>", bases="plates & parts left out of training")
REAL = [RealDefect(kind="spot", size=12.0, contrast=0.2, hit=True)]
VOID = {"meta", "line", "br"}


@pytest.fixture(scope="module")
def report() -> StudyReport:
    bases = plates(size=(400, 500))
    return run_study(bases, seeing(bases[2:]), PROVENANCE, plan=PLAN, real=REAL, hairlines_per_contrast=3)


def test_the_summary_is_plain_json(report: StudyReport) -> None:
    assert json.loads(json.dumps(report.summary, allow_nan=False)) == report.summary


def test_the_summary_says_that_it_is_synthetic_and_from_what(report: StudyReport) -> None:
    summary = report.summary
    assert (summary["title"], summary["synthetic"]) == ("Synthetic POD", True)
    assert summary["judge"] == PROVENANCE.judge
    assert summary["base_pictures"] == PROVENANCE.bases
    assert "MIL-HDBK-1823A" in summary["method"]
    assert "Training uses another renderer" in summary["renderer"]


def test_bases_left_out_are_counted_beside_the_false_call_rate(report: StudyReport) -> None:
    bases = report.summary["bases"]
    assert (bases["given"], bases["groups"], bases["accepted"]) == (8, 4, 6)
    assert bases["left_out_not_accepted"] == ["part0-0.png", "part0-1.png"]
    assert (bases["false_calls"]["count"], bases["false_calls"]["n"]) == (2, 8)
    assert bases["false_calls"]["per_group"]["part0"] == {"count": 2, "n": 2}


def test_a_class_has_curves_thresholds_and_every_implant_in_its_cells(report: StudyReport) -> None:
    spot = report.summary["classes"]["spot"]
    assert spot["implants"] == spot["wanted"] == 72
    assert sum(cell["implants"] for cell in spot["cells"]) == 72
    assert sum(cell["hits"] for cell in spot["cells"]) == spot["hits"]
    assert spot["bright"]["n"] + spot["dark"]["n"] == 72
    assert 0 < spot["located_hits"] <= spot["hits"] < 72
    strong = spot["at_contrast"][-1]
    assert strong["a90_95"]["status"] in {"reached", "below_range"}
    assert spot["at_contrast"][0]["a90_95"]["status"] == "not_reached"
    assert all(0.0 <= low <= pod <= high <= 1.0 for _, pod, low, high in strong["curve"])
    assert spot["warnings"] == ["the implants lie on 3 parts: their intervals are rough and may be too narrow"]


def test_a_class_that_cannot_be_drawn_says_why(report: StudyReport) -> None:
    crack = report.summary["classes"]["crack"]
    assert (crack["implants"], crack["left_out"]["count"], crack["model"]) == (0, 60, None)
    assert "no place for a crack" in crack["left_out"]["reasons"][0]["reason"]
    assert "at least 10 implants" in crack["model_fault"]
    assert "only 0 implants" in crack["warnings"][0]


def test_real_defects_and_hairlines_stand_beside_the_curves(report: StudyReport) -> None:
    assert report.summary["real"][0]["class"] == "spot"
    assert report.summary["real"][0]["n"] == 1
    rows = report.summary["hairlines"]["rows"]
    assert [row["contrast"] for row in rows] == [0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3]


def test_a_class_found_only_by_one_sign_is_marked() -> None:
    bases = plates()
    sees, levels = seeing(bases), [base.load().mean() for base in bases]

    def sees_bright(picture: np.ndarray) -> Judgement:
        brighter = picture.mean() > min(levels, key=lambda level: abs(level - picture.mean()))
        return sees(picture) if brighter else sees(bases[0].load())

    plan: dict[Kind, Grid] = {"spot": Grid(sizes=(20.0, 30.0), contrasts=(0.2, 0.3), repeats=30)}
    summary = run_study(bases, sees_bright, PROVENANCE, plan=plan, hairlines_per_contrast=1).summary
    warnings = " ".join(summary["classes"]["spot"]["warnings"])
    assert "darker implants are found less often" in warnings
    assert "brighter implants are found more often" in warnings


class Balance(HTMLParser):
    """Checks that every element is closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_fragment_is_whole_and_refers_to_nothing_outside(report: StudyReport) -> None:
    page = Balance()
    page.feed(report.html)
    page.close()
    assert page.open == []
    assert page.names[0] == "section"
    assert {"table", "svg", "polyline", "h2"} <= set(page.names)
    assert not {"script", "link", "img", "iframe", "html", "body"} & set(page.names)
    assert not re.search(r"(src|href|url\()", report.html)


def test_the_fragment_says_what_a_reader_must_know(report: StudyReport) -> None:
    page = Balance()
    page.feed(report.html)
    text = " ".join(page.texts)
    for words in (
        "Synthetic POD",
        "These defects are drawn, not real.",
        PROVENANCE.judge,
        PROVENANCE.bases,
        "not accepted: 2/8",
        "a90/95",
        "not reached",
        "Hairline scratches",
        "Beside real labelled defects",
        "60 left out",
    ):
        assert words in text
