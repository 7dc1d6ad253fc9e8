"""``linegate commission``: pictures in, one file out, or a refusal that says why."""

import hashlib
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result

from models.bundle.prints import TRAINED_PICTURES, sorted_prints
from models.commissioning import read_commissioned
from tests.support import networks
from tests.support.commissioned import SCRATCH, SLOT, add_goods, add_known_defects
from tests.support.commissioned import run as run_command
from tests.support.networks import PictureFolder

pytestmark = pytest.mark.usefixtures("arithmetic_network")


@pytest.fixture
def goods(tmp_path: Path) -> PictureFolder:
    return add_goods(PictureFolder(tmp_path / "goods"))


@pytest.fixture
def challenge(tmp_path: Path) -> PictureFolder:
    return add_known_defects(PictureFolder(tmp_path / "challenge"))


def run(bundle: Path, goods: PictureFolder | Path, out: Path, *arguments: object) -> Result:
    folder = goods if isinstance(goods, Path) else goods.folder
    return run_command("commission", "--bundle", bundle, "--goods", folder, "--out", out, *arguments)


def test_goods_and_known_defects_become_one_file(bundle, goods, challenge, tmp_path) -> None:
    out = tmp_path / "top.json"
    done = run(bundle, goods, out, "--challenge", challenge.folder, "--view", "top")
    assert done.exit_code == 0, done.output
    content = read_commissioned(out).content
    assert (content.origin.goods.parts, content.origin.challenge.parts) == (32, 12)
    assert content.results.goods.accept >= 29
    assert content.results.goods_by_bundle.accept == 0
    assert f"SHA-256 {read_commissioned(out).sha256}" in done.stdout
    assert f'commissioned = "{out}"' in done.stdout
    assert "claims no risk of its own: 47 more independent parts" in done.stderr
    assert content.origin.challenge.independent == 12


def test_pictures_of_one_group_are_one_part_for_a_claim(bundle, tmp_path) -> None:
    folder = PictureFolder(tmp_path / "many")
    for part in range(32):
        folder.add(f"good-{part}.png", networks.part(part), "accept", group="a")
    for part in range(59):
        picture = networks.part(500 + part, (part % 7, part % 15, SCRATCH))
        folder.add(f"bad-{part}.png", picture, "reject", group=f"g{part % 7}")
    done = run(bundle, folder, tmp_path / "top.json", "--challenge", folder.folder)
    content = read_commissioned(tmp_path / "top.json").content
    assert content.lenient
    assert content.risk_claim is None
    assert (content.origin.challenge.parts, content.origin.challenge.independent) == (59, 7)
    assert "the 59 parts with known defects are of 7 groups" in done.stderr
    assert "52 more independent parts" in done.stderr


def test_pictures_of_which_nobody_knows_the_part_carry_no_claim(bundle, tmp_path) -> None:
    folder = PictureFolder(tmp_path / "photos")
    for part in range(32):
        folder.add(f"good-{part}.png", networks.part(part), "accept")
    for part in range(70):
        told = {"part_id": part} if part else {}
        folder.add(f"bad-{part}.png", networks.part(500 + part, (part % 7, part % 15, SCRATCH)), "reject", **told)
    done = run(bundle, folder, tmp_path / "top.json", "--challenge", folder.folder)
    content = read_commissioned(tmp_path / "top.json").content
    assert content.lenient
    assert content.risk_claim is None
    assert (content.origin.challenge.parts, content.origin.challenge.independent) == (70, 0)
    assert "1 picture of the known defects tell neither part_id nor group (bad-0.png)" in done.stderr
    assert '"part_id": "A-17"' in done.stderr


@pytest.fixture
def sorted_parts(tmp_path: Path) -> PictureFolder:
    """Make a folder of 32 goods and 61 known defects that would carry a claim: of 61 parts, in 61 groups."""
    folder = PictureFolder(tmp_path / "parts")
    for part in range(32):
        folder.add(f"good-{part}.png", networks.part(part), "accept")
    for part in range(61):
        picture = networks.part(500 + part, (part % 7, part % 15, SCRATCH))
        folder.add(f"bad-{part}.png", picture, "reject", group=f"g{part}")
    return folder


