#!/bin/sh
# What the official PostgreSQL image's entrypoint of this name does, as far as docker-compose.yml asks for it.
set -eu
data="${PGDATA:-/var/lib/postgresql/data}"
chown postgres "$data" && chmod 700 "$data"
as_postgres() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
mkdir -p /var/run/postgresql && chown postgres /var/run/postgresql
if [ ! -s "$data/PG_VERSION" ]; then
  password="$(mktemp)" && cat "$POSTGRES_PASSWORD_FILE" >"$password" && chown postgres "$password"
  as_postgres initdb -D "$data" -U "$POSTGRES_USER" --pwfile "$password" --auth-local trust --auth-host scram-sha-256
  rm "$password"
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  # no port while the database is being made, so that nobody takes it for ready
  as_postgres pg_ctl -D "$data" -o "-c listen_addresses=''" -w start
  as_postgres createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  as_postgres pg_ctl -D "$data" -m fast -w stop
fi
exec setpriv --reuid postgres --regid postgres --clear-groups "$@" -D "$data" -c "listen_addresses=*"
