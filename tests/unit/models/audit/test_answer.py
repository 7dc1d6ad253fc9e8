"""The first line of the report: each reason that forbids, puts off or supports, alone."""

from dataclasses import replace
from typing import Any

import pytest

from models.audit import Claim, SubjectView, audit_judgements
from models.audit.answer import Trust, Weight
from models.audit.classical import ClassicalResult
from models.audit.incumbent import MARGIN, compare_bundles
from models.audit.repeat import Shots
from models.evaluation import JudgedImage, match_images
from tests.support.judgements import LIMITS, SUBJECT, judged, many

CLAIM = Claim(escape_upper=0.05, confidence=0.95, defective_parts=59)
CLAIMED = replace(SUBJECT, claim=CLAIM)


def fine() -> list[JudgedImage]:
    return [
        image
        for group in "abc"
        for image in (*many("reject", 0.95, 20, group=group), *many("accept", 0.05, 20, group=group))
    ]


def answered(images: list[JudgedImage], subject: Any = CLAIMED, **findings: Any) -> tuple[Trust, dict[Weight, str]]:
    found = audit_judgements(match_images(images), LIMITS, subject, **findings).answer
    return found.trust, {weight: "\n".join(r.text for r in found.reasons if r.weight is weight) for weight in Weight}


def test_a_claim_that_nothing_contradicts_is_trusted() -> None:
    trust, reasons = answered(fine())
    assert trust is Trust.YES
    assert "0 of 60 defective parts were accepted" in reasons[Weight.FOR]
    assert "at most 5.0 % of defective parts escape" in reasons[Weight.FOR]


def test_a_provisional_bundle_is_not_and_the_missing_parts_are_counted_by_group() -> None:
    trust, reasons = answered(fine(), replace(SUBJECT, parts_needed=59))
    assert trust is Trust.NOT_YET
    assert "claims no bound" in reasons[Weight.OPEN]
    assert "these are 3: at least 56 more are needed" in reasons[Weight.OPEN]


def test_with_parts_enough_it_says_what_to_do_with_them() -> None:
    images = [judged("reject", 0.9, f"{place}", group=f"{place}") for place in range(60)] + many("accept", 0.1, 9)
    _, reasons = answered(images, replace(SUBJECT, parts_needed=59))
    assert "Set its limits with them" in reasons[Weight.OPEN]


def test_a_handful_of_defective_parts_shows_too_little() -> None:
    good = [image for image in fine() if not image.bad]
    trust, reasons = answered([*good, *many("reject", 0.95, 9, group="a")])
    assert trust is Trust.NOT_YET
    assert "Only 9 defective parts were judged" in reasons[Weight.OPEN]
    assert answered([*good, *many("reject", 0.95, 10, group="a")])[0] is Trust.YES


def test_escapes_that_refute_the_claim_forbid_it() -> None:
    trust, reasons = answered([*fine(), *many("reject", 0.1, 12, group="d")])
    assert trust is Trust.NO
    assert "12 of 72 defective parts were accepted" in reasons[Weight.AGAINST]
    assert "claims at most 5.0 %" in reasons[Weight.AGAINST]


def test_an_escape_within_the_claim_does_not() -> None:
    trust, reasons = answered([*fine(), *many("reject", 0.1, 1, group="d")])
    assert trust is Trust.YES
    assert "1 of 61" in reasons[Weight.FOR]


def test_more_escapes_than_claimed_put_it_off_where_they_are_too_few_to_refute_the_claim() -> None:
    images = [*fine(), *many("reject", 0.1, 7, group="d")]
    trust, reasons = answered(images)
    assert trust is Trust.NOT_YET
    assert "7 of 67 defective parts were accepted" in reasons[Weight.OPEN]
    assert "more than the 5.0 % that the bundle claims" in reasons[Weight.OPEN]


def test_a_claim_of_training_is_not_one_of_the_network_that_ships() -> None:
    assert "each left the judged group out" in answered(fine())[1][Weight.FOR]
    assert "not trained on" not in answered(fine())[1][Weight.FOR]
    view = SubjectView(name="top", bundle="toy-3", limits=LIMITS, bundle_limits=LIMITS, commissioned="0" * 64)
    assert (
        "challenge parts that it was not trained on" in answered(fine(), replace(CLAIMED, views=(view,)))[1][Weight.FOR]
    )


def test_pictures_that_chose_the_limits_speak_for_nothing_and_have_no_interval() -> None:
    perfect = tuple(judged(image.entry.truth, 0.1) for image in fine())
    trust, reasons = answered(fine(), replace(CLAIMED, chose_limits=True), classical=ClassicalResult(images=perfect))
    assert (trust, reasons[Weight.FOR]) == (Trust.NOT_YET, "")
    assert "0 of 60 defective parts were accepted." in reasons[Weight.OPEN]


def test_a_doubt_that_is_told_of_the_subject_leaves_trust_open() -> None:
    trust, reasons = answered(fine(), replace(CLAIMED, doubts=("Too few were compared.",)))
    assert (trust, reasons[Weight.OPEN]) == (Trust.NOT_YET, "Too few were compared.")


