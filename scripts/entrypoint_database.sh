#!/bin/sh
# The database container's entrypoint: makes the password once per installation, then becomes the image's own.
set -eu
key="${POSTGRES_PASSWORD_FILE:?}"
if [ ! -s "$key" ]; then
  (umask 077 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$key.new")
  mv "$key.new" "$key"
fi
exec docker-entrypoint.sh "$@"
