import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.dataset import DatasetError, parse_dataset


def document(**changes: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 1, "file_name": "a.jpg", "verdict": "reject", "phone": "p1", "part_id": 7, "view": "top"},
            {"id": 2, "file_name": "sub/b.jpg", "verdict": "accept", "phone": "p2"},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 4, "bbox": [1, 2, 3.5, 4], "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 4, "bbox": [9, 9, 1, 1], "ignore": True},
        ],
        "categories": [{"id": 4, "name": "oil"}],
    } | changes


def image(**changes: Any) -> dict[str, Any]:
    return {"images": [{"id": 1, "file_name": "a.jpg", "verdict": "accept"} | changes], "annotations": []}


def annotation(**changes: Any) -> dict[str, Any]:
    return {"annotations": [{"image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4]} | changes]}


def test_a_dataset_is_read_in_its_order() -> None:
    dataset = parse_dataset(json.dumps(document()))
    first, second = dataset.images
    assert dataset.group_field == "phone"
    assert dataset.categories == ("oil",)
    assert (first.file, first.truth, first.group, first.part_id, first.view) == ("a.jpg", "reject", "p1", "7", "top")
    assert [(box.x, box.width, box.category, box.ignore) for box in first.boxes] == [
        (1.0, 3.5, "oil", False),
        (9.0, 1.0, "oil", True),
    ]
    assert (second.part_id, second.view, second.boxes) == (None, None, ())
    assert (second.source_id, second.width, second.height) == (None, None, None)


def test_what_an_image_was_made_from_and_its_size_are_read() -> None:
    [picture] = parse_dataset(json.dumps(image(source_id=12, width=1920, height=1080.0))).images
    assert (picture.source_id, picture.width, picture.height) == ("12", 1920, 1080)


def test_the_group_field_may_be_named_or_absent() -> None:
    text = json.dumps(document(**image(tray=3)))
    assert parse_dataset(text, "tray").images[0].group == "3"
    assert parse_dataset(text).images[0].group is None
    both = document(**image(part="x", group="g"))
    assert parse_dataset(json.dumps(both)).group_field == "group"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "one object"),
        ({}, "images must be a list"),
        (document(images=[]), "images is empty"),
        (document(images=[3]), r"images\[0\] must be an object"),
        (document(**image(id=None)), r"images\[0\]: id"),
        (document(**image(id=True)), r"images\[0\]: id"),
        (document(**image(file_name="")), r"images\[0\]: file_name"),
        (document(**image(file_name="/etc/passwd")), "below images/"),
        (document(**image(file_name="../a.jpg")), "below images/"),
        (document(**image(verdict="good")), r"images\[0\] \(a.jpg\): verdict must be"),
        (document(**image(verdict=["accept"])), "verdict must be"),
        (document(**image(part=[1])), r"images\[0\]: part must be"),
        (document(**image(source_id=1.5)), r"images\[0\]: source_id must be"),
        (document(**image(width=0)), r"images\[0\]: width must be a whole number"),
        (document(**image(height=2.5)), r"images\[0\]: height must be a whole number"),
        (document(**image(height="80")), r"images\[0\]: height must be a whole number"),
        (document(images=document()["images"] * 2), "share an id"),
        (document(**annotation(bbox=[1, 2, 3])), r"annotations\[0\]: bbox"),
        (document(**annotation(bbox=[1, 2, 3, float("nan")])), r"annotations\[0\]: bbox"),
        (document(**annotation(bbox=[1, 2, 3, 10**400])), r"annotations\[0\]: bbox"),
        (document(**annotation(bbox=[1, 2, 0, 4])), "must be above 0"),
        (document(**annotation(category_id=9)), "category_id 9 is not"),
        (document(**annotation(image_id=9)), "image_id 9 is not"),
        (document(**annotation(ignore="yes")), r"annotations\[0\]: ignore"),
        (document(categories=[{"id": 4, "name": "oil"}] * 2), "used twice"),
    ],
)
def test_malformed_entries_are_named(content: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        parse_dataset(json.dumps(content))


def test_every_malformed_entry_is_named_at_once() -> None:
    content = document()
    content["images"][0]["verdict"] = "bad"
    del content["images"][1]["file_name"]
    content["annotations"][1]["bbox"] = []
    with pytest.raises(DatasetError, match=r"annotations\[1\]: bbox.*images\[0\] .*verdict.*images\[1\]: file_name"):
        parse_dataset(json.dumps(content))


def test_of_many_malformed_entries_the_first_are_named_and_the_rest_counted() -> None:
    content = document(images=[{"id": number, "file_name": "a.jpg"} for number in range(1, 31)])
    with pytest.raises(DatasetError, match=r"images\[19\].*; and 10 more$"):
        parse_dataset(json.dumps(content))


def test_a_group_that_is_asked_for_must_be_in_every_image() -> None:
    content = document()
    del content["images"][1]["phone"]
    with pytest.raises(DatasetError, match=r"images\[1\] \(sub/b.jpg\): the group field 'phone' is missing"):
        parse_dataset(json.dumps(content), "phone")
    assert parse_dataset(json.dumps(content)).images[1].group is None


def test_a_group_field_that_no_image_has_is_told_with_those_there_are() -> None:
    with pytest.raises(
        DatasetError, match=r"no image has the group field 'tray'; the images have: file_name, id, part_id"
    ):
        parse_dataset(json.dumps(document()), "tray")


def test_a_set_of_good_parts_needs_no_list_of_defects() -> None:
    content = document()
    del content["annotations"]
    assert [image.boxes for image in parse_dataset(json.dumps(content)).images] == [()] * len(content["images"])


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "nul", '{"images": ' + "9" * 5000 + "}"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(DatasetError):
        parse_dataset(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.sampled_from(["images", "annotations", "categories"]),
    st.sampled_from(
        ["id", "file_name", "verdict", "bbox", "category_id", "image_id", "name", "iscrowd", "view", "width"]
    ),
    values,
)
def test_any_value_anywhere_parses_or_is_refused(section: str, key: str, value: object) -> None:
    content = document()
    content[section][0][key] = value
    try:
        parse_dataset(json.dumps(content))
    except DatasetError as error:
        assert str(error)
