"""The expected escape rate beside the claim: where it can be told, and in which words."""

from dataclasses import replace

from edge.core.types import Limits
from models.audit.expected import ExpectedRisk, expected_risk, expected_section, expected_words
from models.evaluation import InForce, JudgedImage, join_parts
from tests.support.judgements import LIMITS, SUBJECT, audit, judged, many


def found(images: list[JudgedImage], limits: InForce = LIMITS, **subject: object) -> ExpectedRisk | str:
    return expected_risk(images, join_parts(images), limits, replace(SUBJECT, **subject))


def bad_groups(number: int, first: float = 0.3) -> list[JudgedImage]:
    return [judged("reject", first + 0.01 * place, f"bad{place}", group=f"g{place}") for place in range(number)]


def test_too_few_independent_parts_say_how_many_it_takes() -> None:
    told = found([*bad_groups(7), *many("reject", 0.9, 60, group="g0")])
    assert isinstance(told, ExpectedRisk)
    assert expected_words(told) == (
        "To keep the expected escape rate at 5 % takes 19 independent defective parts; these are 7."
    )


def test_enough_parts_bound_it_up_to_a_limit() -> None:
    told = found(bad_groups(39))
    assert isinstance(told, ExpectedRisk)
    assert (told.conformal.rank, told.conformal.score) == (2, 0.31)
    assert "of up to 0.3100, the score of rank 2 from below; the one in force, 0.2000, is no higher." in expected_words(
        told
    )
    lax = found(bad_groups(39, first=0.05))
    assert isinstance(lax, ExpectedRisk)
    assert "is higher: on average it lets more pass" in expected_words(lax)


def test_a_part_of_several_views_counts_by_its_worst_view_and_a_group_by_its_best_hidden_part() -> None:
    images = [
        judged("reject", 0.1, "a", part="1", view="top", group="g"),
        judged("reject", 0.7, "b", part="1", view="side", group="g"),
        judged("reject", 0.6, "c", part="2", view="top", group="g"),
        judged("reject", None, "d", part="3", view="top", group="h"),
        *bad_groups(18, first=0.8),
    ]
    told = found(images)
    assert isinstance(told, ExpectedRisk)
    assert (told.conformal.parts, told.conformal.score) == (19, 0.6)


def test_it_is_not_told_where_nothing_stands_behind_it() -> None:
    views = {"top": LIMITS, "side": Limits(accept_below=0.1, reject_above=0.8)}
    assert "views have limits of their own" in str(found(bad_groups(20), views))
    assert "had a part in making" in str(found(bad_groups(20), trained_files=("bad0.png",)))
    assert "had a part in making" in str(found(bad_groups(20), commissioned_files=("bad0.png",)))
    assert "no defective part" in str(found([judged("accept", 0.1)]))


def test_the_report_tells_it_and_that_it_is_an_average() -> None:
    section = expected_section(audit(bad_groups(20)).expected)
    assert "average over draws" in section
    assert "arXiv 2208.02814" in section
    assert "Not to be told" in expected_section(audit([judged("accept", 0.1)]).expected)
