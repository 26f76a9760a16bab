#!/bin/sh
# The gateway container's entrypoint: waits for the generated configuration, reads the secrets, then becomes LiteLLM.
set -eu
generated="${GENERATED_CONFIG_DIR:-/generated}"
secrets="${SECRETS_DIR:-/slipway/secrets}"
# the first process of a container gets no signal that it does not ask for
trap 'exit 143' TERM INT
said=
until [ "$(cat "$generated/stamp" 2>/dev/null)" = "$STAMP" ]; do
  [ "$said" ] || echo "waiting for the configuration, which the engine's container writes"
  said=yes
  sleep 0.5
done
for name in LITELLM_MASTER_KEY DATABASE_URL; do
  eval "value=\${$name:-}"
  if [ -z "$value" ] && [ -r "$secrets/$name" ]; then
    eval "$name=\$(cat \"\$secrets/$name\")"
  fi
done
LITELLM_MASTER_KEY="${LITELLM_MASTER_KEY:-sk-FAKE}"
case "${PUBLISHED_ON:-127.0.0.1}" in
  127.* | localhost | ::1) ;;
  *)
    if [ "$LITELLM_MASTER_KEY" = sk-FAKE ]; then
      echo "error: GATEWAY_HOST=$PUBLISHED_ON opens the gateway to others, and its key is sk-FAKE" >&2
      echo "hint: put a key of your own that starts with sk- into secrets/LITELLM_MASTER_KEY" >&2
      exit 2
    fi
    ;;
esac
if [ -z "${DATABASE_URL:-}" ]; then
  DATABASE_URL="postgresql://slipway:$(cat /database_key/password)@litellm_db:5432/litellm"
fi
export LITELLM_MASTER_KEY DATABASE_URL
exec sh "$generated/gateway.sh"
