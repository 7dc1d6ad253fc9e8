from typing import Any

import pytest

from deploy.pipeline.decision import Findings, FindingsError, objections

SHA = "ab" * 32


def rates(escapes: int, unaccepted: int, *, bad: int = 200, good: int = 400) -> dict[str, Any]:
    return {"escape": {"count": escapes, "n": bad}, "not_accepted_good": {"count": unaccepted, "n": good}}


def candidate(escapes: int, unaccepted: int, **changes: Any) -> dict[str, Any]:
    comparison = {"releasable": True, "finding": "Not as safe as the incumbent.", "judge_alike": False} | changes
    trained_on = comparison.pop("trained_on", False)
    return {"rates": rates(escapes, unaccepted), "audit": {"incumbent": comparison, "trained_on": trained_on}}


def replay(**changes: Any) -> dict[str, Any]:
    return {"bundle": SHA, "releasable": True, "reason": "it lets more pass"} | changes


def found(new: dict[str, Any], old: dict[str, Any] | None = None, again: dict[str, Any] | None = None) -> Findings:
    return Findings(candidate=new, incumbent={"rates": old or rates(2, 20)}, replay=again or replay())


def against(*given: Any, **options: Any) -> tuple[str, ...]:
    return objections(found(*given), bundle=SHA, **options)


@pytest.mark.parametrize(("escapes", "unaccepted"), [(1, 20), (1, 28), (2, 19), (0, 0)])
def test_fewer_escapes_or_as_many_at_a_lower_cost_are_better(escapes: int, unaccepted: int) -> None:
    assert against(candidate(escapes, unaccepted)) == ()


@pytest.mark.parametrize(
    ("escapes", "unaccepted", "says"),
    [
        (3, 0, "it is not better: more escapes; 3 escapes of 200 (incumbent 2)"),
        (2, 20, "it is not better; 2 escapes"),
        (2, 21, "it is not better; 2 escapes"),
        (0, 29, "its fewer escapes cost too many good parts; 0 escapes of 200 (incumbent 2), 29 good"),
        (0, 400, "its fewer escapes cost too many good parts"),
    ],
)
def test_what_is_not_better_is_refused_with_its_figures(escapes: int, unaccepted: int, says: str) -> None:
    [one] = against(candidate(escapes, unaccepted))
    assert one.startswith(says)


def test_a_bundle_that_judges_alike_is_nothing_new() -> None:
    told = against(candidate(2, 20, judge_alike=True))
    assert told[0].startswith("it judges exactly as the incumbent does")


def test_every_objection_is_told_at_once() -> None:
    told = against(
        candidate(3, 30, releasable=False, trained_on=True), rates(2, 20), replay(releasable=False, bundle=SHA)
    )
    assert len(told) == 4
    assert told[0] == "Not as safe as the incumbent."
    assert told[-1] == "the replay says no: it lets more pass"


def test_a_replay_of_another_bundle_is_none() -> None:
    assert against(candidate(1, 20), rates(2, 20), replay(bundle="cd" * 32)) == ("the replay is of another bundle",)


@pytest.mark.parametrize(
    "changes",
    [
        {"new": {"rates": rates(1, 1)}},
        {"old": {"escape": None}},
        {"again": {"bundle": SHA}},
        {"old": rates(2, 20, bad=100)},
        {"new": candidate(1, 20) | {"rates": {}}},
    ],
)
def test_what_cannot_be_read_is_an_error_and_never_a_yes(changes: dict[str, Any]) -> None:
    with pytest.raises(FindingsError):
        objections(found(**({"new": candidate(1, 20)} | changes)), bundle=SHA)


def test_the_cost_margin_is_of_the_good_parts() -> None:
    assert against(candidate(1, 60), cost_margin=0.1) == ()
    assert against(candidate(1, 61), cost_margin=0.1) != ()
