from pathlib import Path

import pytest

from edge.core.types import Decision
from models.audit.people import Opinion, PeopleError, compare_people, parse_people, read_people
from tests.support.judgements import judged

FILES = {"a.png", "b.png", "c.png"}


def opinions(**said: str) -> list[Opinion]:
    """``ann="arr"``: her verdicts on a.png, b.png and c.png; a dash is none."""
    verdicts = {"a": Decision.ACCEPT, "r": Decision.REJECT}
    return [
        Opinion(file=f"{name}.png", person=person, decision=verdicts[letter])
        for person, letters in said.items()
        for name, letter in zip("abc", letters, strict=True)
        if letter != "-"
    ]


IMAGES = [judged("reject", 0.1, "a"), judged("accept", 0.9, "b"), judged("accept", 0.5, "c")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_may_come_in_any_order_with_any_usual_delimiter(delimiter: str) -> None:
    lines = ["Verdict,file, person", "Accept,a.png,Ann", '"reject",a.png,Ben', "", "reject,b.png,Ann"]
    found, faults = parse_people("\r\n".join(lines).replace(",", delimiter), FILES)
    assert faults == ()
    assert [(one.file, one.person, one.decision) for one in found] == [
        ("a.png", "Ann", Decision.ACCEPT),
        ("a.png", "Ben", Decision.REJECT),
        ("b.png", "Ann", Decision.REJECT),
    ]


def test_every_fault_is_named_with_its_line() -> None:
    text = "file,person,verdict\na.png,Ann,maybe\nz.png,,accept\na.png,Ben\nb.png,Ann,reject\nb.png,Ann,accept\n"
    _, faults = parse_people(text, FILES)
    assert [fault.partition(":")[0] for fault in faults] == ["line 2", "line 3", "line 3", "line 4", "line 6"]
    assert "accept or reject, not 'maybe'" in faults[0]
    assert "person is empty" in faults[1]
    assert "'z.png' is no picture" in faults[2]
    assert "2 cells" in faults[3]
    assert "already in line 5" in faults[4]


@pytest.mark.parametrize("text", ["", "file,verdict\n", "a.png,Ann,accept\n", "\x00", 'file,person,verdict\n"a.png'])
def test_what_is_no_such_table_is_one_fault(text: str) -> None:
    found, faults = parse_people(text, FILES)
    assert not found
    assert len(faults) == 1
    assert faults[0].startswith("line ")


def test_one_person_is_no_agreement() -> None:
    _, faults = parse_people("file,person,verdict\na.png,Ann,accept\n", FILES)
    assert faults == ("line 2: ends the file, which names one person; two or more are needed",)


def test_a_file_with_faults_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("file,person,verdict\n" + "z.png,Ann,accept\n" * 230)
    with pytest.raises(PeopleError, match=r"230 fault\(s\); nothing was evaluated") as raised:
        read_people(path, FILES)
    assert "line 2: 'z.png'" in str(raised.value)
    assert str(raised.value).endswith("and 30 more")


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(PeopleError, match="cannot be read"):
        read_people(tmp_path / "absent.csv", FILES)
    (tmp_path / "latin.csv").write_bytes(b"file,person,verdict\na.png,J\xf6rg,accept\n")
    with pytest.raises(PeopleError, match="UTF-8"):
        read_people(tmp_path / "latin.csv", FILES)


def test_each_one_is_held_against_the_majority_and_ties_stand_apart() -> None:
    found = compare_people(opinions(ann="raa", ben="rar", eve="aa-"), IMAGES)
    assert (found.consensus, found.ties, found.alone) == (2, 1, 0)
    by_name = {one.name: one for one in found.people}
    assert (by_name["ann"].escape.count, by_name["ann"].escape.n) == (0, 1)
    assert (by_name["eve"].escape.count, by_name["eve"].overkill.n) == (1, 1)
    assert (by_name["ben"].true_overkill.count, by_name["ben"].true_overkill.n) == (1, 2)
    assert (found.bundle.escape.count, found.bundle.overkill.count) == (1, 1)
    assert found.common == 2


def test_two_people_have_cohens_kappa_and_no_fleiss() -> None:
    found = compare_people(opinions(ann="rra", ben="rar"), IMAGES)
    (pair,) = found.pairs
    assert (pair.agreeing.count, pair.agreeing.n) == (1, 3)
    assert pair.kappa == pytest.approx(-0.5)
    assert found.kappa is None


def test_three_people_have_fleiss_kappa() -> None:
    found = compare_people(opinions(ann="raa", ben="raa", eve="raa"), IMAGES)
    assert found.kappa == pytest.approx(1.0)
    assert len(found.pairs) == 3


def test_a_picture_that_one_person_judged_is_in_no_consensus() -> None:
    found = compare_people(opinions(ann="rr-", ben="r--"), IMAGES)
    assert (found.consensus, found.alone) == (1, 1)
