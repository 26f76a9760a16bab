#!/usr/bin/env bash
# Finds or makes the launcher's environment, then hands over to `slipway`: ./runMe.sh [VERB] [OPTIONS], by default `up`.
set -euo pipefail
export SLIPWAY_CALLED_FROM="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")"
envs="${SLIPWAY_HOME:-$PWD/.slipway}/envs"
venv="$envs/launcher-$(cksum <requirements/launcher.txt | cut -d' ' -f1)"
if [ ! -e "$venv/ready" ]; then
  for python in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break || python=
  done
  [ "$python" ] || { echo "error: Slipway needs Python 3.11 or newer, and found none (set PYTHON=/path/to/python3)" >&2; exit 2; }
  mkdir -p "$envs" && exec 9>"$envs/launcher.lock" && flock 9
  [ -e "$venv/ready" ] || echo "setting up the launcher in $venv, once ..." >&2
  [ -e "$venv/ready" ] || "$python" -m venv --clear "$venv"
  [ -e "$venv/ready" ] || "$venv/bin/python" -m pip --disable-pip-version-check install -qq --no-deps --require-hashes -r requirements/launcher.txt >&2
  touch "$venv/ready" && ln -sfn "${venv##*/}" "$envs/launcher" && exec 9>&-
fi
PYTHONPATH="$PWD" exec "$venv/bin/python" -m slipway "$@"
