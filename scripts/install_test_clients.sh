#!/usr/bin/env bash
# Installs what the end-to-end tests run as clients: Claude Code, Codex, OpenCode and Continue from npm, LangChain and llm from PyPI.
# All under .slipway/envs/clients, in the versions of the lock files; does nothing where they are there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home="${SLIPWAY_HOME:-$PWD/.slipway}"
folder="$home/envs/clients"
wanted="$(cat tests/clients/package-lock.json requirements/clients.txt | cksum)"
mkdir -p "$home/envs" && exec 9>"$home/envs/clients.lock" && flock 9
[ "$(cat "$folder/ready" 2>/dev/null)" = "$wanted" ] && exit
"$home/envs/launcher/bin/python" -m venv --clear "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install -qq --no-deps --require-hashes -r requirements/clients.txt
command -v npm >/dev/null || "$folder/bin/python" -m pip --disable-pip-version-check install -qq --no-deps --require-hashes -r requirements/node.txt
cp tests/clients/package.json tests/clients/package-lock.json "$folder"
# not `npm ci`: it refuses a lock that lacks the builds of OpenCode for systems that the registry at hand does not carry
PATH="$PATH:$folder/bin" npm install --prefix "$folder" --no-save --no-audit --no-fund --loglevel=error
echo "$wanted" >"$folder/ready"
