import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from edge.cli.main import app
from models.pod import StudyReport

SHIPPED = next((Path(__file__).parents[3] / "models" / "shipped").glob("*.lgb"))
SUMMARY = {"hairlines": {"rows": [{"contrast": 0.06, "count": 3, "n": 60}]}}


def goods(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    images = []
    for number, (verdict, part) in enumerate([("accept", "a"), ("accept", "b"), ("reject", "a")]):
        cv2.imwrite(str(folder / "images" / f"{number}.png"), np.full((60, 80, 3), 90, np.uint8))
        images.append({"id": number, "file_name": f"{number}.png", "verdict": verdict, "part": part})
    (folder / "annotations.json").write_text(json.dumps({"images": images}), encoding="utf-8")
    return folder


def test_the_study_draws_on_good_pictures_of_the_groups_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def study(bases: Any, *_others: Any, **_options: Any) -> StudyReport:
        given.extend(bases)
        return StudyReport(summary=SUMMARY, html="<p>curves</p>")

    monkeypatch.setattr("edge.inspector.detectability.run_study", study)
    command = ["pod", "--bundle", str(SHIPPED), "--data", str(goods(tmp_path / "set")), "--only", "b"]
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert [(base.name, base.group) for base in given] == [("1.png", "b")]
    assert given[0].load().shape == (60, 80, 3)
    assert "contrast 0.06: 3 of 60 not accepted" in result.output
    assert "curves" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8")) == SUMMARY


def test_groups_without_a_good_picture_are_told(tmp_path: Path) -> None:
    command = ["pod", "--bundle", str(SHIPPED), "--data", str(goods(tmp_path / "set")), "--only", "c"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "no good picture of these groups" in result.output
