"""``linegate evaluate`` by what a line judges by: commissioned file, catalogue, stricter limits, several views."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import networks
from tests.support.commissioned import (
    LONG,
    RULE,
    SAMPLES,
    SMALL,
    catalogue_file,
    commissioned_file,
    recipe_table,
    run,
    scratched,
    slotted,
    specks,
    station_file,
)
from tests.support.networks import PictureFolder, part

SCRATCHED, CLEAN = (60, 180, 255), part(0)


pytestmark = pytest.mark.usefixtures("arithmetic_network")


@pytest.fixture
def slots(tmp_path: Path) -> Path:
    """Six parts with a slot, and six with a scratch beside it, none of which commissioning saw."""
    folder = PictureFolder(tmp_path / "unseen")
    for number in range(6):
        folder.add(f"good-{number}.png", slotted(100 + number), "accept", group=f"g{number % 2}")
        picture = slotted(200 + number)
        picture[:16, 240:] = SCRATCHED
        folder.add(f"bad-{number}.png", picture, "reject", group=f"g{number % 2}")
    return folder.folder


def told(*given: object) -> dict[str, Any]:
    done = run("evaluate", *given, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    return {one["file"]: one["verdict"] for one in found["per_image"]}


def test_a_commissioned_view_is_audited_as_it_judges(bundle: Path, slots: Path, tmp_path: Path) -> None:
    commissioned = commissioned_file(tmp_path, bundle)
    cold = told("--bundle", bundle, "--data", slots)
    found = told("--bundle", bundle, "--commissioned", commissioned, "--data", slots, "--report", tmp_path / "out")
    assert cold["rates"]["not_accepted_good"]["value"] == 1.0
    assert found["rates"]["not_accepted_good"]["value"] == 0.0
    assert found["rates"]["catch"]["value"] == 1.0
    limits = json.loads(commissioned.read_text())
    assert found["thresholds"] == {"accept_below": limits["accept_below"], "reject_above": limits["reject_above"]}
    [view] = found["audit"]["views"]
    assert view["commissioned"] is not None
    assert view["bundle_accept_below"] == 0.1
    assert found["audit"]["commissioned_files"] == []
    assert "What judged the pictures" in (tmp_path / "out" / "report.html").read_text()
    assert cold["audit"]["views"] == []


def test_a_recipe_is_audited_as_its_line_judges(bundle: Path, slots: Path, tmp_path: Path) -> None:
    commissioned = commissioned_file(tmp_path, bundle)
    view = f'{{ camera = "top", bundle = "{bundle}", commissioned = "{commissioned}", accept_below = 0.01 }}'
    config = station_file(tmp_path, recipe_table(view, 7, revision=3))
    found = told("--config", config, "--recipe", 7, "--data", slots)
    assert found["thresholds"]["accept_below"] == 0.01
    assert "by recipe 7 (part), revision 3" in found["audit"]["judged"]
    assert told("--config", config, "--data", slots)["thresholds"] == found["thresholds"]
    shown = run("evaluate", "--config", config, "--recipe", 7, "--data", slots).stdout
    assert "accept below 0.0100, reject above 0.9000; stricter than the bundle; commissioned" in shown


def test_stricter_limits_are_the_ones_that_judge(bundle: Path, tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "few").add("a.png", CLEAN, "accept").add("b.png", scratched(1), "reject").folder
    view = f'{{ camera = "top", bundle = "{bundle}", accept_below = 0.0001, reject_above = 0.5 }}'
    found = told("--config", station_file(tmp_path, recipe_table(view)), "--data", folder)
    assert verdicts(found) == {"a.png": "cannot_judge", "b.png": "reject"}
    assert found["thresholds"] == {"accept_below": 0.0001, "reject_above": 0.5}
    assert verdicts(told("--bundle", bundle, "--data", folder))["a.png"] == "accept"


def test_a_catalogue_decides_in_the_audit_too_and_leaves_no_claim(tmp_path: Path) -> None:
    claim = {"escape_upper": 0.05, "confidence": 0.95, "defective_parts": 59}
    limits = {"accept_below": 0.1, "reject_above": 0.9, "risk_claim": claim}
    bundle = tmp_path / networks.write(tmp_path, decision=limits).manifest.file_name
    folder = PictureFolder(tmp_path / "specks").add("s.png", SMALL, "accept").add("l.png", LONG, "reject").folder
    cold = told("--bundle", bundle, "--data", folder)
    found = told("--bundle", bundle, "--catalogue", catalogue_file(tmp_path), "--data", folder)
    assert verdicts(cold) == {"s.png": "reject", "l.png": "reject"}
    assert verdicts(found) == {"s.png": "accept", "l.png": "reject"}
    assert cold["audit"]["risk_claim"] == claim
    assert found["audit"]["risk_claim"] is None
    assert any("catalogue accepts blemishes" in one["text"] for one in found["audit"]["reasons"])


def test_a_region_of_interest_is_all_that_is_judged(bundle: Path, tmp_path: Path) -> None:
    outside, flat = specks((0, 0, 16, 16)), specks()[:40]
    folder = PictureFolder(tmp_path / "few").add("a.png", outside, "accept").add("b.png", flat, "accept").folder
    found = told("--bundle", bundle, "--roi", "128,0,128,64", "--data", folder)
    assert verdicts(found) == {"a.png": "accept", "b.png": "cannot_judge"}
    assert found["audit"]["views"][0]["roi"] == [128, 0, 128, 64]


@pytest.mark.parametrize(
    ("view", "why"),
    [
        ("accept_below = 0.2", "accept_below 0.2 is laxer than the bundle's 0.1"),
        ('commissioned = "{folder}/none.json"', "cannot be read"),
        ('commissioned = "{folder}/linegate.toml"', "is not JSON"),
        ('commissioned = "{folder}/top.json", roi = [0, 0, 64, 64]', "they must be the same"),
        ('catalogue = "{folder}/catalogue.toml"', "long.png must not be accepted"),
    ],
)
def test_what_a_line_refuses_is_refused_here(bundle: Path, slots: Path, tmp_path: Path, view: str, why: str) -> None:
    commissioned_file(tmp_path, bundle)
    catalogue_file(tmp_path, RULE.replace("15", "50") + SAMPLES)
    more = view.replace("{folder}", str(tmp_path))
    config = station_file(tmp_path, recipe_table(f'{{ camera = "top", bundle = "{bundle}", {more} }}'))
    done = run("evaluate", "--config", config, "--data", slots, "--report", tmp_path / "out")
    assert done.exit_code == 3
    assert "recipe 0 (part), view top: " in done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "out" / "report.html").exists()


def test_a_live_line_s_refusals_hold_here_as_well(bundle: Path, slots: Path, tmp_path: Path) -> None:
    view = f'{{ camera = "top", bundle = "{bundle}" }}'
    done = run("evaluate", "--config", station_file(tmp_path, recipe_table(view), live=True), "--data", slots)
    assert done.exit_code == 3
    assert "allow_provisional" in done.stderr
    consenting = station_file(tmp_path, recipe_table(view, allow_provisional=True), live=True)
    assert run("evaluate", "--config", consenting, "--data", slots).exit_code == 0


def test_files_named_by_hand_are_refused_as_the_line_refuses_them(bundle: Path, slots: Path, tmp_path: Path) -> None:
    commissioned = commissioned_file(tmp_path, bundle, "--view", "top")
    (tmp_path / "newer").mkdir()
    newer = tmp_path / "newer" / networks.write(tmp_path / "newer", version=4).manifest.file_name
    other = run("evaluate", "--bundle", newer, "--commissioned", commissioned, "--data", slots)
    assert (other.exit_code, "belongs to bundle" in other.stderr) == (3, True)
    side = run("evaluate", "--bundle", bundle, "--commissioned", commissioned, "--view", "side", "--data", slots)
    assert (side.exit_code, "was commissioned for view 'top'" in side.stderr) == (3, True)
    slots.joinpath("nonsense.json").write_text("{}")
    damaged = run("evaluate", "--bundle", bundle, "--commissioned", slots / "nonsense.json", "--data", slots)
    assert damaged.exit_code == 3


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--bundle", "x.lgb", "--recipe", "0"],
        ["--bundle", "x.lgb", "--config", "x.toml"],
        ["--recipe", "0", "--commissioned", "x.json"],
        ["--config", "x.toml", "--roi", "0,0,9,9"],
        ["--bundle", "x.lgb", "--roi", "0,0,9"],
        ["--bundle", "x.lgb", "--incumbent-commissioned", "x.json"],
    ],
)
def test_what_is_to_judge_is_named_in_one_way(slots: Path, given: list[str]) -> None:
    assert run("evaluate", *given, "--data", slots).exit_code == 2


def test_a_recipe_or_view_that_is_not_there_is_named_with_those_that_are(
    bundle: Path, slots: Path, tmp_path: Path
) -> None:
    view = f'{{ camera = "top", bundle = "{bundle}" }}'
    config = station_file(tmp_path, recipe_table(view) + recipe_table(view, 4))
    several = run("evaluate", "--config", config, "--data", slots)
    assert (several.exit_code, "has the recipes 0, 4" in several.stderr) == (2, True)
    absent = run("evaluate", "--config", config, "--recipe", 5, "--data", slots)
    assert (absent.exit_code, "no recipe 5, only 0, 4" in absent.stderr) == (2, True)
    blind = run("evaluate", "--config", config, "--recipe", 4, "--view", "side", "--data", slots)
    assert (blind.exit_code, "no view 'side', only top" in blind.stderr) == (2, True)


class Pairs:
    """Parts seen from the top and from the side, and a recipe whose views have limits of their own."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.folder = PictureFolder(folder / "pairs")
        views = ", ".join(
            f'{{ camera = "{camera}", bundle = "{bundle}", accept_below = {limit} }}'
            for camera, limit in (("top", 0.1), ("side", 0.05))
        )
        self.config = station_file(folder, recipe_table(views), cameras=("top", "side"))

    def add(self, name: str, verdict: str, **views: Any) -> None:
        for view, picture in views.items():
            self.folder.add(f"{name}-{view}.png", picture, verdict, part_id=name, view=view, group=name)


