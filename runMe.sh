#!/usr/bin/env bash
# Finds or makes the launcher's environment, then hands over to `slipway`: ./runMe.sh [VERB] [OPTIONS], by default `up`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
venv="${SLIPWAY_HOME:-$PWD/.slipway}/envs/launcher"
if ! cmp -s requirements/launcher.txt "$venv/ready"; then
  for python in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break || python=
  done
  [ "$python" ] || { echo "error: Slipway needs Python 3.11 or newer, and found none (set PYTHON=/path/to/python3)" >&2; exit 2; }
  mkdir -p "${venv%/*}" && exec 9>"$venv.lock" && flock 9
  echo "setting up the launcher in $venv, once ..." >&2
  "$python" -m venv --clear "$venv" && "$venv/bin/python" -m pip --disable-pip-version-check install -qq --no-deps \
    --require-hashes -r requirements/launcher.txt >&2 && cp requirements/launcher.txt "$venv/ready"
  exec 9>&-
fi
PYTHONPATH="$PWD" exec "$venv/bin/python" -m slipway "$@"
