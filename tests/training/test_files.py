"""The work folder belongs to one run at a time, and is free again however that run ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import ModelError
from models.training.files import held

pytestmark = pytest.mark.training

HOLDER = """
import sys
from pathlib import Path
from models.training.files import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_told_who_works_there(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(ModelError, match=rf"another run \(process {other.pid}\) works there.*--work"),
            held(tmp_path),
        ):
            pass
        other.kill()
    with held(tmp_path):
        pass


def test_a_run_that_failed_holds_nothing(tmp_path: Path) -> None:
    def fails() -> None:
        with held(tmp_path):
            raise BlockingIOError("of its own")

    with pytest.raises(BlockingIOError, match="of its own"):
        fails()
    with held(tmp_path):
        assert (tmp_path / "run.lock").read_text() == f"{os.getpid()}\n"


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"run\.lock: cannot be locked"), held(tmp_path / "gone"):
        pass
