import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.types import Decision
from models.audit import Audit, Claim, figures, render_report, report_picture
from models.audit.classical import ClassicalResult
from models.audit.incumbent import MARGIN, compare_bundles
from models.audit.people import Opinion
from models.audit.repeat import Shots
from models.evaluation import JudgedImage
from tests.support.judgements import SUBJECT, audit, judged, label, many, predicted

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Checks that tags are balanced; collects text, and whatever would load something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.links = "", []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "iframe"}
        self.links += [value for name, value in attrs if name in {"href", "src", "xlink:href"}]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(found: Audit, **pictures: Any) -> Page:
    return Page(render_report(found, {f"{name}.png": shown for name, shown in pictures.items()}))


def images() -> list[JudgedImage]:
    return [
        image
        for group in ("red", "blue")
        for image in (*many("reject", 0.95, 15, group=group), *many("accept", 0.05, 15, group=group))
    ]


def test_the_first_words_answer_whether_to_trust_it() -> None:
    text = page(audit(images(), replace(SUBJECT, parts_needed=59))).text
    assert text.index("Can I trust this model?") < text.index("Not yet: provisional.") < text.index("Rates")
    assert "at least 57 more are needed" in text
    claimed = replace(SUBJECT, claim=Claim(escape_upper=0.1, confidence=0.95, defective_parts=29))
    assert "Yes, for parts like these." in page(audit(images(), claimed)).text
    assert "No." in page(audit([*images(), *many("reject", 0.1, 30, group="red")], claimed)).text


def test_it_says_where_every_claim_ends() -> None:
    text = page(audit(images())).text
    assert "a new product model, another lamp" in text
    assert "a new supplier" in text


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_run() -> None:
    shown = report_picture(np.full((60, 80, 3), 90, np.uint8), judged("reject", 0.1, labels=(label(),)))
    found = page(audit([*images(), judged("reject", 0.1, "bad", labels=(label(),))]), bad=shown)
    assert len(found.links) == 2
    assert all(link.startswith("data:image/jpeg;base64,") for link in found.links)


def test_names_are_text_and_never_markup() -> None:
    nasty = '<script>alert("x")</script>&'
    found = audit(
        [
            *many("reject", 0.1, 2, group=nasty),
            *many("accept", 0.9, 2, group="b"),
            judged("reject", 0.1, nasty, labels=(label(nasty),)),
        ],
        replace(SUBJECT, bundle=nasty, product=nasty, data=nasty, judged=nasty, date=nasty),
        opinions=[Opinion(file=f"{nasty}.png", person=person, decision=Decision.ACCEPT) for person in (nasty, "b")],
    )
    assert page(found).text.count(nasty) >= 8


def test_rates_stand_with_counts_and_intervals() -> None:
    text = page(audit([*images(), judged("reject", 0.1, "escaped", group="red")])).text.replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert "1/31 = 3.2 % 0.1 to 16.7 %" in text
    assert "The one escape" in text
    assert "Nearest to an overkill (no overkill)" in text


def test_pictures_that_chose_the_limits_have_counts_and_no_interval() -> None:
    shots = Shots(name="x.png", bad=False, decisions=(Decision.ACCEPT, Decision.REJECT), scores=(0.1, 0.9))
    chose = replace(SUBJECT, chose_limits=True)
    text = page(audit([*images(), judged("reject", 0.1, "escaped", group="red")], chose, jitter=[shots])).text
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    assert "1/31 = 3.2 %" in text
    assert "0.1 to 16.7 %" not in text
    assert "no interval: they chose the limits" in text
    assert not re.search(r"\d/\d+ = [\d.]+ % [\d.]+ to", text)


def test_a_picture_that_cannot_be_shown_keeps_its_figures() -> None:
    text = page(audit([judged("reject", 0.123, "gone", group="red", labels=(label("crack"),))])).text
    assert "The picture could not be shown." in text
    assert "gone.png" in text
    assert "score 0.123; accept; 0.077 beyond the accept limit; crack" in text


