"""A view with a catalogue: proved by its limit samples and used, or refused."""

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from deploy.active import shipped_bundle
from edge.config import Recipe, View
from edge.config.load import parse_config
from edge.core.policy import judge_view
from edge.core.quality import QualityLimits
from edge.core.types import Decision
from edge.inspector.examine import examine
from edge.inspector.named import missing_or_unusable
from edge.inspector.recipes import LoadedRecipe, judging_hash, load_recipes, probe
from edge.inspector.views import UnsafeRecipeError
from tests.support import networks
from tests.support.commissioned import (
    LONG,
    RULE,
    SAMPLES,
    SLOT,
    SMALL,
    catalogue_file,
    commissioned_file,
    recipe_table,
    run,
    specks,
    station_file,
)

ALWAYS = """
[[rule]]
class = "scratch"
always_reject = true
"""


pytestmark = pytest.mark.usefixtures("arithmetic_network")


@pytest.fixture
def write(tmp_path: Path):
    return partial(catalogue_file, tmp_path)


@pytest.fixture
def commissioned(tmp_path: Path, bundle: Path) -> Path:
    return commissioned_file(tmp_path, bundle)


def slotted(seed: int, width: int, height: int) -> np.ndarray:
    picture = networks.part(seed, (2, 2, SLOT))
    picture[60 : 60 + height, 160 : 160 + width] = (60, 60, 255)
    return picture


def test_a_commissioned_view_has_its_catalogue_on_top(bundle: Path, commissioned: Path, write, tmp_path: Path) -> None:
    path = write()
    cv2.imwrite(str(tmp_path / "small.png"), slotted(80, 8, 8))
    cv2.imwrite(str(tmp_path / "long.png"), slotted(81, 32, 4))
    view = View(camera="top", bundle=str(bundle), commissioned=commissioned, catalogue=path)
    loaded = load_recipes((Recipe(id=0, name="part", views=(view,)),), live=False, active=shipped_bundle())[0]
    assert decision(loaded, slotted(82, 8, 8)) is Decision.ACCEPT
    assert decision(loaded, slotted(83, 32, 4)) is not Decision.ACCEPT
    assert loaded.views[0].catalogue is not None
    assert run("catalogue", "check", path, "--bundle", bundle, "--commissioned", commissioned).exit_code == 0
    assert run("catalogue", "check", path, "--bundle", bundle, "--commissioned", path).exit_code == 1


def test_a_refusal_says_that_a_sample_is_novel(bundle: Path, commissioned: Path, write, tmp_path: Path) -> None:
    path = write()
    cv2.imwrite(str(tmp_path / "small.png"), 255 - slotted(80, 8, 8))
    told = run("catalogue", "check", path, "--bundle", bundle, "--commissioned", commissioned)
    assert told.exit_code == 3
    assert "nothing of a novel picture is accepted" in told.stderr


def load(bundle: Path, catalogue: Path | None, *, live: bool = False, consent: bool = False) -> LoadedRecipe:
    view = View(camera="top", bundle=str(bundle), catalogue=catalogue)
    recipe = Recipe(id=0, name="part", views=(view,), allow_provisional=consent)
    return load_recipes((recipe,), live=live, active=shipped_bundle())[0]


def decision(loaded: LoadedRecipe, picture: np.ndarray) -> Decision:
    view = loaded.views[0]
    found = examine(picture, camera="top", judge=view.detector, quality=QualityLimits(), limits=view.limits)
    return judge_view(found.judgement).decision


def test_a_proved_catalogue_decides_what_is_a_blemish(bundle: Path, write) -> None:
    cold, loaded = load(bundle, None), load(bundle, write())
    assert (decision(cold, SMALL), decision(loaded, SMALL)) == (Decision.REJECT, Decision.ACCEPT)
    assert decision(loaded, LONG) is Decision.REJECT
    probe({0: loaded})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RULE, "no limit sample with verdict 'accept'"),
        (RULE + SAMPLES.partition('"accept"\n')[0] + '"accept"\n', "no limit sample with verdict 'reject'"),
        (RULE.replace("15", "50") + SAMPLES, "long.png must not be accepted, but is"),
        (RULE.replace("15", "5") + SAMPLES, "small.png must be accepted, but comes out reject"),
        (RULE + SAMPLES.replace("long", "small"), "small.png must not be accepted, but is"),
        (RULE + SAMPLES.replace('"reject"', '"reject"\nbox = [0, 0, 9, 9]'), "no limit sample with verdict 'reject'"),
        (RULE.replace('"scratch"', '"dust"') + SAMPLES, "the bundle knows no such class, only oil, scratch"),
    ],
)
def test_what_its_samples_do_not_prove_is_refused(bundle: Path, write, text: str, told: str) -> None:
    with pytest.raises(UnsafeRecipeError, match=told):
        load(bundle, write(text))


