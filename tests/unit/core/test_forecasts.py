import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.forecasts import duration_in_words, forecast, labelled_parts_needed, parts_to_promote
from edge.core.paired_evidence import ErrorKind, EvidenceRule, PairedEvidence, PairTable, log_against, log_not_worse
from edge.core.types import Decision
from tests.support.roll_outs import counts_of

ACCEPT, REJECT = Decision.ACCEPT, Decision.REJECT


def labelled(alike: int, incumbent_only: int = 0) -> PairedEvidence:
    cells = [0] * 9
    cells[4] = alike
    cells[1] = incumbent_only
    return PairedEvidence(defective=PairTable(cells=tuple(cells)))


def test_a_candidate_that_alone_errs_needs_just_the_pairs_that_stop_it() -> None:
    rule = EvidenceRule()
    needed = labelled_parts_needed(worse_by=1.0, incumbent_only=0.0, rule=rule)
    assert log_against(counts_of(needed, 0)) >= rule.log_stop > log_against(counts_of(needed - 1, 0))


def test_where_the_two_never_differ_the_forecast_of_promotion_is_exact() -> None:
    rule = EvidenceRule()
    needed = parts_to_promote(each_only=0.0, rule=rule)
    assert log_not_worse(counts_of(0, 0, needed), rule.margin) >= rule.log_promotion
    assert log_not_worse(counts_of(0, 0, needed - 1), rule.margin) < rule.log_promotion


@settings(max_examples=8, deadline=None)
@given(st.floats(0.15, 0.4), st.floats(0.0, 0.1), st.floats(0.02, 0.1))
def test_more_noise_and_smaller_differences_need_more(worse_by: float, alone: float, more: float) -> None:
    needed = labelled_parts_needed(worse_by=worse_by, incumbent_only=alone)
    assert labelled_parts_needed(worse_by=worse_by + more, incumbent_only=alone) < needed
    assert labelled_parts_needed(worse_by=worse_by, incumbent_only=alone + more) > needed


def test_the_forecast_counts_what_has_come() -> None:
    begun = forecast(PairedEvidence(), ErrorKind.ESCAPE, per_day=100.0)
    later = forecast(labelled(150), ErrorKind.ESCAPE, per_day=100.0)
    assert begun.remaining == begun.needed
    assert later.remaining == later.needed - 150
    assert later.needed < begun.needed  # the two differ less than was assumed
    assert later.days == pytest.approx(later.remaining / 100.0)
    assert later.in_words.endswith("at this rate")


def test_once_enough_have_come_it_says_so() -> None:
    assert forecast(labelled(5000), ErrorKind.ESCAPE, per_day=0.0).in_words == "enough labelled parts have come"


def test_where_no_labels_come_it_says_so() -> None:
    told = forecast(PairedEvidence(), ErrorKind.OVERKILL, per_day=0.0)
    assert told.days is None
    assert told.in_words == f"{told.needed} more labelled good parts; none come at present"


def test_an_incumbent_that_errs_on_everything_still_gets_a_forecast() -> None:
    assert forecast(labelled(0, incumbent_only=400), ErrorKind.ESCAPE, per_day=1.0).needed > 5000


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0.0, "less than an hour"),
        (0.04, "less than an hour"),
        (0.2, "about 5 hours"),
        (1.9, "about 46 hours"),
        (2.5, "about 3 days"),
        (20.9, "about 21 days"),
        (22.0, "about 4 weeks"),
        (90.0, "about 13 weeks"),
        (91.0, "more than 3 months"),
    ],
)
def test_a_time_is_told_as_people_tell_it(days: float, words: str) -> None:
    assert duration_in_words(days) == words


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="worse_by"):
        labelled_parts_needed(worse_by=0.0, incumbent_only=0.1)
    with pytest.raises(ValueError, match="worse_by"):
        labelled_parts_needed(worse_by=0.2, incumbent_only=0.5)
    with pytest.raises(ValueError, match="power"):
        labelled_parts_needed(worse_by=0.2, incumbent_only=0.1, power=1.0)
    with pytest.raises(ValueError, match="each_only"):
        parts_to_promote(each_only=0.6)
    with pytest.raises(ValueError, match="per day"):
        forecast(PairedEvidence(), ErrorKind.ESCAPE, per_day=-1.0)
    with pytest.raises(ValueError, match="larger difference"):
        labelled_parts_needed(worse_by=0.000001, incumbent_only=0.0)
    with pytest.raises(ValueError, match="negative"):
        duration_in_words(-1.0)


def rows(after: str) -> list[list[str]]:
    """Return the cells of the first table of docs/statistics.md after some words, without its head."""
    text = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text(encoding="utf-8").partition(after)[2]
    lines = [line for line in text.partition("\n\n| ")[2].splitlines() if line]
    body = [line for line in lines[2:] if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body[: _length(lines[2:])]]


def _length(lines: list[str]) -> int:
    return next((place for place, line in enumerate(lines) if not line.startswith("|")), len(lines))


def test_the_page_for_quality_engineers_shows_what_the_rules_give() -> None:
    rule = EvidenceRule()
    shown = rows("## Evidence")
    assert len(shown) == 7
    for candidate, incumbent, e_value, stopped in shown:
        log_e = log_against(counts_of(int(candidate), int(incumbent)))
        assert (round(math.exp(log_e)), log_e >= rule.log_stop) == (int(e_value), stopped == "yes")


def test_the_page_for_quality_engineers_shows_what_is_forecast() -> None:
    shown = rows("## How long it takes")
    assert len(shown) == 5
    for alone, *needed, equal in shown[:3]:
        share = float(alone.rstrip(" %")) / 100.0
        assert parts_to_promote(each_only=share) == int(equal)
        for worse_by, told in zip((0.05, 0.1, 0.2), needed[1:], strict=True):
            assert labelled_parts_needed(worse_by=worse_by, incumbent_only=share) == int(told)
