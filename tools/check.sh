#!/bin/sh
# What CI runs: format, lint, types, import contracts, tests. Parts that could not be brought are named at the end.
set -eu
PATH="$PATH:/usr/sbin"
step() { printf '\n== %s\n' "$1"; shift; "$@"; }

step 'format' ruff format --check .
step 'lint' ruff check .
step 'types' mypy
step 'import contracts' lint-imports
if command -v mosquitto >/dev/null; then
    without=
else
    without='the broker tests (no mosquitto on this machine)'
    export CSMS_WITHOUT_MOSQUITTO=1
fi
# In the order of the folders: those with the long tests come before the many short ones of tests/unit.
step 'tests' python -m pytest -n "${WORKERS:-3}" --dist loadfile --no-loadscope-reorder -q
if [ -n "$without" ]; then
    printf '\nNOT RUN: %s\n' "$without"
fi
