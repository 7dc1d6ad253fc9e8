"""The page and the object of a replay, from values alone."""

from dataclasses import replace

import numpy as np

from edge.core.paired_evidence import EvidenceRule
from edge.core.replay import Missing, MissingPart, ReplayedPart, ReplayedPicture, Said, weigh_replay
from edge.core.types import Box, Decision, Limits
from models.audit.pictures import small_picture
from models.audit.subject import SubjectView
from models.replay.page import SHOWN_MAX, render_replay, shown_parts
from models.replay.summary import Period, Replay, figures

LIMITS = Limits(accept_below=0.1, reject_above=0.9)
BOX = Box(x=1, y=2, width=3, height=4, category="scratch", category_id=1, score=0.9)


def part(trig: int, name: str = "P") -> ReplayedPart:
    return ReplayedPart(
        name=name,
        session=7,
        trig=trig,
        received_at=1_760_000_000_000,
        incumbent=Said(decision=Decision.REJECT, code=1001, score=0.95),
        candidate=Said(decision=Decision.ACCEPT, code=0, score=0.05),
        truth="reject",
        source="gauge",
        pictures=(ReplayedPicture(file=f"{trig}.jpg", camera="top", incumbent=(BOX,), candidate=()),),
    )


def missing(trig: int, why: Missing = Missing.NOT_SPOOLED, detail: str = "") -> MissingPart:
    return MissingPart(name="", session=7, trig=trig, received_at=None, why=why, detail=detail)


def replayed(*parts: ReplayedPart) -> Replay:
    return Replay(
        source="/var/lib/linegate",
        period=Period(since_ms=1_760_000_000_000, until_ms=1_760_000_060_000),
        label="phones-5",
        bundle="ab" * 32,
        views=(SubjectView(name="top", bundle="phones-5", limits=LIMITS, bundle_limits=LIMITS),),
        incumbent=(),
        other_limits=False,
        parts=parts,
        outcome=weigh_replay(parts, EvidenceRule()),
    )


def test_neighbours_that_miss_for_one_reason_are_told_as_one_run() -> None:
    found = figures(
        replace(
            replayed(part(1)),
            missing=(
                missing(2),
                missing(3),
                missing(4, Missing.PRUNED),
                missing(6),
                missing(7, Missing.UNREADABLE, "a.jpg"),
                missing(8, Missing.UNREADABLE, "b.jpg"),
            ),
        )
    )
    runs = [(one["trig"], one["trig_last"], one["why"]) for one in found["missing_parts"]]
    assert runs == [
        (2, 3, "not_spooled"),
        (4, 4, "pruned"),
        (6, 6, "not_spooled"),
        (7, 7, "unreadable"),
        (8, 8, "unreadable"),
    ]
    assert found["counts"]["recorded"] == 7


def test_boxes_of_both_judges_are_drawn_over_the_picture() -> None:
    one = replace(part(1), pictures=(replace(part(1).pictures[0], candidate=(replace(BOX, x=9),)),))
    page = render_replay(replayed(one), {"1.jpg": small_picture(np.zeros((48, 64, 3), np.uint8))})
    assert page.count("data:image/jpeg;base64,") == 1
    assert page.count("<rect") == 2
    assert page.count('stroke-dasharray="5 3"') == 1


def test_a_part_without_its_picture_is_shown_by_its_figures() -> None:
    page = render_replay(replayed(part(1)), {})
    assert "reject (0.950, defect of class 1) &rarr; accept (0.050)" in page
    assert "in truth defective (gauge)" in page


def test_names_from_outside_are_no_markup() -> None:
    page = render_replay(replayed(part(1, "<script>alert(1)</script>")), {})
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_at_most_sixty_parts_are_shown_and_the_page_says_so() -> None:
    many = replayed(*(part(trig) for trig in range(SHOWN_MAX + 5)))
    assert len(shown_parts(many.parts)) == SHOWN_MAX
    assert f"The {SHOWN_MAX} most telling of {SHOWN_MAX + 5}." in render_replay(many, {})


def test_without_differences_it_says_none() -> None:
    same = replace(part(1), candidate=part(1).incumbent)
    assert "<p>None.</p>" in render_replay(replayed(same), {})