def trained_on(tmp_path: Path, folder: PictureFolder, *files: str) -> Path:
    """Write a bundle whose network was trained on these pictures."""
    digests = [hashlib.sha256((folder.folder / "images" / file).read_bytes()).hexdigest() for file in files]
    (tmp_path / "trained").mkdir()
    written = networks.write(tmp_path / "trained", {TRAINED_PICTURES: sorted_prints(digests)})
    return tmp_path / "trained" / written.manifest.file_name


def test_what_the_network_was_trained_on_counts_for_no_claim_and_is_named(sorted_parts, tmp_path) -> None:
    bundle = trained_on(tmp_path, sorted_parts, "good-3.png", "bad-5.png", "bad-6.png", "bad-7.png")
    done = run(bundle, sorted_parts, tmp_path / "top.json", "--challenge", sorted_parts.folder)
    content = read_commissioned(tmp_path / "top.json").content
    assert content.lenient
    assert content.risk_claim is None
    assert content.origin.goods.trained == ("good-3.png",)
    assert content.origin.challenge.trained == ("bad-5.png", "bad-6.png", "bad-7.png")
    assert "trained on 1 picture of the goods (good-3.png)" in done.stderr
    assert "trained on 3 pictures of the known defects (bad-5.png, bad-6.png, bad-7.png)" in done.stderr
    assert "1 more independent parts with known defects would carry" in done.stderr


def test_the_others_still_carry_a_claim_unless_they_are_of_the_same_group(sorted_parts, tmp_path) -> None:
    sorted_parts.add("twin.png", networks.part(700, (5, 5, SCRATCH)), "reject", group="g9")
    bundle = trained_on(tmp_path, sorted_parts, "bad-9.png")
    run(bundle, sorted_parts, tmp_path / "top.json", "--challenge", sorted_parts.folder)
    claim = read_commissioned(tmp_path / "top.json").content.risk_claim
    assert claim is not None
    assert (claim.escape_upper, claim.defective_parts) == (0.05, 60)


def test_a_bundle_that_does_not_tell_its_training_carries_no_claim(sorted_parts, tmp_path) -> None:
    bundle = tmp_path / networks.write(tmp_path).manifest.file_name
    done = run(bundle, sorted_parts, tmp_path / "top.json", "--challenge", sorted_parts.folder)
    assert read_commissioned(tmp_path / "top.json").content.risk_claim is None
    assert "does not tell which photos its network was trained on" in done.stderr


