"""The engine container's health: its configuration is there, and vLLM lists vllm_agent among its models."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path

key = Path("/generated/secrets/VLLM_API_KEY").read_text(encoding="utf-8")
request = urllib.request.Request("http://127.0.0.1:8000/v1/models", headers={"Authorization": f"Bearer {key}"})
# loopback never goes through a proxy that the environment names
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(request, timeout=5) as response:
        models = json.load(response)["data"]
except OSError as error:
    sys.exit(f"/v1/models: {error}")
names = [model["id"] for model in models]
if not Path("/generated/config.yaml").is_file() or "vllm_agent" not in names:
    sys.exit(f"/v1/models lists {names}")
# what a launch tells clients: no port leads from the machine to the engine
print(json.dumps({"context": models[0].get("max_model_len")}))
