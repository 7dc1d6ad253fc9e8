"""Every command as a person types it: documented, clear about errors, honest in its exit code."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from deploy.active import shipped_bundle
from edge.cli.demo import write_configuration
from edge.cli.main import app
from tests.support.stations import picture

ROOT = Path(__file__).parents[2]


def run(*arguments: str):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def configuration(tmp_path):
    return write_configuration(tmp_path, "mqtt://127.0.0.1:9", "virtual:?seed=1")


def test_the_page_of_commands_is_what_the_commands_print():
    page = runpy.run_path(str(ROOT / "docs" / "commands.py"))["page"]()
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == page, "run: make docs"


def test_config_check_says_what_would_run(configuration):
    done = run("config", "check", "--config", configuration)
    assert done.exit_code == 0
    assert "camera top" in done.stdout
    assert shipped_bundle().name in done.stdout


def test_config_check_lists_every_fault_and_exits_2(configuration):
    configuration.write_text(configuration.read_text().replace("site", "sight").replace('"demo"', "7"))
    done = run("config", "check", "--config", configuration)
    assert done.exit_code == 2
    assert "station.sight" in done.stderr
    assert "station.site: is missing" in done.stderr


def test_a_live_line_on_simulated_pictures_is_refused_for_safety(configuration):
    configuration.write_text(configuration.read_text().replace("[line]", "[line]\nlive = true"))
    for verb in (("config", "check"), ("inspect",)):
        done = run(*verb, "--config", configuration)
        assert done.exit_code == 3
        assert "live = false" in done.stderr


@pytest.mark.parametrize(("content", "code"), [(None, 2), (b"", 1), (b"not a zip", 1)])
def test_a_bundle_that_is_missing_or_broken_is_a_clear_error(configuration, tmp_path, content, code):
    bundle = tmp_path / "gone.lgb"
    if content is not None:
        bundle.write_bytes(content)
    recipe = f'[[recipe]]\nid = 0\nname = "x"\nviews = [{{ camera = "top", bundle = "{bundle}" }}]\n'
    configuration.write_text(configuration.read_text() + recipe)
    for verb in (("config", "check"), ("inspect",)):
        done = run(*verb, "--config", configuration)
        assert done.exit_code == code
        assert "gone.lgb" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_recipe_may_be_stricter_than_its_bundle_but_never_laxer(configuration):
    recipe = '[[recipe]]\nid = 0\nname = "x"\nviews = [{{ camera = "top", accept_below = {} }}]\n'
    text = configuration.read_text()
    for limit, code in ((0.0001, 0), (0.999, 3)):
        configuration.write_text(text + recipe.format(limit))
        assert run("config", "check", "--config", configuration).exit_code == code


def test_snap_writes_a_picture_and_tells_its_quality(configuration, tmp_path):
    target = tmp_path / "snap.png"
    done = run("camera", "snap", "--out", target, "--config", configuration, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["width"] == 1920
    assert cv2.imread(str(target)).shape == (1080, 1920, 3)


def test_snap_says_which_cameras_there_are(configuration, tmp_path):
    done = run("camera", "snap", "--out", tmp_path / "x.png", "--camera", "side", "--config", configuration)
    assert done.exit_code == 2
    assert "top" in done.stderr


@pytest.mark.parametrize("name", ["x.txt", "x"])
def test_snap_says_which_files_it_can_write(configuration, tmp_path, name):
    done = run("camera", "snap", "--out", tmp_path / name, "--config", configuration)
    assert done.exit_code == 2
    assert ".png, .jpg or .bmp" in done.stderr


def test_status_of_a_station_that_is_not_there(configuration):
    done = run("status", "--config", configuration, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["ready"], told["broker"], told["state"]) == (False, False, None)
    assert "ledger" in told["ledger_error"]


def test_verify_of_a_store_without_a_ledger(configuration):
    done = run("ledger", "verify", "--config", configuration)
    assert done.exit_code == 1
    assert "Traceback" not in done.output


def test_check_and_inspect_refuse_a_file_with_the_same_words_before_a_store_is_touched(tmp_path):
    configuration = write_configuration(tmp_path, "mqtt://h:abc", f"replay:{tmp_path / 'nowhere'}")
    checked, inspected = (run(*verb, "--config", configuration) for verb in (("config", "check"), ("inspect",)))
    assert (checked.exit_code, inspected.exit_code) == (2, 2)
    assert checked.stderr == inspected.stderr
    assert f"{configuration}: line 9: camera[0].source: {tmp_path}/nowhere: no such folder" in checked.stderr
    assert f"{configuration}: line 12: line.broker: " in checked.stderr
    assert list(tmp_path.iterdir()) == [configuration]


def test_a_store_that_is_not_there_says_how_it_is_made(configuration, tmp_path):
    absent = tmp_path / "absent"
    remote = '[sync]\nbucket = "s3://name"\n'
    configuration.write_text(configuration.read_text().replace(f'"{tmp_path}"', f'"{absent}"') + remote)
    for verb in (("inspect",), ("sync", "--once")):
        done = run(*verb, "--config", configuration)
        assert done.exit_code == 1
        assert f"{absent}: no such folder; create it for the user that runs linegate" in done.stderr


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    names = ["a.png", "b.png", "c.png", "d.png"]
    for seed, name in enumerate(names[:2]):
        cv2.imwrite(str(folder / "images" / name), picture(seed))
    (folder / "images" / "c.png").write_bytes(b"")
    images = [
        {"id": index, "file_name": name, "verdict": "reject" if index % 2 else "accept", "part": index}
        for index, name in enumerate(names)
    ]
    annotations = {"images": images, "annotations": [], "categories": []}
    (folder / "annotations.json").write_text(json.dumps(annotations))
    return folder


def test_evaluate_counts_every_listed_picture_also_those_it_cannot_read(dataset):
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli", "evaluate", "--bundle", shipped_bundle(), "--data", dataset, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [entry["file"] for entry in report["per_image"]] == ["a.png", "b.png", "c.png", "d.png"]
    assert [(entry["verdict"], entry["score"]) for entry in report["per_image"][2:]] == [("cannot_judge", None)] * 2
    assert report["rates"]["escape"]["n"] == 2
    assert report["thresholds"].keys() == {"accept_below", "reject_above"}


@pytest.mark.parametrize("text", ["", "[]", '{"images": 3}', '{"images": [], "annotations": [], "categories": []}'])
def test_evaluate_names_what_is_wrong_with_a_dataset(dataset, text):
    (dataset / "annotations.json").write_text(text)
    done = run("evaluate", "--bundle", shipped_bundle(), "--data", dataset)
    assert done.exit_code == 1
    assert "annotations.json" in done.stderr


def test_a_half_written_jpeg_is_not_judged(dataset):
    encoded = cv2.imencode(".jpg", np.repeat(picture(3), 4, axis=0))[1].tobytes()
    (dataset / "images" / "a.png").write_bytes(encoded[: len(encoded) // 2])
    done = run("evaluate", "--bundle", shipped_bundle(), "--data", dataset, "--json")
    assert json.loads(done.stdout)["per_image"][0]["verdict"] == "cannot_judge"
