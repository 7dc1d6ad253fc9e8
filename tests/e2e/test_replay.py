"""``linegate replay`` as a person types it: a store beside a running station, a folder, a gate for a publication."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from edge.core.codes import Code
from edge.core.types import Decision
from models.bundle import read_bundle
from tests.support import networks
from tests.support.commissioned import recipe_table, run, station_file
from tests.support.ledgers import instant, start
from tests.support.networks import PictureFolder
from tests.support.shifts import DAY, RecordedShift, clean, faint, scratched

ACCEPT, REJECT, CANNOT = Decision.ACCEPT, Decision.REJECT, Decision.CANNOT_JUDGE
LAX = {"accept_below": 0.9999, "reject_above": 0.99999, "risk_claim": None}


pytestmark = pytest.mark.usefixtures("arithmetic_network")


@pytest.fixture
def shift(tmp_path: Path) -> RecordedShift:
    """Six defective parts that were rejected, three good ones, three that nobody spoke of, and what has no picture."""
    grown = RecordedShift(tmp_path / "store")
    for seed in range(6):
        grown.add(REJECT, scratched(seed), truth="reject")
    for seed in range(10, 13):
        grown.add(ACCEPT, clean(seed), truth="accept")
    for seed in range(20, 23):
        grown.add(CANNOT, faint(seed))
    return grown


def lax(folder: Path) -> Path:
    return folder / networks.write(folder, version=9, decision=LAX).manifest.file_name


def told(*given: object, code: int = 0) -> dict[str, Any]:
    done = run("replay", *given, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def prints(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_the_same_bundle_says_the_same_and_may_be_released(shift: RecordedShift, bundle: Path) -> None:
    found = told(DAY, "--store", shift.write(), "--bundle", bundle)
    assert found["bundle"] == read_bundle(bundle).sha256
    assert (found["worse"], found["releasable"]) == (False, True)
    assert found["reason"] == (
        "not shown to be worse in escapes on 6 defective parts (of such parts it may let up to 31 in a hundred more "
        "pass, 95 % confidence), in overkill on 3 good ones, in abstentions on 12"
    )
    counts = found["counts"]
    assert (counts["recorded"], counts["replayed"], counts["compared"], counts["differing"]) == (12, 12, 12, 0)
    assert found["transitions"]["cannot_judge->cannot_judge"] == 3
    assert found["evidence"]["errors"]["escape"]["parts"] == 6


def test_a_bundle_that_lets_known_defects_pass_is_refused_with_pictures(
    shift: RecordedShift, bundle: Path, tmp_path: Path
) -> None:
    store, out = shift.write(), tmp_path / "out"
    done = run("replay", DAY, "--store", store, "--bundle", lax(tmp_path), "--report", out)
    assert done.exit_code == 3
    assert "refused: worse than the incumbent: it lets more defective parts pass: 6" in done.stderr
    assert "P1 sess 7 trig 1: reject" in done.stdout
    assert "truth reject (end of line)" in done.stdout
    page = (out / "report.html").read_text()
    assert "Worse." in page
    assert page.count("data:image/jpeg;base64,") == 9
    assert page.count("<rect") >= 9
    assert "no random sample" in page
    written = json.loads((out / "metrics.json").read_text())
    assert (written["worse"], written["releasable"]) == (True, False)
    assert written["p_values"]["escape"] == pytest.approx(1 / 64)


def test_what_has_no_picture_is_told_with_the_reason(shift: RecordedShift, bundle: Path) -> None:
    for _ in range(3):
        shift.add(ACCEPT, truth="reject")
    shift.lose()
    shift.prune(shift.add(REJECT, scratched(30)))
    changed = shift.add(REJECT, scratched(31))
    shift.path(changed).write_bytes(b"something else")
    gone = shift.add(REJECT, scratched(32))
    shift.path(gone).unlink()
    shift.add(REJECT, cameras=("top", "side"))
    store = shift.write()
    found = told(DAY, "--store", store, "--bundle", bundle)
    missing = found["missing"]
    assert missing == {
        "lost": 1,
        "open": 0,
        "not_spooled": 4,
        "pruned": 1,
        "incomplete": 0,
        "unreadable": 2,
        "defective": 3,
    }
    runs = [(one["trig"], one["trig_last"], one["why"]) for one in found["missing_parts"]]
    assert runs[:3] == [(13, 15, "not_spooled"), (16, 16, "lost"), (17, 17, "pruned")]
    assert str(shift.path(changed)) in found["missing_parts"][3]["detail"]
    shown = run("replay", DAY, "--store", store, "--bundle", bundle).stdout
    assert "4 not replayed: no picture was kept" in shown
    assert "3 of these are known to be defective" in shown
    assert "no random sample" in shown


def test_a_view_without_its_picture_leaves_the_part_out(shift: RecordedShift, bundle: Path, tmp_path: Path) -> None:
    both = shift.add(REJECT, scratched(40), cameras=("top", "side"))
    single = shift.add(REJECT, scratched(41), cameras=("top", "side"))
    shift.prune(single)
    found = told(DAY, "--store", shift.write(), "--bundle", bundle)
    assert [one["trig"] for one in found["missing_parts"]] == [single]
    assert found["missing_parts"][0]["detail"] == "none of top"
    [part] = [one for one in found["per_part"] if one["trig"] == both]
    assert [one["camera"] for one in part["pictures"]] == ["top", "side"]


def test_nothing_of_a_running_station_is_changed(shift: RecordedShift, bundle: Path, tmp_path: Path) -> None:
    store = shift.write()
    running = start(store, 60_000)
    try:
        before = prints(store / "spool") | {"ledger": hashlib.sha256((store / "ledger.db").read_bytes()).hexdigest()}
        assert told(DAY, "--store", store, "--bundle", bundle, "--report", tmp_path / "out")["counts"]["replayed"] == 12
        after = prints(store / "spool") | {"ledger": hashlib.sha256((store / "ledger.db").read_bytes()).hexdigest()}
        assert after == before
    finally:
        running.close("stopped", instant(70_000), {})


def test_a_deadline_that_overruled_a_verdict_is_not_compared(shift: RecordedShift, bundle: Path) -> None:
    shift.add(CANNOT, clean(50), code=Code.DEADLINE, truth="reject")
    found = told(DAY, "--store", shift.write(), "--bundle", bundle)
    assert (found["counts"]["replayed"], found["counts"]["compared"]) == (13, 12)
    assert (found["counts"]["incumbent_escapes"], found["counts"]["candidate_escapes"]) == (0, 1)
    assert found["transitions"]["cannot_judge->accept"] == 1
    assert found["evidence"]["errors"]["abstention"]["parts"] == 12


def test_limits_on_trial_are_no_evidence_for_a_publication(shift: RecordedShift, bundle: Path) -> None:
    store = shift.write()
    found = told(DAY, "--store", store, "--bundle", bundle, "--accept-below", 0.6)
    assert found["transitions"]["cannot_judge->accept"] == 3
    assert (found["worse"], found["releasable"], found["other_limits"]) == (False, False, True)
    assert found["reason"].startswith("judged with limits that neither bundle nor recipe has")
    done = run("replay", DAY, "--store", store, "--bundle", bundle, "--accept-below", 0.95)
    assert done.exit_code == 1
    assert "give both limits on trial" in done.stderr


def test_an_incumbent_is_judged_on_the_same_pictures(shift: RecordedShift, bundle: Path, tmp_path: Path) -> None:
    other = lax(tmp_path)
    found = told(DAY, "--store", shift.write(), "--bundle", bundle, "--incumbent", other)
    assert found["incumbent"][0]["bundle"] == read_bundle(other).label
    assert found["transitions"]["accept->reject"] == 6
    assert found["evidence"]["errors"]["escape"]["incumbent_only"] == 6
    assert found["releasable"]
    assert told(DAY, "--store", shift.store, "--bundle", other, "--incumbent", bundle, code=3)["worse"]


def test_a_bundle_beside_itself_is_no_evidence_for_a_publication(shift: RecordedShift, bundle: Path) -> None:
    found = told(DAY, "--store", shift.write(), "--bundle", bundle, "--incumbent", bundle)
    assert (found["worse"], found["releasable"]) == (False, False)
    assert found["reason"] == "candidate and incumbent are one and the same: nothing was compared"


def test_a_recipe_judges_its_own_parts_and_may_be_tried_with_another_bundle(
    shift: RecordedShift, bundle: Path, tmp_path: Path
) -> None:
    shift.add(REJECT, scratched(60), recipe=5)
    store = shift.write()
    view = f'{{ camera = "top", bundle = "{bundle}", accept_below = 0.01 }}'
    config = station_file(tmp_path, recipe_table(view, 2) + recipe_table(view, 5))
    given = (DAY, "--store", store, "--config", config, "--recipe", 2)
    found = told(*given)
    assert (found["counts"]["replayed"], found["counts"]["other_recipes"]) == (12, 1)
    assert found["views"][0]["limits"]["accept_below"] == 0.01
    tried = told(*given, "--bundle", lax(tmp_path), code=3)
    assert tried["views"][0]["limits"] == {"accept_below": 0.01, "reject_above": LAX["reject_above"]}
    assert tried["reason"].startswith("it cannot judge more parts: 6")
    done = run("replay", DAY, "--store", store, "--bundle", bundle)
    assert done.exit_code == 1
    assert "the parts are of the recipes 2, 5: name one (--recipe, --parts-of)" in done.stderr
    assert told(DAY, "--store", store, "--bundle", bundle, "--parts-of", 5)["counts"]["replayed"] == 1


def test_a_recipe_of_another_camera_is_refused(shift: RecordedShift, bundle: Path, tmp_path: Path) -> None:
    view = f'{{ camera = "side", bundle = "{bundle}" }}'
    config = station_file(tmp_path, recipe_table(view, 2), cameras=("side",))
    done = run("replay", DAY, "--store", shift.write(), "--config", config, "--recipe", 2)
    assert done.exit_code == 1
    assert "parts were seen by top, which is not what judges them" in done.stderr


def test_a_recipe_accepts_no_part_of_which_a_view_was_never_taken(
    shift: RecordedShift, bundle: Path, tmp_path: Path
) -> None:
    both = shift.add(REJECT, scratched(60), cameras=("top", "side"))
    views = ", ".join(f'{{ camera = "{camera}", bundle = "{bundle}" }}' for camera in ("top", "side"))
    config = station_file(tmp_path, recipe_table(views, 2), cameras=("top", "side"))
    found = told(DAY, "--store", shift.write(), "--config", config, "--recipe", 2)
    assert found["transitions"]["accept->cannot_judge"] == 3
    candidate = {one["trig"]: one["candidate"] for one in found["per_part"]}
    assert candidate[7]["code"] == Code.VIEW_MISSING  # clean, and seen by one of two cameras alone
    assert candidate[both]["verdict"] == "reject"


def test_a_folder_with_truths_is_replayed_beside_an_incumbent(bundle: Path, tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "day")
    for seed in range(8):
        folder.add(f"bad-{seed}.png", scratched(seed), "reject", part_id=f"b{seed}", view="top")
        folder.add(f"bad-{seed}-side.png", clean(seed), "accept", part_id=f"b{seed}", view="side")
        folder.add(f"good-{seed}.png", clean(100 + seed), "accept")
    (folder.folder / "images" / "good-0.png").write_bytes(b"broken")
    found = told(folder.folder, "--bundle", lax(tmp_path), "--incumbent", bundle, code=3)
    assert (found["counts"]["replayed"], found["counts"]["defective"], found["counts"]["good"]) == (16, 8, 8)
    assert found["transitions"]["reject->accept"] == 8
    assert found["transitions"]["cannot_judge->cannot_judge"] == 1
    assert found["shift"]["period"] is None


def test_a_folder_of_pictures_alone_has_no_truths(bundle: Path, tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "day").add("a.png", scratched(1), "reject").folder / "images"
    found = told(folder, "--bundle", lax(tmp_path), "--incumbent", bundle)
    assert found["transitions"]["reject->accept"] == 1
    assert (found["worse"], found["releasable"]) == (False, False)
    done = run("replay", folder, "--bundle", bundle)
    assert done.exit_code == 1
    assert "name the bundle to compare with (--incumbent)" in done.stderr


def test_pictures_that_the_candidate_was_trained_on_show_nothing(bundle: Path, tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "day").add("a.png", scratched(1), "reject").add("b.png", scratched(2), "reject")
    known = hashlib.sha256((folder.folder / "images" / "a.png").read_bytes()).hexdigest()
    metrics = {"trained_pictures": [known[:16]]}
    trained = tmp_path / networks.write(tmp_path, metrics=metrics, version=7).manifest.file_name
    found = told(folder.folder, "--bundle", trained, "--incumbent", bundle)
    assert (found["counts"]["known_to_candidate"], found["counts"]["compared"]) == (1, 1)
    assert found["evidence"]["errors"]["escape"]["parts"] == 1


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (("nonsense", "--bundle", "B"), 2, "neither a folder nor a day"),
        (("2025-10-09",), 2, "name what is to judge"),
        (("2025-10-09", "--recipe", 1, "--roi", "0,0,9,9"), 2, "name what is to judge"),
        (("2025-10-09", "--bundle", "B", "--incumbent-commissioned", "C"), 2, "needs --incumbent"),
        (("2025-10-09", "--bundle", "B", "--store", "/nowhere"), 1, "/nowhere: is not a folder"),
    ],
)
def test_wrong_usage_is_told(given: tuple[object, ...], code: int, says: str) -> None:
    done = run("replay", *given)
    assert (done.exit_code, "Traceback" in done.output) == (code, False)
    assert says in done.stderr


def test_a_shift_without_parts_or_without_pictures_says_so(shift: RecordedShift, bundle: Path, tmp_path: Path) -> None:
    store = shift.write()
    done = run("replay", "2020-01-01", "--store", store, "--bundle", bundle)
    assert done.exit_code == 1
    assert "no part was received then" in done.stderr
    bare = RecordedShift(tmp_path / "bare")
    bare.add(ACCEPT)
    done = run("replay", DAY, "--store", bare.write(), "--bundle", bundle)
    assert done.exit_code == 1
    assert "of 1 recorded parts none has its pictures: no picture was kept: 1" in done.stderr
    done = run("replay", store, "--bundle", bundle)
    assert done.exit_code == 2
    assert "is a store: name a day or time" in done.stderr