def test_a_bundle_that_accepts_no_good_part_is_of_no_use() -> None:
    images = [
        image
        for group in "ab"
        for image in (*many("reject", 0.9, 9, group=group), *many("accept", 0.5, 9, group=group))
    ]
    trust, reasons = answered(images)
    assert trust is Trust.NO
    assert "accepts none of 18 good parts" in reasons[Weight.AGAINST]


def test_scores_that_rank_like_chance_forbid_it() -> None:
    images = [
        judged(truth, 0.1 + 0.01 * place, f"{truth}{place}{g}", group=g)
        for g in "abc"
        for place in range(5)
        for truth in ("reject", "accept")
    ]
    trust, reasons = answered(images)
    assert trust is Trust.NO
    assert "AUROC 0.500" in reasons[Weight.AGAINST]


@pytest.mark.parametrize(("verdict", "missing"), [("accept", "No defective part"), ("reject", "No good part")])
def test_one_verdict_alone_leaves_the_other_question_open(verdict: Any, missing: str) -> None:
    images = [image for image in fine() if image.entry.truth == verdict]
    trust, reasons = answered(images)
    assert trust is Trust.NOT_YET
    assert missing in reasons[Weight.OPEN]


def test_pictures_of_the_training_prove_nothing() -> None:
    trust, reasons = answered(fine(), replace(CLAIMED, trained_on=True))
    assert trust is Trust.NOT_YET
    assert "trained on this set" in reasons[Weight.OPEN]


def test_pictures_that_had_a_part_in_what_judges_them_are_counted() -> None:
    some = replace(CLAIMED, trained_files=("a.png", "b.png", "c.png", "d.png"))
    trust, reasons = answered(fine(), some)
    assert trust is Trust.NOT_YET
    assert "trained on 4 of these 120 pictures (a.png, b.png, c.png and 1 more)" in reasons[Weight.OPEN]
    everything = replace(CLAIMED, trained_files=tuple(image.entry.file for image in fine()))
    assert "trained on this set of pictures" in answered(fine(), everything)[1][Weight.OPEN]
    assert answered(fine(), replace(CLAIMED, trained_files=(), commissioned_files=()))[0] is Trust.YES
    commissioned = replace(CLAIMED, commissioned_files=("a.png",))
    assert "1 of these 120 pictures (a.png) set or proved" in answered(fine(), commissioned)[1][Weight.OPEN]
    assert (
        "chosen on the scores of these very pictures"
        in answered(fine(), replace(CLAIMED, chose_limits=True))[1][Weight.OPEN]
    )


def test_without_two_groups_nobody_knows_whether_it_travels() -> None:
    trust, reasons = answered([*many("reject", 0.9, 60), *many("accept", 0.1, 60)])
    assert trust is Trust.NOT_YET
    assert "no two groups" in reasons[Weight.OPEN]


def test_pictures_that_could_not_be_judged_are_told() -> None:
    trust, reasons = answered([*fine(), judged("accept", None, "broken", group="a")])
    assert trust is Trust.NOT_YET
    assert "1 of 121 pictures could not be read or judged" in reasons[Weight.OPEN]


def test_an_incumbent_that_is_safer_forbids_it() -> None:
    theirs = fine()
    ours = [
        replace(image, decision=judged("reject", 0.1).decision) if place < 5 else image
        for place, image in enumerate(theirs)
    ]
    comparison = compare_bundles(ours, theirs, label="old-1", alike=False, margin=MARGIN)
    trust, reasons = answered(ours, comparison=comparison)
    assert trust is Trust.NO
    assert "incumbent old-1" in reasons[Weight.AGAINST]


def test_a_classical_detector_that_does_better_on_a_side_and_worse_on_none_forbids_it() -> None:
    images = [*fine(), *many("accept", 0.5, 6, group="a")]
    perfect = tuple(judged(image.entry.truth, 0.9 if image.bad else 0.1) for image in images)
    trust, reasons = answered(images, classical=ClassicalResult(images=perfect))
    assert trust is Trust.NO
    assert "keeps back 0 of 66 good ones, the bundle 0 of 60 and 6 of 66" in reasons[Weight.AGAINST]


def test_a_classical_detector_that_does_worse_speaks_for_it() -> None:
    images = fine()
    blind = tuple(judged(image.entry.truth, 0.1) for image in images)
    trust, reasons = answered(images, classical=ClassicalResult(images=blind))
    assert trust is Trust.YES
    assert "A classical detector does no better" in reasons[Weight.FOR]


def test_escapes_by_luck_put_it_off() -> None:
    lucky = Shots(
        name="x",
        bad=True,
        decisions=(judged("reject", 0.9).decision, judged("reject", 0.1).decision),
        scores=(0.9, 0.1),
    )
    trust, reasons = answered(fine(), jitter=[lucky])
    assert trust is Trust.NOT_YET
    assert "escapes by luck" in reasons[Weight.OPEN]


def test_the_gravest_reasons_come_first() -> None:
    found = audit_judgements(match_images([*fine(), *many("reject", 0.1, 30, group="d")]), LIMITS, SUBJECT).answer
    weights = [list(Weight).index(reason.weight) for reason in found.reasons]
    assert weights == sorted(weights)
    assert weights[0] == 0
