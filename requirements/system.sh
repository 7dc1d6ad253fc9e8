#!/bin/sh
# Installs the Debian packages whose commands are missing, or says which are.
# usage: system.sh COMMAND=PACKAGE…
set -eu
PATH=$PATH:/usr/sbin:/sbin
missing=""
for pair in "$@"; do
  command -v "${pair%%=*}" >/dev/null || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  printf 'linegate: installing%s\n' "$missing" >&2
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of words
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  printf 'linegate: missing, and needed by the tests: as root, apt-get install%s; then run this again\n' "$missing" >&2
  exit 1
fi
