#!/bin/sh
# Writes the hash-locked requirements anew; run it after a change of dependencies in pyproject.toml, with uv on the PATH.
# The training lock starts from what is installed in .venv-train, since PyTorch's builds for CPU and GPU share a version
# and only the installed one says which is meant.
set -eu
cd "$(dirname "$0")/.."
# uv does not heed an upper bound of Requires-Python: 1.3 of this one is for Python below 3.11 only.
constraints=$(mktemp --suffix=.txt)
printf 'backports-strenum<1.3\n' > "$constraints"
frozen=$(mktemp --suffix=.in)
trap 'rm -f "$frozen" "$constraints"' EXIT

compile() { uv pip compile --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -c "$constraints" -q "$@"; }

compile --universal --python-version 3.11 pyproject.toml --extra demo --extra source -o requirements/station.txt
compile --universal --python-version 3.11 pyproject.toml --extra demo --extra source --group test -o requirements/test.txt

.venv-train/bin/python -m pip list --format freeze --disable-pip-version-check \
  | grep -viE '^(pip|setuptools|linegate|torch)==' > "$frozen"
compile --no-deps --python-version 3.11 "$frozen" -o requirements/train.txt
cat requirements/torch-cpu.txt >> requirements/train.txt
