#!/usr/bin/env bash
# Runs a command with a Docker engine, Compose, and the image that stands in for the stack's: scripts/with_docker.sh CMD...
# What the machine lacks it gets, as root on Debian: the packages docker.io and debootstrap, Compose from Debian 13, and an
# engine of its own whose data stays in .slipway/docker and which stops with the command. No container registry is asked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home="$(realpath -m "${SLIPWAY_HOME:-.slipway}")/docker"
images=tests/docker/images
mkdir -p "$home"
# two engines of this kind on one machine would share a bridge
trap 'exit 143' TERM INT
exec 9>/tmp/slipway-docker.lock
flock 9

fail() {
  echo "error: $1" >&2
  echo "hint: start a Docker engine that this user may use, or SLIPWAY_TEST_DOCKER=no to leave the tests with Docker out" >&2
  exit 1
}

answers() { docker version >/dev/null 2>&1; }

install_packages() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "$1 is missing, and only root on Debian can get it here"
  echo "installing $1"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $1 >"$home/apt.log" 2>&1 ||
    { tail -n 20 "$home/apt.log" >&2; fail "apt-get cannot install $1"; }
}

start_engine() {
  command -v dockerd >/dev/null && command -v docker >/dev/null || install_packages "docker.io iptables"
  if answers; then return; fi
  [ "$(id -u)" = 0 ] || fail "no Docker engine answers, and only root can start one"
  run="$(mktemp -d /tmp/slipway-docker-XXXXXX)"
  trap stop_engine EXIT
  export DOCKER_HOST="unix://$run/docker.sock"
  dockerd --host "$DOCKER_HOST" --data-root "$home/data" --exec-root "$run/exec" --pidfile "$run/pid" >"$home/dockerd.log" 2>&1 9>&- &
  engine=$!
  for _ in $(seq 120); do
    if answers; then return; fi
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 20 "$home/dockerd.log" >&2
  fail "dockerd does not start"
}

stop_engine() {
  kill "$engine" 2>/dev/null && wait "$engine" || true
  rm -rf "$run"
}

# Compose 2.20 or newer
has_compose() {
  local version
  version="$(docker compose version --short 2>/dev/null)" && printf '2.20\n%s\n' "${version#v}" | sort -CV
}

# Debian 12 has Compose 1 only; Debian 13's is one static binary
get_compose() {
  export DOCKER_CONFIG="$home/config"
  if has_compose; then return; fi
  command -v apt-get >/dev/null || fail "Docker Compose 2.20 or newer is missing"
  echo "fetching Compose"
  local apt="$home/apt" mirror
  mirror="$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -v snapshot | head -n 1 || true)"
  [ -n "$mirror" ] || fail "Docker Compose 2.20 or newer is missing, and no Debian mirror is configured to fetch it from"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$DOCKER_CONFIG/cli-plugins"
  cat >"$apt/apt.conf" <<CONF
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
CONF
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$apt/sources.list"
  (
    export APT_CONFIG="$apt/apt.conf"
    cd "$apt" && apt-get update -qq && apt-get download -qq docker-compose 2>/dev/null && dpkg -x docker-compose_*.deb unpacked
  ) || fail "Debian 13's package docker-compose cannot be fetched"
  cp "$apt/unpacked/usr/libexec/docker/cli-plugins/docker-compose" "$DOCKER_CONFIG/cli-plugins/"
  rm -rf "$apt"
  has_compose || fail "the fetched Compose does not run"
}

# Debian with PostgreSQL and what Python's packages link to; pip for derived images
build_image() {
  SLIPWAY_TEST_IMAGE="slipway-test/stand-in:$(cat "$0" "$images"/* | cksum | cut -d' ' -f1)"
  export SLIPWAY_TEST_IMAGE
  if docker image inspect "$SLIPWAY_TEST_IMAGE" >/dev/null 2>&1; then return; fi
  command -v debootstrap >/dev/null || install_packages debootstrap
  [ "$(id -u)" = 0 ] || fail "the stand-in image is missing, and only root can make it"
  echo "building $SLIPWAY_TEST_IMAGE"
  local root="$home/root" packages=ca-certificates,libgomp1,libnuma1,libstdc++6,postgresql-15,python3-pip,libssl3,libffi8
  packages+=,zlib1g,libsqlite3-0,libbz2-1.0,liblzma5,libreadline8,libexpat1,libuuid1,libncursesw6
  umount "$root" 2>/dev/null || true
  rm -rf "$root" && mkdir "$root"
  # dpkg syncs each file that it writes, which takes most of the time on a disk
  mount -t tmpfs -o size=3g tmpfs "$root" 2>/dev/null || true
  debootstrap --variant=minbase "--include=$packages" bookworm "$root" >"$home/debootstrap.log" 2>&1 ||
    { tail -n 20 "$home/debootstrap.log" >&2; fail "debootstrap cannot make a Debian"; }
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}
  # what this machine trusts
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  tar -C "$root" -c . | docker import - slipway-test/debian >/dev/null
  umount "$root" 2>/dev/null || true
  rm -rf "$root"
  docker build --quiet --tag "$SLIPWAY_TEST_IMAGE" "$images" >/dev/null 2>"$home/build.log" || { cat "$home/build.log" >&2; fail "docker build"; }
}

answers || start_engine
has_compose || get_compose
build_image
"$@"
