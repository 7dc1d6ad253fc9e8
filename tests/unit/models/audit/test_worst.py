import pytest

from models.audit.worst import regret, worst_escapes, worst_overkills
from models.evaluation import join_parts
from tests.support.judgements import LIMITS, judged, many


def test_the_most_confident_errors_come_first_twelve_at_most() -> None:
    images = [judged("reject", 0.001 * place, f"bad{place}") for place in range(20)]
    found = worst_escapes(images, join_parts(images), LIMITS)
    assert (found.count, found.nearest, found.title) == (20, False, "The worst 12 escapes of 20")
    assert [image.entry.file for image in found.pictures] == [f"bad{place}.png" for place in range(12)]


def test_without_an_escape_the_nearest_are_shown_and_titled_so() -> None:
    images = [judged("reject", 0.9, "a"), judged("reject", 0.21, "b"), judged("reject", None, "c")]
    found = worst_escapes(images, join_parts(images), LIMITS)
    assert (found.count, found.title) == (0, "Nearest to an escape (none escaped)")
    assert [image.entry.file for image in found.pictures] == ["b.png", "a.png"]


def test_overkills_are_ordered_the_other_way() -> None:
    images = [judged("accept", 0.85, "a"), judged("accept", 0.95, "b"), judged("accept", 0.5, "c")]
    found = worst_overkills(images, join_parts(images), LIMITS)
    assert (found.count, found.title) == (2, "All 2 overkills")
    assert [image.entry.file for image in found.pictures] == ["b.png", "a.png"]
    calm = many("accept", 0.1, 3)
    assert worst_overkills(calm, join_parts(calm), LIMITS).title == "Nearest to an overkill (no overkill)"


def test_a_part_is_shown_once_by_its_defective_view() -> None:
    images = [
        judged("accept", 0.01, "clean", part="7", view="top"),
        judged("reject", 0.1, "scratched", part="7", view="side"),
    ]
    found = worst_escapes(images, join_parts(images), LIMITS)
    assert [image.entry.file for image in found.pictures] == ["scratched.png"]


def test_a_good_part_with_a_cautious_view_is_no_overkill() -> None:
    images = [judged("accept", 0.5, "a", part="7", view="top"), judged("accept", 0.1, "b", part="7", view="side")]
    found = worst_overkills(images, join_parts(images), LIMITS)
    assert found.nearest
    assert [image.entry.file for image in found.pictures] == ["a.png"]


def test_regret_is_how_far_beyond_its_limit_a_score_lies() -> None:
    assert regret(judged("reject", 0.05), LIMITS) == pytest.approx(0.15)
    assert regret(judged("accept", 0.75), LIMITS) == pytest.approx(-0.05)
    assert regret(judged("accept", None), LIMITS) is None
