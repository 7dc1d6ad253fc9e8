"""requirements/setup.sh makes the environment anew where an earlier attempt left it unusable."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "requirements" / "setup.sh"

PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 0
echo "$*" >> "$MADE"
for folder; do :; done
mkdir -p "$folder/bin"
rm -f "$folder/bin/python"
printf '#!/bin/sh\\nexit 0\\n' > "$folder/bin/python"
chmod +x "$folder/bin/python"
"""


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("state", "made"), [("none", True), ("without pip", True), ("python is gone", True), ("whole", False)]
)
def test_an_unusable_environment_is_made_anew(tmp_path, state, made):
    venv, log = tmp_path / "venv", tmp_path / "made"
    program(tmp_path / "python3", PYTHON)
    if state != "none":
        (venv / "bin").mkdir(parents=True)
    if state == "python is gone":
        (venv / "bin" / "python").symlink_to(tmp_path / "nowhere")
    elif state != "none":
        code = int(state == "without pip")
        program(venv / "bin" / "python", f"#!/bin/sh\nexit {code}\n")
    done = subprocess.run(
        [SCRIPT, venv, "lock", venv / "stamp"],
        env=os.environ | {"PYTHON": str(tmp_path / "python3"), "MADE": str(log)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (venv / "stamp").exists()
    assert log.exists() == made
    assert not made or f"-m venv --clear {venv}" in log.read_text()
