#!/bin/sh
# Starts database; rendered by Slipway. Secrets are read here, at start, from files: none is in this script or in an argv.
set -eu
# an earlier self that was killed may have left its workers, and the memory they hold
if [ -e /dev/shm/slipway-0123456789/database.pid ]; then mv /dev/shm/slipway-0123456789/database.pid /dev/shm/slipway-0123456789/database.pid.old; fi
echo $$ > /dev/shm/slipway-0123456789/database.pid
if [ -e /dev/shm/slipway-0123456789/database.pid.old ]; then
  PYTHONPATH=/slipway /usr/bin/python3 -m slipway.launchers.leftovers /dev/shm/slipway-0123456789/database.pid.old
fi
exec /usr/lib/postgresql/bin/postgres \
  -D /slipway/.slipway/data/slipway/postgres \
  -c listen_addresses= \
  -c unix_socket_directories=/dev/shm/slipway-0123456789/db \
  -c dynamic_shared_memory_type=mmap \
  -c max_connections=100
