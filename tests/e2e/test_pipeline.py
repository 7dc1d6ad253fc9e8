"""The pipeline for models in miniature: real evaluation and replay; training and publishing stand-ins."""

import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.pipeline.release import main
from tests.support import networks
from tests.support.commissioned import run as linegate
from tests.support.networks import PictureFolder
from tests.support.shifts import clean, faint, scratched

BETTER = {"accept_below": 0.6, "reject_above": 0.9, "risk_claim": None}
GOOD = {"accept_below": 0.1, "reject_above": 0.9, "risk_claim": None}
LAX = {"accept_below": 0.9999, "reject_above": 0.99999, "risk_claim": None}
WORKFLOW = Path(__file__).parents[2] / "deploy" / "pipeline" / "workflow.yml"


pytestmark = pytest.mark.usefixtures("arithmetic_network")


class Steps:
    """Runs evaluation and replay as they are, and takes note of all commands."""

    def __init__(self, folder: Path, trained: dict[str, object]) -> None:
        self.names: list[str] = []
        self.published: list[list[str]] = []
        self.fails, self.code = "", 1
        self._folder = folder
        self._trained = trained

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        program, verb, *rest = command
        self.names.append(verb)
        if verb == self.fails:
            return self.code, ""
        if verb == "train":
            assert program == "trainer"
            assert rest == ["--out", str(self._folder / "toy-2.lgb"), "--data", "pictures", "--virtual"]
            networks.write(self._folder, version=2, decision=self._trained)
            return 0, ""
        if verb == "publish":
            self.published.append(list(rest))
            return 0, ""
        done = linegate(verb, *rest)
        return done.exit_code, done.stdout


class Canned(Steps):
    """Answers for evaluation and replay: of a bundle that is better."""

    def __init__(self, folder: Path, trained: dict[str, object]) -> None:
        super().__init__(folder, trained)
        self.answers: dict[str, dict[str, object]] = {}

    def __call__(self, command: Sequence[str]) -> tuple[int, str]:
        verb = command[1]
        if verb not in {"evaluate", "replay"} or verb == self.fails:
            return super().__call__(command)
        self.names.append(verb)
        bundle = self._folder / "toy-2.lgb"
        unaccepted = 1 if str(bundle) in command else 2
        rates = {"escape": {"count": 0, "n": 60}, "not_accepted_good": {"count": unaccepted, "n": 30}}
        comparison = {"releasable": True, "judge_alike": False, "finding": ""}
        sha256 = hashlib.sha256(bundle.read_bytes()).hexdigest()
        answers = {
            "evaluate": {"rates": rates, "audit": {"incumbent": comparison, "trained_on": False}},
            "replay": {"bundle": sha256, "releasable": True, "reason": ""},
        } | self.answers
        return 0, json.dumps(answers[verb])


@pytest.fixture
def holdout(tmp_path: Path) -> Path:
    """Sixty defective parts and thirty good ones, ten of which look faintly marked."""
    folder = PictureFolder(tmp_path / "held-out")
    for seed in range(60):
        folder.add(f"bad-{seed}.png", scratched(seed), "reject")
    for seed in range(30):
        folder.add(f"good-{seed}.png", faint(seed) if seed < 10 else clean(100 + seed), "accept")
    return folder.folder


def released(folder: Path, holdout: Path, steps: Steps, *more: str) -> int:
    incumbent = networks.write(folder, version=1, decision=GOOD).manifest.file_name
    given = ["--bundle", str(folder / "toy-2.lgb"), "--incumbent", str(folder / incumbent), "--holdout", str(holdout)]
    given += ["--shift", str(holdout), "--results", str(folder / "results"), "--repository", "s3://models/repo"]
    given += ["--train", "--data pictures --virtual", "--trainer", "trainer", "--publish", "--key 'the keys'"]
    return main([*given, *more], steps)


