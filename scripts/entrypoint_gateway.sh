#!/bin/sh
# The gateway container's entrypoint: waits for the generated configuration, reads the secrets, then becomes LiteLLM.
set -eu
config="${GENERATED_CONFIG_DIR:-/generated}/config.yaml"
until [ -s "$config" ]; do
  echo "waiting for $config, which the engine's container writes"
  sleep 1
done
for name in LITELLM_MASTER_KEY VLLM_API_KEY DATABASE_URL; do
  eval "value=\${$name:-}"
  if [ -z "$value" ] && [ -r "/slipway/secrets/$name" ]; then
    value="$(cat "/slipway/secrets/$name")"
  fi
  if [ -n "$value" ]; then
    export "$name=$value"
  fi
done
export LITELLM_MASTER_KEY="${LITELLM_MASTER_KEY:-sk-FAKE}"
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
exec litellm --config "$config" --host 0.0.0.0 --port 4000 --num_workers "${GATEWAY_WORKERS:-1}"
