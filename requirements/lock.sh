#!/bin/sh
# Writes the hash-locked requirements anew; run it after a change of dependencies in pyproject.toml, with uv on the PATH.
# The training lock starts from what is installed in .venv-train, since PyTorch's builds for CPU and GPU share a version
# and only the installed one says which is meant.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -q "$@"; }

compile --universal --python-version 3.11 pyproject.toml --extra demo --extra source -o requirements/station.txt
compile --universal --python-version 3.11 pyproject.toml --extra demo --extra source --group test -o requirements/test.txt

frozen=$(mktemp --suffix=.in)
trap 'rm -f "$frozen"' EXIT
.venv-train/bin/python -m pip list --format freeze --disable-pip-version-check \
  | grep -viE '^(pip|setuptools|linegate|torch)==' > "$frozen"
compile --no-deps --python-version 3.11 "$frozen" -o requirements/train.txt
cat requirements/torch-cpu.txt >> requirements/train.txt