def test_a_better_bundle_is_published_to_five_per_cent_with_the_replay_that_says_so(
    tmp_path: Path, holdout: Path
) -> None:
    steps = Steps(tmp_path, BETTER)
    assert released(tmp_path, holdout, steps) == 0
    assert steps.names == ["train", "evaluate", "evaluate", "replay", "publish"]
    results = tmp_path / "results"
    assert steps.published == [
        [
            *("add", "s3://models/repo", str(tmp_path / "toy-2.lgb"), "--share", "5"),
            *("--replay", str(results / "replay.json"), "--key", "the keys"),
        ]
    ]
    told = json.loads((results / "release.json").read_text())
    assert (told["published"], told["objections"]) == (True, [])
    gate = json.loads((results / "replay.json").read_text())
    assert (gate["bundle"], gate["releasable"], gate["worse"]) == (told["bundle"], True, False)
    assert {path.name for path in results.iterdir()} == {
        "evaluation",
        "evaluation.json",
        "incumbent.json",
        "release.json",
        "replay",
        "replay.json",
    }


def test_what_is_not_better_is_refused_and_never_published(
    tmp_path: Path, holdout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = Steps(tmp_path, LAX)
    assert released(tmp_path, holdout, steps) == 3
    assert steps.published == []
    told = capsys.readouterr().err
    assert "refused: Not as safe as the incumbent" in told
    assert "refused: the replay says no: it lets more defective parts pass: 60" in told
    assert not json.loads((tmp_path / "results" / "release.json").read_text())["published"]


@pytest.mark.parametrize("step", ["train", "evaluate", "replay", "publish"])
def test_a_step_that_fails_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], step: str) -> None:
    steps = Canned(tmp_path, BETTER)
    steps.fails = step
    assert released(tmp_path, tmp_path / "held-out", steps) == 1
    assert steps.names[-1] == step
    assert steps.published == []
    assert f"error: exit code 1: {'trainer' if step == 'train' else 'linegate'} {step}" in capsys.readouterr().err


def test_what_publishing_refuses_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = Canned(tmp_path, BETTER)
    steps.fails, steps.code = "publish", 3
    assert released(tmp_path, tmp_path / "held-out", steps) == 3
    assert "refused: publishing refused it" in capsys.readouterr().err
    assert not json.loads((tmp_path / "results" / "release.json").read_text())["published"]


def test_a_step_that_prints_nonsense_ends_it(tmp_path: Path) -> None:
    steps = Canned(tmp_path, BETTER)
    steps.answers["replay"] = {"of": "another version"}
    assert released(tmp_path, tmp_path / "held-out", steps) == 1
    assert steps.published == []


def test_without_a_repository_it_only_decides(tmp_path: Path) -> None:
    steps = Canned(tmp_path, BETTER)
    networks.write(tmp_path, version=2, decision=BETTER)
    given = ["--bundle", str(tmp_path / "toy-2.lgb"), "--incumbent", "i", "--holdout", "h", "--shift", "h"]
    assert main([*given, "--results", str(tmp_path / "results")], steps) == 0
    assert steps.names == ["evaluate", "evaluate", "replay"]


def test_a_program_that_is_not_there_is_an_error_not_a_traceback(
    tmp_path: Path, holdout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--bundle", "b", "--incumbent", "i", "--holdout", str(holdout), "--shift", str(holdout)]
    assert main([*given, "--results", str(tmp_path / "results"), "--linegate", "/no/such/program"]) == 1
    assert "error: /no/such/program: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--cost-margin", "2", "from 0 to 1"),
        ("--cost-margin", "nan", "from 0 to 1"),
        ("--share", "500", "from 0 to 100"),
        ("--train", "--data 'pictures", "No closing quotation"),
    ],
)
def test_what_makes_no_sense_is_told_before_the_long_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, words: str
) -> None:
    steps = Steps(tmp_path, BETTER)
    with pytest.raises(SystemExit) as ended:
        released(tmp_path, tmp_path / "held-out", steps, f"{option}={value}")
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert steps.names == []


def test_the_example_workflow_types_what_the_pipeline_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    [command] = re.findall(r"run: >\n(.*?)\n      -", WORKFLOW.read_text(), re.DOTALL)
    words = shlex.split(command)
    assert words[1:3] == ["-m", "deploy.pipeline.release"]
    assert {word for word in words[3:] if word.startswith("--") and " " not in word} <= known
    assert words[-2:] == ["--share", "5"]