@pytest.fixture
def pairs(tmp_path: Path, bundle: Path) -> Pairs:
    made = Pairs(tmp_path, bundle)
    made.add("clean", "accept", top=part(1), side=part(2))
    made.add("scratched", "reject", top=part(3), side=scratched(3))
    made.add("glowing", "accept", top=part(4), side=part(5, (2, 2, (60, 60, 86))))
    return made


def test_every_view_is_judged_by_its_own_limits_and_the_worst_decides(pairs: Pairs, tmp_path: Path) -> None:
    found = told("--config", pairs.config, "--data", pairs.folder.folder, "--repeat", 1, "--report", tmp_path / "out")
    assert found["counts"]["parts"] == 3
    assert found["rates"]["catch"]["value"] == 1.0
    assert verdicts(found)["glowing-side.png"] == "cannot_judge"
    assert found["rates"]["abstention_good"]["count"] == 1
    assert found["thresholds"] == {
        "accept_below": None,
        "reject_above": None,
        "views": {
            "top": {"accept_below": 0.1, "reject_above": 0.9},
            "side": {"accept_below": 0.05, "reject_above": 0.9},
        },
    }
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("Do the limits travel?") == 2
    assert "0.0500 (bundle 0.1000)" in page


def test_one_view_may_be_audited_alone(pairs: Pairs) -> None:
    found = told("--config", pairs.config, "--view", "side", "--data", pairs.folder.folder)
    assert sorted(verdicts(found)) == ["clean-side.png", "glowing-side.png", "scratched-side.png"]
    assert found["thresholds"] == {"accept_below": 0.05, "reject_above": 0.9}
    assert "of view side" not in found["audit"]["judged"]
    assert "Of other views than side there are 3 more pictures" in found["audit"]["judged"]


