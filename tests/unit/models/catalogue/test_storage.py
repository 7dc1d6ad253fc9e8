"""Reading a catalogue: every fault at once, with its line and what to do."""

from pathlib import Path

import pytest

from models.catalogue import CatalogueError, read_catalogue

GOOD = """\
product = "phone"
revision = 2
author = "Quality, plant 1"
date = 2026-03-01
[[zone]]
name = "display"
rectangle = [0.1, 0.1, 0.8, 0.8]
[[zone]]
name = "lens"
polygon = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]]
[[rule]]
zone = "display"
class = "stain"
accept_length_below_px = 12
accept_contrast_below = 0.2
count_max = 2
[[rule]]
zone = "lens"
always_reject = true
[[sample]]
picture = "samples/one.png"
verdict = "accept"
box = [10, 20, 30, 40]
"""


def write(folder: Path, text: str | bytes) -> Path:
    (folder / "samples").mkdir(exist_ok=True)
    (folder / "samples" / "one.png").write_bytes(b"a picture")
    path = folder / "catalogue.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def faults(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(CatalogueError) as told:
        read_catalogue(write(folder, text))
    return str(told.value).splitlines()


def test_a_catalogue_is_read_whole(tmp_path: Path) -> None:
    stored = read_catalogue(write(tmp_path, GOOD))
    content = stored.content
    assert (content.product, content.revision, content.date) == ("phone", 2, "2026-03-01")
    assert [rule.title for rule in content.rule] == ["rule zone display, class stain", "rule zone lens, class all"]
    assert [rule.count_max for rule in content.rule] == [2, 1]
    assert stored.samples == (tmp_path / "samples" / "one.png",)
    assert content.excuses


def test_the_hash_covers_the_file_and_its_samples(tmp_path: Path) -> None:
    first = read_catalogue(write(tmp_path, GOOD)).sha256
    assert read_catalogue(write(tmp_path, GOOD)).sha256 == first
    assert read_catalogue(write(tmp_path, GOOD + "\n")).sha256 != first
    path = write(tmp_path, GOOD)
    (tmp_path / "samples" / "one.png").write_bytes(b"another")
    assert read_catalogue(path).sha256 != first


def test_all_faults_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = GOOD.replace('zone = "lens"', 'zone = "lense"').replace("revision = 2", "revision = 0")
    text = text.replace("rectangle = [0.1, 0.1, 0.8, 0.8]", "rectangle = [0.1, 0.1, 0.95, 0.8]")
    told = faults(tmp_path, text)
    assert [line.partition("catalogue.toml: ")[2].partition(":")[0] for line in told] == ["line 2", "line 5", "line 18"]
    assert "is too small: 1 is the least" in told[0]
    assert "leaves the picture" in told[1]
    assert "is no zone of this catalogue" in told[2]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("accept_length_below_px = 12\n", "", "of any size"),
        ("always_reject = true", "always_reject = true\naccept_area_below_px = 3", "leaves nothing to accept"),
        ("always_reject = true", "always_reject_from = 0.3", "without always_reject = true"),
        ('zone = "lens"\n', 'zone = "display"\nclass = "stain"\n', "is the second for zone"),
        ('name = "lens"', 'name = "display"', "names two zones"),
        ('name = "lens"', 'name = "elsewhere"', "meaning of its own"),
        ("samples/one.png", "/samples/one.png", "from the catalogue's folder"),
        ("samples/one.png", "../one.png", "from the catalogue's folder"),
        ("samples/one.png", "samples/two.png", "two.png: cannot be read"),
        ("count_max = 2", "count_max = true", "is not a whole number"),
        ("accept_length_below_px = 12", "accept_length_below_px = inf", "finite"),
        ("accept_length_below_px = 12", "accept_length_below_px = nan", "finite"),
        ("accept_length_below_px = 12", "accept_lenght_below_px = 12", "is not a known key"),
        ("polygon = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]]", "", "needs one shape"),
        ('product = "phone"', "", "product: is missing"),
    ],
)
def test_a_fault_says_what_to_do(tmp_path: Path, old: str, new: str, text: str) -> None:
    assert old in GOOD
    assert text in "\n".join(faults(tmp_path, GOOD.replace(old, new)))


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"product = ", b"rule = 3", b"[[rule]]\nzone = 3", b"sample = [1]"]
)
def test_what_is_no_catalogue_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    assert all("catalogue.toml" in line for line in faults(tmp_path, content))


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "catalogue.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    for name in ("stain-11px.png", "stain-13px.png"):
        (tmp_path / "samples").mkdir(exist_ok=True)
        (tmp_path / "samples" / name).write_bytes(b"a picture")
    assert [rule.excuses for rule in read_catalogue(write(tmp_path, example)).content.rule] == [True, False]


def test_a_file_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.toml", tmp_path):
        with pytest.raises(CatalogueError, match="correct the path"):
            read_catalogue(path)
