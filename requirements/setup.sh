#!/bin/sh
# Makes a virtual environment with exactly the locked requirements and this source tree in it.
# usage: setup.sh VENV LOCK STAMP   (the stamp is written last, so that a broken set-up is done again)
set -eu
cd "$(dirname "$0")/.."
venv=$1 lock=$2 stamp=$3

say() { printf 'linegate: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "python3 is missing: install it (Debian: apt-get install python3)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$("$python" -V) is too old: 3.11 or newer is needed"

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing python3-venv"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
  else
    fail "python3 lacks venv: as root, apt-get install python3-venv; then run this again"
  fi
fi

# Half made (a Ctrl-C leaves it without pip), or its python is gone: from the beginning.
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || { say "making $venv"; "$python" -m venv --clear "$venv"; }
say "installing $lock into $venv"
# Only what the lock names is installed, each file checked against its hash.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
touch "$stamp"
