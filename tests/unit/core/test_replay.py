import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.codes import Code
from edge.core.paired_evidence import ErrorKind, EvidenceRule
from edge.core.replay import ReplayedPart, Said, Truth, match_truths, most_telling, weigh_replay
from edge.core.types import Decision

ACCEPT, REJECT, CANNOT = Decision.ACCEPT, Decision.REJECT, Decision.CANNOT_JUDGE
CODES = {ACCEPT: 0, REJECT: 1002, CANNOT: 303}
RULE = EvidenceRule()


def said(decision: Decision, code: int | None = None) -> Said:
    return Said(decision=decision, code=CODES[decision] if code is None else code, score=0.5)


def part(
    incumbent: Decision,
    candidate: Decision,
    truth: Truth | None = None,
    *,
    name: str = "",
    code: int | None = None,
    known: bool = False,
) -> ReplayedPart:
    return ReplayedPart(
        name=name,
        session=None,
        trig=None,
        received_at=None,
        incumbent=said(incumbent, code),
        candidate=said(candidate),
        truth=truth,
        source=None,
        pictures=(),
        known=known,
    )


def test_five_more_escapes_and_none_fewer_are_worse_and_four_are_not_shown_to_be() -> None:
    five = weigh_replay([part(REJECT, ACCEPT, "reject")] * 5, RULE)
    four = weigh_replay([part(REJECT, ACCEPT, "reject")] * 4, RULE)
    assert (five.worse, five.releasable) == ((ErrorKind.ESCAPE,), False)
    assert five.reason == (
        "it lets more defective parts pass: 5 that the incumbent did not, 0 the other way round, of 5 (p = 0.031)"
    )
    assert (four.worse, four.releasable) == ((), True)


def test_more_overkill_is_worse_too() -> None:
    found = weigh_replay([part(ACCEPT, REJECT, "accept")] * 6, RULE)
    assert found.worse == (ErrorKind.OVERKILL,)
    assert found.reason.startswith("it rejects more good parts: 6")


def test_a_bundle_that_no_longer_judges_is_worse_though_it_never_errs() -> None:
    found = weigh_replay([part(REJECT, CANNOT, "reject"), part(ACCEPT, CANNOT, "accept")] * 3, RULE)
    assert (found.worse, found.releasable) == ((ErrorKind.ABSTENTION,), False)
    assert found.reason.startswith("it cannot judge more parts: 6")


def test_without_a_defective_part_nothing_is_shown() -> None:
    found = weigh_replay([part(ACCEPT, ACCEPT, "accept"), part(REJECT, REJECT)] * 50, RULE)
    assert (found.worse, found.releasable) == ((), False)
    assert found.reason.startswith("no part known to be defective could be compared")


def test_what_the_candidate_was_made_with_shows_nothing_but_is_counted() -> None:
    found = weigh_replay([part(ACCEPT, REJECT, "reject", known=True)] * 50, RULE)
    assert (found.table.total, found.compared, found.releasable) == (50, 0, False)
    assert found.reason.startswith("none of the 50 parts known to be defective could be compared")


@pytest.mark.parametrize(
    ("code", "compared"),
    [
        (Code.DEADLINE, 0),
        (Code.CAMERA_TIMEOUT, 0),
        (Code.STORE_LATE, 0),
        (Code.RECIPE_UNKNOWN, 0),
        (Code.UNCERTAIN, 1),
        (Code.NOVEL, 1),
        (Code.BLURRED, 1),
    ],
)
def test_a_verdict_of_the_deadline_or_the_camera_is_not_held_against_the_incumbents_model(
    code: Code, compared: int
) -> None:
    assert weigh_replay([part(CANNOT, ACCEPT, code=code)], RULE).compared == compared


def test_an_objection_stands_whatever_was_found() -> None:
    found = weigh_replay([part(REJECT, REJECT, "reject")] * 50, RULE, objection="a trial")
    assert (found.worse, found.releasable, found.reason) == ((), False, "a trial")


def test_a_truth_speaks_of_the_last_part_of_its_name_received_before_it() -> None:
    parts = [("first", "A", 10), ("other", "B", 15), ("again", "A", 20), ("later", "A", 40)]
    truths: list[tuple[str, Truth, str, int]] = [
        ("A", "reject", "gauge", 30),
        ("B", "accept", "gauge", 14),
        ("C", "accept", "gauge", 50),
    ]
    assert match_truths(parts, truths) == {"again": ("reject", "gauge")}


def test_of_several_truths_the_last_counts() -> None:
    truths: list[tuple[str, Truth, str, int]] = [("A", "reject", "gauge", 20), ("A", "accept", "rework", 30)]
    assert match_truths([("one", "A", 10)], truths) == {"one": ("accept", "rework")}


def test_a_part_without_a_name_has_no_truth() -> None:
    assert match_truths([("one", "", 10)], [("", "reject", "gauge", 20)]) == {}


def test_new_escapes_stand_first() -> None:
    parts = [
        part(CANNOT, ACCEPT, name="late", code=Code.STORE_LATE),
        part(CANNOT, REJECT, name="settled"),
        part(REJECT, ACCEPT, name="newly accepted"),
        part(ACCEPT, ACCEPT, "reject", name="same"),
        part(ACCEPT, REJECT, "accept", name="overkill"),
        part(ACCEPT, CANNOT, name="doubtful"),
        part(REJECT, ACCEPT, "reject", name="escape"),
    ]
    order = [one.name for one in most_telling(parts)]
    assert order == ["escape", "overkill", "newly accepted", "doubtful", "settled", "late"]


@given(st.lists(st.tuples(st.sampled_from(Decision), st.sampled_from(Decision)), max_size=40))
def test_every_part_is_in_the_table_once_and_the_telling_ones_are_those_that_differ(
    pairs: list[tuple[Decision, Decision]],
) -> None:
    parts = [part(*pair) for pair in pairs]
    found = weigh_replay(parts, RULE)
    assert found.table.total == len(parts)
    assert found.table.differing == len(most_telling(parts)) == sum(one is not other for one, other in pairs)
