from models.audit.tables import NO_BOX, class_rows, group_rows
from models.evaluation import join_parts, match_images
from tests.support.judgements import judged, label, predicted


def test_each_class_counts_its_parts_and_its_boxes() -> None:
    far = (200, 200, 20, 20)
    matched = match_images(
        [
            judged("reject", 0.1, "a", labels=(label("oil"), label("crack", far)), boxes=(predicted(far),)),
            judged("reject", 0.9, "b", labels=(label("oil"),), boxes=(predicted(),)),
            judged("reject", 0.5, "c"),
            judged("accept", 0.1, "d"),
        ]
    )
    rows = {row.name: row for row in class_rows(matched, join_parts([one.image for one in matched]))}
    assert list(rows) == ["crack", "oil", NO_BOX]
    assert (rows["oil"].escape.count, rows["oil"].escape.n, rows["oil"].catch.count) == (1, 2, 1)
    assert rows["oil"].boxes is not None
    assert (rows["oil"].boxes.count, rows["oil"].boxes.n) == (1, 2)
    assert rows["crack"].boxes is not None
    assert (rows["crack"].boxes.count, rows["crack"].boxes.n) == (1, 1)
    assert (rows[NO_BOX].abstention.count, rows[NO_BOX].boxes) == (1, None)


def test_good_parts_alone_have_no_classes() -> None:
    matched = match_images([judged("accept", 0.1)])
    assert class_rows(matched, join_parts([one.image for one in matched])) == ()


def test_groups_stand_apart() -> None:
    rows = group_rows(
        [
            judged("reject", 0.1, "a", group="g1"),
            judged("accept", 0.9, "b", group="g1"),
            judged("accept", 0.1, "c", group="g2"),
            judged("accept", 0.1, "d"),
        ]
    )
    assert [(row.name, row.escape.count, row.overkill.count, row.overkill.n, row.auroc) for row in rows] == [
        ("g1", 1, 1, 1, 0.0),
        ("g2", 0, 0, 1, None),
    ]
