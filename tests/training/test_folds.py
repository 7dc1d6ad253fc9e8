import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.dataset import DatasetError, DatasetImage, LabelledBox
from models.training.folds import GroupContent, group_contents, plan_folds
from models.training.settings import SettingsError

pytestmark = pytest.mark.training

contents = st.builds(
    GroupContent,
    good=st.integers(0, 60),
    defective=st.integers(0, 60),
    classes=st.lists(st.sampled_from(["crack", "oil", "stain"]), unique=True).map(tuple),
)
groups = st.dictionaries(st.text(min_size=1, max_size=4), contents, min_size=2, max_size=30)


@given(groups, st.integers(2, 12))
def test_folds_are_a_partition_of_the_groups_and_none_is_empty(found: dict[str, GroupContent], count: int) -> None:
    folds = plan_folds(found, count)
    assert len(folds) == min(count, len(found))
    assert all(folds)
    assert sorted(name for fold in folds for name in fold) == sorted(found)


@given(groups, st.integers(2, 6), st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_the_order_of_groups(
    found: dict[str, GroupContent], count: int, source: random.Random
) -> None:
    names = list(found)
    source.shuffle(names)
    assert plan_folds(found, count) == plan_folds({name: found[name] for name in names}, count)


def test_good_defective_and_classes_are_spread() -> None:
    found = {f"good-{number}": GroupContent(good=10, defective=0) for number in range(4)}
    found |= {f"bad-{number}": GroupContent(good=0, defective=5, classes=("oil",)) for number in range(4)}
    found |= {f"crack-{number}": GroupContent(good=0, defective=5, classes=("crack",)) for number in range(2)}
    folds = plan_folds(found, 2)
    for fold in folds:
        kinds = [name.split("-")[0] for name in fold]
        assert (kinds.count("good"), kinds.count("bad"), kinds.count("crack")) == (2, 2, 1)


def test_a_group_that_outweighs_the_others_stands_alone() -> None:
    found = {"large": GroupContent(good=100, defective=100)}
    found |= {name: GroupContent(good=5, defective=5) for name in "abcdef"}
    assert ("large",) in plan_folds(found, 3)


@given(st.lists(contents, min_size=8, max_size=30))
def test_no_fold_outweighs_the_lightest_by_more_than_its_largest_group(found: list[GroupContent]) -> None:
    alike = {str(number): GroupContent(good=content.good, defective=0) for number, content in enumerate(found)}
    sizes = [[alike[name].good for name in fold] for fold in plan_folds(alike, 4)]
    lightest = min(sum(fold) for fold in sizes)
    assert all(sum(fold) - lightest <= max(fold) for fold in sizes)


def test_one_group_leaves_nothing_to_train_on() -> None:
    with pytest.raises(DatasetError, match=r"one group \(only\)"):
        plan_folds({"only": GroupContent(good=3, defective=3)}, 4)
    with pytest.raises(DatasetError, match="none"):
        plan_folds({}, 4)


def test_fewer_than_two_folds_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least 2"):
        plan_folds({name: GroupContent(good=1, defective=1) for name in "ab"}, 1)


def test_listed_folds_stand_as_they_are() -> None:
    found = {name: GroupContent(good=1, defective=1) for name in "abc"}
    assert plan_folds(found, 4, (("c",), ("b", "a"))) == (("c",), ("b", "a"))


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ((("a", "b"), ("c", "x")), "not in the data: x"),
        ((("a",), ("b",)), "in no fold: c"),
        ((("a", "b"), ("c", "a")), "named twice: a"),
        ((("a", "b", "c"), ()), "a fold is empty"),
        ((("a", "b", "c"),), "one fold with everything"),
        ((("a", "a"), ("x",)), "not in the data: x; in no fold: b, c; named twice: a"),
    ],
)
def test_listed_folds_that_are_not_the_groups_are_refused(folds: tuple[tuple[str, ...], ...], message: str) -> None:
    found = {name: GroupContent(good=1, defective=1) for name in "abc"}
    with pytest.raises(SettingsError, match=message):
        plan_folds(found, 4, folds)


def image(number: int, truth: str, *, group: str | None = None, part: str | None = None) -> DatasetImage:
    box = LabelledBox(x=0, y=0, width=1, height=1, category="oil")
    ignored = LabelledBox(x=0, y=0, width=1, height=1, category="dust", ignore=True)
    return DatasetImage(
        id=number,
        file=f"{number}.png",
        truth="reject" if truth == "reject" else "accept",
        group=group,
        part_id=part,
        view=None,
        boxes=(box, ignored) if truth == "reject" else (),
    )


def test_pictures_without_a_group_belong_to_their_part_or_to_themselves() -> None:
    images = [
        image(1, "reject", group="a"),
        image(2, "accept", group="a", part="7"),
        image(3, "accept", part="8"),
        image(4, "reject", part="8"),
        image(5, "accept"),
    ]
    assert group_contents(images) == {
        "a": GroupContent(good=1, defective=1, classes=("oil",)),
        "8": GroupContent(good=1, defective=1, classes=("oil",)),
        "5.png": GroupContent(good=1, defective=0),
    }
