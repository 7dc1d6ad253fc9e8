"""``linegate evaluate`` as a person types it, with everything that it can be asked for."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from edge.cli.main import app
from models.bundle.prints import sorted_prints
from tests.support import networks
from tests.support.networks import PictureFolder, part

SCRATCH = (60, 180, 255)
FAINT = (60, 60, 112)


pytestmark = pytest.mark.usefixtures("arithmetic_network")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four groups of nine good parts and fifteen with a scratch, and one picture that cannot be read."""
    folder = PictureFolder(tmp_path / "shelf")
    for group in range(4):
        for number in range(24):
            seed = 100 * group + number
            bad = number >= 9
            marks = [(number % 7, number % 15, SCRATCH)] if bad else []
            folder.add(f"{seed}.png", part(seed, *marks), "reject" if bad else "accept", group=f"g{group}")
    folder.add("broken.png", part(0), "accept", group="g0")
    (folder.folder / "images" / "broken.png").write_bytes(b"")
    return folder.folder


def bundle(folder: Path, **decision: float) -> Path:
    version = 1 + len(list(folder.glob("*.lgb")))
    limits = {"accept_below": 0.1, "reject_above": 0.9, "risk_claim": None} | decision
    return folder / networks.write(folder, version=version, decision=limits).manifest.file_name


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *(str(argument) for argument in arguments)])