def test_findings_that_were_asked_for_have_their_sections() -> None:
    ours = images()
    shots = Shots(name="flipping.png", bad=False, decisions=(Decision.ACCEPT, Decision.REJECT), scores=(0.1, 0.9))
    found = audit(
        ours,
        comparison=compare_bundles(ours, ours, label="old-1 (12345678)", alike=False, margin=MARGIN),
        opinions=[
            Opinion(file=image.entry.file, person=person, decision=Decision.REJECT if image.bad else Decision.ACCEPT)
            for image in ours
            for person in ("Ann", "Ben", "Eve")
        ],
        jitter=[shots],
        prior=0.02,
        classical=ClassicalResult(images=tuple(ours)),
    )
    text = page(found).text
    for words in ("Against the incumbent old-1 (12345678)", "Not releasable", "Fleiss' kappa", "flipping.png", "2.00"):
        assert words in text


def test_what_was_not_asked_for_is_said_or_left_out() -> None:
    text = page(audit(images())).text
    assert "There is no classical baseline" in text
    assert "--repeat 3" in text
    assert "incumbent" not in text
    assert "Beside people" not in text


def test_very_many_groups_are_cut_to_those_that_matter_and_it_is_said() -> None:
    crowd = [judged("accept", 0.1, f"{place}", group=f"g{place:03}") for place in range(99)]
    text = page(audit([*crowd, judged("reject", 0.1, "bad", group="gravest")])).text
    assert text.count("gravest") == 3
    assert "30 of 100 groups are shown" in text


scores = st.one_of(st.none(), st.floats(0.0, 1.0))
lists = st.lists(
    st.builds(
        lambda truth, score, group, part: (truth, score, group, part),
        st.sampled_from(["accept", "reject"]),
        scores,
        st.sampled_from([None, "a", "b"]),
        st.sampled_from([None, "1", "2"]),
    ),
    min_size=1,
    max_size=14,
)


@given(lists, st.sampled_from([0.0, 0.3, 1.0]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_judged_pictures_make_a_sound_page_and_plain_json(
    drawn: list[tuple[Any, float | None, str | None, str | None]], prior: float, repeated: bool
) -> None:
    shown = [
        judged(truth, score, f"{place}", group=group, part=part, view="top" if repeated and part else None)
        for place, (truth, score, group, part) in enumerate(drawn)
    ]
    comparison = compare_bundles(shown, shown, label="old", alike=False, margin=MARGIN)
    found = audit(shown, replace(SUBJECT, prior=prior), comparison=comparison, prior=0.01)
    page(found)
    told = json.loads(json.dumps(figures(found), allow_nan=False))
    assert told["audit"]["incumbent"]["escapes"]["bundle_only"] == 0
    assert len(told["per_image"]) == len(drawn)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2000, 40, 3), (40, 2000, 3), (300, 400, 3)])
def test_pictures_of_any_shape_are_made_small(shape: tuple[int, int, int]) -> None:
    image = judged("reject", 0.1, labels=(label(at=(0, 0, 3, 3)),), boxes=(predicted((0, 0, 1, 1)),))
    shown = report_picture(np.random.default_rng(0).integers(0, 255, shape, np.uint8), image)
    assert shown.size == (shape[1], shape[0])
    assert len(shown.whole) < 120_000
    if shown.region is not None:
        x, y, width, height = shown.region
        assert 0 <= x <= x + width <= shape[1]
        assert 0 <= y <= y + height <= shape[0]


def test_the_detail_is_around_the_labelled_defect_and_left_out_where_it_fills_the_picture() -> None:
    blank = np.zeros((1000, 1000, 3), np.uint8)
    small = report_picture(blank, judged("reject", 0.1, labels=(label(at=(700, 200, 40, 20)),)))
    assert small.region is not None
    x, y, width, height = small.region
    assert x < 700
    assert x + width > 740
    assert y < 200
    assert y + height > 220
    assert report_picture(blank, judged("reject", 0.1, labels=(label(at=(0, 0, 900, 900)),))).detail is None
    assert report_picture(blank, judged("accept", 0.1)).detail is None