def test_another_product_s_catalogue_is_refused(bundle: Path, write) -> None:
    with pytest.raises(UnsafeRecipeError, match="is for product 'tile', the bundle for 'phone'"):
        load(bundle, write(head='product = "tile"\nrevision = 1\n'))


def test_a_sample_that_is_no_picture_is_named(bundle: Path, write, tmp_path: Path) -> None:
    path = write()
    (tmp_path / "small.png").write_bytes(b"no picture")
    with pytest.raises(UnsafeRecipeError, match=r"small\.png must be accepted, but comes out cannot_judge"):
        load(bundle, path)


def test_to_reject_always_needs_no_sample(bundle: Path, write) -> None:
    faint = specks((100, 60, 8, 8), level=150)
    assert decision(load(bundle, None), faint) is Decision.CANNOT_JUDGE
    assert decision(load(bundle, write(ALWAYS)), faint) is Decision.REJECT


def test_a_live_line_wants_consent_to_what_no_claimed_risk_covers(tmp_path: Path, write) -> None:
    claim = {"escape_upper": 0.05, "confidence": 0.95, "defective_parts": 59}
    limits = {"accept_below": 0.1, "reject_above": 0.9, "risk_claim": claim}
    bundle = tmp_path / networks.write(tmp_path, decision=limits).manifest.file_name
    with pytest.raises(UnsafeRecipeError, match="no claimed risk covers"):
        load(bundle, write(), live=True)
    assert load(bundle, write(), live=True, consent=True).views[0].catalogue is not None
    assert load(bundle, write(ALWAYS), live=True).views[0].catalogue is not None


def test_the_hash_of_what_was_set_covers_the_catalogue_and_its_samples(bundle: Path, write, tmp_path: Path) -> None:
    path = write()
    plain, first = {0: load(bundle, None)}, {0: load(bundle, path)}
    assert judging_hash("c" * 64, plain) == "c" * 64 != judging_hash("c" * 64, first)
    cv2.imwrite(str(tmp_path / "long.png"), specks((90, 60, 32, 4)))
    assert judging_hash("c" * 64, {0: load(bundle, path)}) != judging_hash("c" * 64, first)


def test_a_named_catalogue_that_is_not_there_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    text = station_file(tmp_path, recipe_table(f'{{ camera = "top", catalogue = "{tmp_path}/gone.toml" }}')).read_text()
    with pytest.raises(Exception, match=r"views\[0\]\.catalogue: .*gone\.toml: cannot be read"):
        parse_config(text, missing_or_unusable)


def test_the_check_shows_rules_and_samples(bundle: Path, write) -> None:
    done = run("catalogue", "check", write(), "--bundle", bundle)
    assert done.exit_code == 0
    assert (
        "rule zone all, class scratch: accepts length below 15 px, at most 1 in a picture; samples: accept 1, reject 1"
        in done.stdout
    )
    assert "sample long.png: reject wanted, reject at score" in done.stdout
    assert "length 10.9 px, area 64 px2" in done.stdout
    assert done.stdout.endswith("usable: the limit samples prove it\n")


def test_the_check_refuses_what_a_station_refuses(bundle: Path, write) -> None:
    done = run("catalogue", "check", write(RULE.replace("15", "50") + SAMPLES), "--bundle", bundle, "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 3
    assert not told["usable"]
    assert "long.png must not be accepted" in told["faults"][0]
    assert "long.png must not be accepted" in done.stderr
    assert run("catalogue", "check", write("[[rule]]\nzone = 'x'\n"), "--bundle", bundle).exit_code == 3


def test_a_picture_is_measured_to_write_limits_from(bundle: Path, write, tmp_path: Path) -> None:
    path = write()
    done = run("catalogue", "measure", tmp_path / "small.png", "--bundle", bundle, "--json")
    [found] = json.loads(done.stdout)["found"]
    assert found["classes"] == ["scratch"]
    assert found["size"]["area"] == 64
    shown = run("catalogue", "measure", tmp_path / "small.png", "--bundle", bundle, "--catalogue", path).stdout
    assert "scratch in elsewhere at 100,60" in shown
    assert "accepted blemish" in shown
    assert run("catalogue", "measure", tmp_path / "gone.png", "--bundle", bundle).exit_code == 1
    assert run("catalogue", "measure", tmp_path / "small.png", "--bundle", bundle, "--roi", "1,2").exit_code == 2
