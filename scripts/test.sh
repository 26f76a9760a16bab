#!/usr/bin/env bash
# Every check there is: lint, types, unit, golden, integration against fakes, end to end with the real parts, and in containers.
# Sets up what it needs under .slipway/. Words after it go to the end-to-end tests, and end there: scripts/test.sh -k recovery
# SLIPWAY_TEST_DOCKER=no leaves the containers out, for a machine without Docker where this user is not root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home="${SLIPWAY_HOME:-$PWD/.slipway}"
dev="$home/envs/dev"

step() { printf '\n== %s (%(%H:%M:%S)T)\n' "$1" -1; }

step "environments"
./runMe.sh --version
if ! cmp -s requirements/dev.txt "$dev/ready"; then
  "$home/envs/launcher/bin/python" -m venv --clear "$dev"
  "$dev/bin/python" -m pip --disable-pip-version-check install -qq --no-deps --require-hashes -r requirements/dev.txt
  cp requirements/dev.txt "$dev/ready"
fi
# the engine's, the gateway's and the clients' take minutes: build them while the quick checks run
mkdir -p "$home/logs"
RUNTIME=local ./runMe.sh prepare demo >"$home/logs/prepare.log" 2>&1 &
prepare=$!
scripts/install_test_clients.sh >"$home/logs/clients.log" 2>&1 &
clients=$!
docker="${SLIPWAY_TEST_DOCKER:-yes}"
[ $# = 0 ] || docker=no
image=
if [ "$docker" = yes ]; then
  scripts/with_docker.sh true >"$home/logs/docker.log" 2>&1 &
  image=$!
fi
trap 'kill "$prepare" "$clients" $image 2>/dev/null || true' EXIT

step "lint and types"
"$dev/bin/ruff" check .
"$dev/bin/ruff" format --check .
"$dev/bin/mypy" --strict slipway tests benchmarks

step "unit and golden"
"$dev/bin/python" -m pytest -q -n 2 tests/unit tests/golden

step "engine, gateway and client environments"
wait "$prepare" || { cat "$home/logs/prepare.log" >&2; exit 1; }
wait "$clients" || { cat "$home/logs/clients.log" >&2; exit 1; }
tail -n 2 "$home/logs/prepare.log"

step "integration"
"$dev/bin/python" -m pytest -q -n 2 --dist loadfile tests/integration

step "end to end, with the real parts"
"$dev/bin/python" -m pytest -q tests/e2e "$@"

if [ "$docker" = yes ]; then
  step "in containers, with fake and real parts"
  scripts/with_docker.sh "$dev/bin/python" -m pytest -q tests/integration/test_both_launchers.py tests/docker
fi
