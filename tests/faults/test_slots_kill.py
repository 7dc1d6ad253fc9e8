"""kill -9 at every single step on disk of every transition: the state is the one before or the one after."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.slots_process import TRANSITIONS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    folder = tmp_path_factory.mktemp("slots")
    command = [sys.executable, "-m", "tests.support.slots_process", str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=100)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", TRANSITIONS)
def test_whatever_the_moment_one_usable_bundle_is_active(outcomes: list[dict[str, object]], name: str) -> None:
    found = [outcome for outcome in outcomes if outcome["transition"] == name]
    assert sum(bool(outcome["died"]) for outcome in found) >= 5
    for outcome in found:
        assert outcome["problems"] == [], outcome
        assert outcome["state"] in {"before", "after"}, outcome
        assert outcome["files"] == outcome["known"], outcome
    states = Counter(outcome["state"] for outcome in found)
    assert states["before"] >= 1
    assert found[-1]["state"] == "after"


def test_a_bundle_whose_staging_was_cut_short_waits_to_be_staged_again(outcomes: list[dict[str, object]]) -> None:
    for outcome in outcomes:
        if outcome["transition"] == "stage" and outcome["state"] == "before":
            assert outcome["waiting"] == ["toy-1"]