def test_a_part_without_one_of_the_views_is_no_part_of_this_recipe(pairs: Pairs) -> None:
    pairs.add("half", "accept", top=part(9))
    done = run("evaluate", "--config", pairs.config, "--data", pairs.folder.folder)
    assert done.exit_code == 1
    assert "without a picture of one: 1 part (half)" in done.stderr
    pairs.folder.add("loose.png", part(10), "accept")
    done = run("evaluate", "--config", pairs.config, "--data", pairs.folder.folder)
    assert "without part_id or one of these views: 1 picture (loose.png)" in done.stderr


def test_a_folder_of_other_views_is_told(bundle: Path, pairs: Pairs) -> None:
    done = run("evaluate", "--bundle", bundle, "--view", "back", "--data", pairs.folder.folder)
    assert done.exit_code == 1
    assert "no picture is of view 'back', there are side, top" in done.stderr
    assert len(told("--bundle", bundle, "--data", pairs.folder.folder)["per_image"]) == 6


def test_pictures_that_set_or_proved_the_rules_are_told(bundle: Path, tmp_path: Path) -> None:
    commissioned = commissioned_file(tmp_path, bundle)
    folder = tmp_path / "pictures"
    found = told("--bundle", bundle, "--commissioned", commissioned, "--data", folder)
    assert len(found["audit"]["commissioned_files"]) == 44
    assert any("44 of these 44 pictures (good-0.png" in one["text"] for one in found["audit"]["reasons"])


def test_the_incumbent_may_be_commissioned_too(bundle: Path, slots: Path, tmp_path: Path) -> None:
    commissioned = commissioned_file(tmp_path, bundle)
    (tmp_path / "newer").mkdir()
    newer = tmp_path / "newer" / networks.write(tmp_path / "newer", version=4).manifest.file_name
    alone = told("--bundle", newer, "--data", slots, "--incumbent", bundle)["audit"]["incumbent"]
    assert (alone["judge_alike"], alone["bundle"].endswith("as commissioned")) == (True, False)
    done = run(
        *("evaluate", "--bundle", newer, "--data", slots, "--json"),
        *("--incumbent", bundle, "--incumbent-commissioned", commissioned),
    )
    both = json.loads(done.stdout)["audit"]["incumbent"]
    assert done.exit_code == 3
    assert (both["judge_alike"], both["bundle"].endswith("as commissioned")) == (False, True)