def test_remarks_on_pictures_with_endless_names_still_fit_into_the_file(bundle, goods, tmp_path) -> None:
    folder = PictureFolder(tmp_path / "long")
    for part in range(12):
        told = {"group": f"g{part}"} if part < 2 else {}
        folder.add(f"{part:0200}.png", networks.part(500 + part // 2, (part // 2, 3, SCRATCH)), "reject", **told)
    done = run(bundle, goods, tmp_path / "top.json", "--challenge", folder.folder)
    assert done.exit_code == 0, done.output
    assert "10 pictures of the known defects tell neither" in done.stderr
    assert "stand in different groups show one part" in done.stderr


def test_copies_of_one_frame_under_many_group_names_are_one_part(bundle, tmp_path) -> None:
    folder = PictureFolder(tmp_path / "copies")
    for part in range(32):
        folder.add(f"good-{part}.png", networks.part(part), "accept")
    scratched, again = (networks.part(seed, (3, 3, SCRATCH)) for seed in (500, 501))
    for copy in range(60):
        folder.add(f"bad-{copy}.png", again if copy == 59 else scratched, "reject", group=f"g{copy}")
    for part in range(9):
        folder.add(f"more-{part}.png", networks.part(600 + part, (part % 7, part, SCRATCH)), "reject", group=f"m{part}")
    done = run(bundle, folder, tmp_path / "top.json", "--challenge", folder.folder)
    content = read_commissioned(tmp_path / "top.json").content
    assert content.risk_claim is None
    assert (content.origin.challenge.parts, content.origin.challenge.independent) == (11, 11)
    assert "stand in different groups show one part (bad-0.png, bad-1.png" in done.stderr


def test_json_is_all_that_a_program_reads(bundle, goods, challenge, tmp_path) -> None:
    done = run(bundle, goods, tmp_path / "top.json", "--challenge", challenge.folder, "--json")
    told = json.loads(done.stdout)
    assert told["results"]["goods"]["accept"] >= 29
    assert told["expected_places"] > 0
    assert told["sha256"] == read_commissioned(tmp_path / "top.json").sha256
    assert "reference" not in told


def test_without_challenge_it_warns_loudly_and_excuses_nothing(bundle, goods, tmp_path) -> None:
    done = run(bundle, goods, tmp_path / "top.json")
    assert done.exit_code == 0
    assert "warning: without challenge" in done.stderr
    content = read_commissioned(tmp_path / "top.json").content
    assert not content.lenient
    assert content.reference is None
    assert any("without challenge" in remark for remark in content.remarks)


def test_a_known_defect_that_would_pass_refuses_and_writes_nothing(bundle, goods, challenge, tmp_path) -> None:
    challenge.add("hidden.png", networks.part(900, (3, 3, SLOT)), "reject")
    done = run(bundle, goods, tmp_path / "top.json", "--challenge", challenge.folder)
    assert done.exit_code == 3
    assert "hidden.png" in done.stderr
    assert not (tmp_path / "top.json").exists()


def test_too_few_distinct_goods_are_refused(bundle, goods, tmp_path) -> None:
    done = run(bundle, goods, tmp_path / "top.json", "--minimum-goods", 33)
    assert done.exit_code == 3
    assert "32 distinct good parts in 32 pictures, 33 are needed" in done.stderr
    assert not (tmp_path / "top.json").exists()


def test_the_same_frame_again_is_no_more_parts(bundle, goods, tmp_path) -> None:
    for copy in range(5):
        goods.add(f"again-{copy}.png", networks.part(0, (0, 0, SLOT)), "accept", part_id=f"serial-{copy}")
    done = run(bundle, goods, tmp_path / "top.json", "--minimum-goods", 33)
    assert done.exit_code == 3
    assert "32 distinct good parts in 37 pictures" in done.stderr
    assert "count once" in done.stderr


def test_pictures_of_one_part_count_once(bundle, tmp_path) -> None:
    folder = PictureFolder(tmp_path / "parts")
    for part in range(40):
        folder.add(f"good-{part}.png", networks.part(part), "accept", part_id=part // 2)
    done = run(bundle, folder, tmp_path / "top.json")
    assert done.exit_code == 3
    assert "20 distinct good parts in 40 pictures" in done.stderr


def test_any_folder_of_pictures_holds_goods(bundle, goods, tmp_path) -> None:
    done = run(bundle, goods.folder / "images", tmp_path / "top.json")
    assert done.exit_code == 0
    assert read_commissioned(tmp_path / "top.json").content.origin.goods.parts == 32


def test_defective_pictures_among_the_goods_are_no_goods(bundle, goods, tmp_path) -> None:
    goods.add("bad.png", networks.part(900, (1, 1, SCRATCH)), "reject")
    run(bundle, goods, tmp_path / "top.json")
    assert read_commissioned(tmp_path / "top.json").content.origin.goods.pictures == 32


def test_a_picture_that_is_good_and_defective_is_refused(bundle, goods, challenge, tmp_path) -> None:
    challenge.add("twin.png", networks.part(3, (3, 9, SLOT)), "reject")
    done = run(bundle, goods, tmp_path / "top.json", "--challenge", challenge.folder)
    assert done.exit_code == 3
    assert "good-3.png" in done.stderr
    assert "twin.png" in done.stderr


def test_pictures_that_the_line_could_not_judge_are_named_and_left_out(bundle, goods, tmp_path) -> None:
    goods.add("dark.png", np.zeros((64, 64, 3), np.uint8), "accept")
    goods.add("broken.png", networks.part(40), "accept")
    (goods.folder / "images" / "broken.png").write_bytes(b"no picture")
    done = run(bundle, goods, tmp_path / "top.json")
    assert done.exit_code == 0
    assert "2 pictures of the goods are not used: dark.png: too dark" in done.stderr
    assert read_commissioned(tmp_path / "top.json").content.origin.goods.unused == ("dark.png", "broken.png")


def test_a_file_that_is_there_is_not_touched_without_force(bundle, goods, tmp_path) -> None:
    out = tmp_path / "top.json"
    out.write_text("precious")
    done = run(bundle, goods, out)
    assert done.exit_code == 1
    assert "--force" in done.stderr
    assert out.read_text() == "precious"
    assert run(bundle, goods, out, "--force").exit_code == 0


def test_views_are_not_mixed(bundle, tmp_path) -> None:
    folder = PictureFolder(tmp_path / "views")
    for part in range(60):
        folder.add(f"{part}.png", networks.part(part), "accept", part_id=part, view=("top", "side")[part % 2])
    mixed = run(bundle, folder, tmp_path / "top.json")
    assert mixed.exit_code == 1
    assert "views side, top; name one" in mixed.stderr
    assert run(bundle, folder, tmp_path / "top.json", "--view", "top").exit_code == 0
    assert read_commissioned(tmp_path / "top.json").content.origin.goods.pictures == 30
    unknown = run(bundle, folder, tmp_path / "back.json", "--view", "back")
    assert unknown.exit_code == 1
    assert "'back'" in unknown.stderr


def test_a_region_is_commissioned_as_the_recipe_will_cut_it(bundle, goods, tmp_path) -> None:
    assert run(bundle, goods, tmp_path / "top.json", "--roi", "0,0,128,128").exit_code == 0
    assert read_commissioned(tmp_path / "top.json").content.origin.roi == (0, 0, 128, 128)
    outside = run(bundle, goods, tmp_path / "out.json", "--roi", "200,0,128,128")
    assert outside.exit_code == 1
    assert "good-0.png" in outside.stderr


def test_a_view_without_a_name_is_a_wrong_use(bundle, goods, tmp_path) -> None:
    for view in ("", "v" * 201):
        assert run(bundle, goods, tmp_path / "top.json", "--view", view).exit_code == 2


def test_a_file_name_that_is_no_text_is_spelt_out(bundle, goods, tmp_path) -> None:
    folder = goods.folder / "images"
    (folder / "good-0.png").rename(folder / os.fsdecode(b"good-\xff.png"))
    done = run(bundle, folder, tmp_path / "top.json")
    assert done.exit_code == 0, done.output
    assert "good-\\udcff.png" in read_commissioned(tmp_path / "top.json").content.results.not_accepted


@pytest.mark.parametrize("roi", ["", "1,2,3", "a,b,c,d", "0,0,0,5", "-1,0,5,5"])
def test_a_region_that_cannot_be_is_a_wrong_use(bundle, goods, tmp_path, roi) -> None:
    done = run(bundle, goods, tmp_path / "top.json", "--roi", roi)
    assert done.exit_code == 2
    assert "--roi" in done.stderr


def test_what_is_missing_is_named(bundle, goods, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, named in (
        ((bundle, tmp_path / "nowhere", tmp_path / "o.json"), "nowhere"),
        ((bundle, tmp_path / "empty", tmp_path / "o.json"), "empty"),
        ((tmp_path / "none.lgb", goods, tmp_path / "o.json"), "none.lgb"),
        ((bundle, goods, tmp_path / "none" / "o.json"), "none"),
        ((bundle, goods, tmp_path / "o.json", "--challenge", tmp_path / "empty"), "annotations.json"),
        ((bundle, goods, tmp_path / "o.json", "--challenge", goods.folder), "'reject'"),
    ):
        done = run(*arguments)
        assert done.exit_code == 1
        assert named in done.stderr
        assert "Traceback" not in done.output


def test_a_network_without_an_embedding_says_what_it_cannot_do(goods, challenge, tmp_path) -> None:
    bundle = tmp_path / networks.write(tmp_path, **networks.ALONE, name="alone").manifest.file_name
    done = run(bundle, goods, tmp_path / "top.json", "--challenge", challenge.folder)
    assert done.exit_code == 0, done.output
    assert "no embedding: only offset and limits" in done.stderr
    content = read_commissioned(tmp_path / "top.json").content
    assert (content.reference, content.novelty) == (None, None)
    assert content.offset < 0.0


def test_goods_of_which_most_would_not_pass_are_told(bundle, goods, tmp_path) -> None:
    done = run(bundle, goods, tmp_path / "top.json")
    assert "only 0 of 32 good parts would be accepted" in done.stderr


def test_a_grey_picture_is_read_as_the_line_reads_it(bundle, tmp_path) -> None:
    folder = tmp_path / "grey"
    folder.mkdir()
    for part in range(30):
        cv2.imwrite(str(folder / f"{part}.png"), networks.part(part)[:, :, 2])
    assert run(bundle, folder, tmp_path / "top.json").exit_code == 0