def test_the_whole_audit(data: Path, tmp_path: Path) -> None:
    ours = bundle(tmp_path)
    people = tmp_path / "people.csv"
    rows = [
        f"{100 * group + number}.png,{who},accept" for group in range(4) for number in range(9) for who in ("A", "B")
    ]
    people.write_text("\n".join(["file,person,verdict", *rows]))
    out = tmp_path / "out"
    rivals = ("--incumbent", bundle(tmp_path), "--people", people)
    done = evaluate(
        "--bundle", ours, "--data", data, "--json", "--report", out, *rivals, "--repeat", 2, "--prior", 0.02
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told == json.loads((out / "metrics.json").read_text())
    assert told["counts"]["failed_images"] == 1
    assert told["rates"]["catch"]["count"] == 60
    assert told["baselines"]["classical"]["auroc"] > 0.9
    audit = told["audit"]
    assert (audit["trust"], audit["parts_needed"], audit["trained_on"]) == ("not_yet", 59, False)
    assert audit["incumbent"]["judge_alike"]
    assert audit["repeatability"]["jittered"]["flips"]["n"] == 96
    assert audit["people"]["pairs"][0]["agreement"]["n"] == 36
    assert [one["prior"] for one in audit["prior"]["at"]] == [0.5, 0.02]
    page = (out / "report.html").read_text()
    assert "Nearest to an escape (none escaped)" in page
    assert page.count("data:image/jpeg;base64,") >= 24
    assert sorted(path.name for path in out.iterdir()) == ["metrics.json", "report.html"]


def test_a_bundle_that_lets_more_pass_than_its_incumbent_is_refused_and_reported(data: Path, tmp_path: Path) -> None:
    strict, lax = bundle(tmp_path), bundle(tmp_path, accept_below=0.9999, reject_above=0.99999)
    out = tmp_path / "out"
    done = evaluate("--bundle", lax, "--data", data, "--incumbent", strict, "--report", out)
    assert done.exit_code == 3
    assert "refused: not releasable. Not as safe as the incumbent" in done.stderr
    assert "Keep the incumbent" in done.stderr
    assert "Not releasable" in (out / "report.html").read_text()
    assert evaluate("--bundle", strict, "--data", data, "--incumbent", lax).exit_code == 0


def test_a_margin_may_be_stricter_than_the_usual_one_and_never_laxer(data: Path, tmp_path: Path) -> None:
    strict, lax = bundle(tmp_path), bundle(tmp_path, accept_below=0.9999, reject_above=0.99999)
    refused = evaluate("--bundle", lax, "--data", data, "--incumbent", strict, "--margin", 0.5)
    assert refused.exit_code == 2
    assert "--margin" in refused.stderr
    assert "0.05" in refused.stderr


def test_masks_that_cannot_be_used_are_named(data: Path, tmp_path: Path) -> None:
    (data / "masks").mkdir()
    (data / "masks" / "9.png").write_bytes(b"no picture")
    cv2.imwrite(str(data / "masks" / "10.png"), np.zeros((7, 5), np.uint8))
    done = evaluate("--bundle", bundle(tmp_path), "--data", data)
    assert done.exit_code == 0
    unreadable, other = "masks/9.png cannot be read", "masks/10.png has 5 x 7 pixels, its picture 256 x 128"
    assert f"2 masks cannot be used ({unreadable}, {other})" in done.stdout


def test_an_incumbent_of_another_product_is_no_incumbent(data: Path, tmp_path: Path) -> None:
    ours = bundle(tmp_path)
    (tmp_path / "other").mkdir()
    other = networks.write(tmp_path / "other", product="tile").manifest.file_name
    done = evaluate("--bundle", ours, "--data", data, "--incumbent", tmp_path / "other" / other)
    assert done.exit_code == 1
    assert "is for product 'tile', the bundle for 'phone'" in done.stderr


def test_all_faults_of_the_peoples_file_are_told_before_anything_is_judged(data: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("file,person,verdict\n1.png,A,yes\nnone.png,A,accept\n")
    done = evaluate("--bundle", bundle(tmp_path), "--data", data, "--people", people)
    assert done.exit_code == 1
    assert "line 2: verdict must be accept or reject, not 'yes'" in done.stderr
    assert "line 3: 'none.png' is no picture of the dataset" in done.stderr


def test_a_report_that_cannot_be_written_is_said_first(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    done = evaluate("--bundle", bundle(tmp_path), "--data", data, "--report", tmp_path / "out")
    assert done.exit_code == 1
    assert "the report cannot be written" in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("prior", ["0", "1", "nan", "-1"])
def test_a_prior_is_above_0_and_below_1(data: Path, tmp_path: Path, prior: str) -> None:
    done = evaluate("--bundle", bundle(tmp_path), "--data", data, "--prior", prior)
    assert done.exit_code == 2
    assert "--prior" in done.stderr


def test_a_set_that_the_network_was_trained_on_is_recognised(data: Path, tmp_path: Path) -> None:
    listed = {"name": data.name, "pictures": 97, "sha256": "0" * 64}
    path = tmp_path / networks.write(tmp_path, datasets=[listed]).manifest.file_name
    done = evaluate("--bundle", path, "--data", data)
    assert done.exit_code == 0
    assert "was trained on this set of pictures" in done.stdout


def test_pictures_of_the_training_are_recognised_one_by_one(data: Path, tmp_path: Path) -> None:
    hashes = [hashlib.sha256((data / "images" / f"{name}.png").read_bytes()).hexdigest() for name in (0, 9, 323)]
    metrics = {"trained_pictures": sorted_prints(hashes)}
    path = tmp_path / networks.write(tmp_path, metrics=metrics).manifest.file_name
    audit = json.loads(evaluate("--bundle", path, "--data", data, "--json").stdout)["audit"]
    assert audit["trained_on"]
    assert audit["trained_files"] == ["0.png", "9.png", "323.png"]
    told = evaluate("--bundle", path, "--data", data).stdout
    assert "trained on 3 of these 97 pictures (0.png, 9.png, 323.png)" in told


def test_nothing_is_releasable_by_the_pictures_that_it_was_trained_on(data: Path, tmp_path: Path) -> None:
    files = [path.read_bytes() for path in (data / "images").iterdir()]
    metrics = {"trained_pictures": sorted_prints(hashlib.sha256(file).hexdigest() for file in files)}
    stricter = {"accept_below": 0.05, "reject_above": 0.9, "risk_claim": None}
    newer = tmp_path / networks.write(tmp_path, metrics, version=4, decision=stricter).manifest.file_name
    done = evaluate("--bundle", newer, "--data", data, "--incumbent", bundle(tmp_path))
    assert done.exit_code == 3
    assert "no defective part that it was not made with" in done.stderr
    (tmp_path / "blank").mkdir()
    fresh = tmp_path / "blank" / networks.write(tmp_path / "blank", {}, version=4, decision=stricter).manifest.file_name
    assert evaluate("--bundle", fresh, "--data", data, "--incumbent", bundle(tmp_path)).exit_code == 0


@pytest.mark.parametrize("metrics", [{}, [], "x", {"trained_pictures": "ab"}, {"trained_pictures": [1]}])
def test_a_bundle_that_does_not_tell_its_pictures_is_recognised_by_its_sets(
    data: Path, tmp_path: Path, metrics: object
) -> None:
    listed = {"name": data.name, "pictures": 97, "sha256": "0" * 64}
    path = tmp_path / networks.write(tmp_path, metrics=metrics, datasets=[listed]).manifest.file_name
    audit = json.loads(evaluate("--bundle", path, "--data", data, "--json").stdout)["audit"]
    assert (audit["trained_on"], audit["trained_files"]) == (True, None)


def test_real_repeats_are_counted_and_not_jittered(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "repeats")
    for number, mark in enumerate((FAINT, SCRATCH, FAINT)):
        folder.add(f"{number}.png", part(number, (2, 2, mark)), "reject", part_id="p", view="top", group="a")
    folder.add("single.png", part(9), "accept", part_id="q", view="top", group="b")
    done = evaluate("--bundle", bundle(tmp_path), "--data", folder.folder, "--repeat", 3, "--json")
    repeats = json.loads(done.stdout)["audit"]["repeatability"]
    assert (repeats["repeated"]["flips"]["count"], repeats["repeated"]["shots"]) == (1, 3)
    assert (repeats["jittered"]["flips"]["n"], repeats["jittered"]["shots"]) == (1, 4)


def test_file_names_that_no_disk_can_hold_are_cannot_judge(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "odd").add("a.png", part(0), "accept").add("b.png", part(1), "accept").folder
    listing = folder / "annotations.json"
    listing.write_text(listing.read_text().replace("a.png", "\\ud800.png"))
    done = evaluate(
        "--bundle", bundle(tmp_path), "--data", folder, "--json", "--repeat", 1, "--report", tmp_path / "out"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["per_image"][0]["verdict"] == "cannot_judge"
