"""A recipe with a commissioned view: judged by its file, or refused."""

from pathlib import Path

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
from tests.support.commissioned import SCRATCH, SLOT, commissioned_file, recipe_table, run, station_file
from tests.support.networks import PictureFolder

pytestmark = pytest.mark.usefixtures("arithmetic_network")


@pytest.fixture
def commissioned(tmp_path: Path, bundle: Path) -> Path:
    return commissioned_file(tmp_path, bundle)


def recipe(bundle: Path, commissioned: Path | None, **changes: object) -> Recipe:
    fields = {"camera": "top", "bundle": str(bundle), "commissioned": commissioned} | changes
    return Recipe(id=0, name="part", views=(View(**fields),))


def load(bundle: Path, commissioned: Path | None, *, live: bool = False, **changes: object) -> LoadedRecipe:
    return load_recipes((recipe(bundle, commissioned, **changes),), live=live, active=shipped_bundle())[0]


def decision(loaded: LoadedRecipe, picture) -> Decision:
    view = loaded.views[0]
    found = examine(
        picture, camera="top", judge=view.detector, quality=QualityLimits(), limits=view.limits, roi=view.roi
    )
    return judge_view(found.judgement).decision


def test_what_belongs_on_the_part_is_accepted_and_a_defect_is_not(bundle: Path, commissioned: Path) -> None:
    cold, loaded = load(bundle, None), load(bundle, commissioned)
    good, bad = networks.part(70, (3, 3, SLOT)), networks.part(71, (3, 3, SLOT), (6, 12, SCRATCH))
    assert (decision(cold, good), decision(loaded, good)) == (Decision.CANNOT_JUDGE, Decision.ACCEPT)
    assert (decision(cold, bad), decision(loaded, bad)) == (Decision.REJECT, Decision.REJECT)
    probe({0: loaded})


def test_another_product_is_not_accepted(bundle: Path, commissioned: Path) -> None:
    assert decision(load(bundle, commissioned), 255 - networks.part(70)) is not Decision.ACCEPT


def test_the_recipe_may_be_stricter_still_and_never_laxer(bundle: Path, commissioned: Path) -> None:
    limit = load(bundle, commissioned).views[0].limits.accept_below
    assert load(bundle, commissioned, accept_below=limit / 2).views[0].limits.accept_below == limit / 2
    with pytest.raises(UnsafeRecipeError, match="laxer than the commissioned file's"):
        load(bundle, commissioned, accept_below=limit * 1.1)


@pytest.mark.parametrize("changes", [{"camera": "top", "roi": (0, 0, 100, 100)}])
def test_a_view_that_is_cut_otherwise_is_refused(bundle: Path, commissioned: Path, changes) -> None:
    with pytest.raises(UnsafeRecipeError, match="must be the same"):
        load(bundle, commissioned, **changes)


def test_a_file_that_tells_no_view_is_refused_whatever_the_camera(bundle: Path, tmp_path: Path) -> None:
    commissioned_file(tmp_path, bundle)
    goods, out = tmp_path / "pictures", tmp_path / "any.json"
    done = run("commission", "--bundle", bundle, "--goods", goods, "--out", out)
    assert "no view is named: a recipe refuses the file" in done.stderr
    assert "views = [" not in done.stdout
    with pytest.raises(UnsafeRecipeError, match=r"view top: .*any\.json: .*again with --view top"):
        load(bundle, out)


def test_another_bundle_s_file_is_refused(bundle: Path, commissioned: Path, tmp_path: Path) -> None:
    (tmp_path / "newer").mkdir()
    newer = tmp_path / "newer" / networks.write(tmp_path / "newer", version=4).manifest.file_name
    with pytest.raises(UnsafeRecipeError, match="belongs to bundle"):
        load(newer, commissioned)


@pytest.mark.parametrize("content", [b"", b"{}", b"no JSON"])
def test_a_damaged_or_absent_file_is_refused(bundle: Path, commissioned: Path, content: bytes) -> None:
    commissioned.write_bytes(content)
    with pytest.raises(UnsafeRecipeError, match=r"view top: .*top\.json"):
        load(bundle, commissioned)
    commissioned.unlink()
    with pytest.raises(UnsafeRecipeError, match="cannot be read"):
        load(bundle, commissioned)


def test_a_live_line_refuses_a_commissioned_view_that_claims_no_risk(bundle: Path, commissioned: Path) -> None:
    with pytest.raises(UnsafeRecipeError, match="as commissioned provisional"):
        load(bundle, commissioned, live=True)


def test_a_live_line_runs_a_commissioned_view_with_enough_known_defects(bundle: Path, tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "many")
    for part in range(32):
        folder.add(f"good-{part}.png", networks.part(part), "accept")
    for part in range(59):
        picture = networks.part(500 + part, (part % 7, part % 15, SCRATCH))
        folder.add(f"bad-{part}.png", picture, "reject", part_id=part)
    out = tmp_path / "claimed.json"
    pictures = folder.folder
    sets = "--goods", pictures, "--challenge", pictures
    done = run("commission", "--bundle", bundle, *sets, "--out", out, "--view", "top")
    assert "at most 5 % of defective parts accepted" in done.stdout
    with pytest.raises(UnsafeRecipeError, match="provisional"):
        load(bundle, None, live=True)
    assert load(bundle, out, live=True).views[0].commissioned is not None


def test_the_hash_of_what_was_set_covers_the_file(bundle: Path, commissioned: Path) -> None:
    plain, first = {0: load(bundle, None)}, {0: load(bundle, commissioned)}
    assert judging_hash("c" * 64, plain) == "c" * 64
    assert judging_hash("c" * 64, first) not in {"c" * 64, judging_hash("d" * 64, first)}
    commissioned.write_text(commissioned.read_text() + "\n")  # the same content in other bytes
    assert judging_hash("c" * 64, {0: load(bundle, commissioned)}) != judging_hash("c" * 64, first)


def test_a_named_file_that_is_not_there_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    text = station_file(
        tmp_path, recipe_table(f'{{ camera = "top", commissioned = "{tmp_path}/gone.json" }}')
    ).read_text()
    with pytest.raises(Exception, match=r"views\[0\]\.commissioned: .*gone\.json: cannot be read"):
        parse_config(text, missing_or_unusable)
    with pytest.raises(Exception, match="absolute"):
        parse_config(text.replace(str(tmp_path) + "/", ""), missing_or_unusable)
