#!/usr/bin/env python3
"""Writes slipway/gateway/schemas/litellm-VERSION.json: what a model_list entry of the installed LiteLLM may hold.

    .slipway/envs/gateway-*/bin/python scripts/dump_gateway_schema.py [--to FOLDER]

Everything comes from the package itself: the parameters of OpenAI's API that its vLLM provider
supports, and the typed fields of its deployment class. Fields that belong to other providers' clouds are left out.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from dump_engine_schema import plain_types, write_schema  # in this folder

sys.argv.remove("--help")  # which that module puts there for vLLM
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

# parameters of other providers, of LiteLLM's own routers, and of stores: they do nothing for vLLM
_FOREIGN = re.compile(
    r"^(aws|s3|vertex|azure|watsonx|anthropic|openai|bedrock|gcs|bucket|milvus|valkey|fireworks|sagemaker|databricks|oci|google"
    r"|auto_router|complexity_router|adaptive_router|quality_router|region|use_xai|use_litellm|vector_store|litellm_trace|mock_"
    r"|client_id|client_secret|tenant|provider_affinity)"
)
# prices by the size of a prompt or the kind of a service: an engine of one's own has at most a price per token or second
_PRICE = re.compile(r"cost|pricing")
_OWN_PRICES = ("input_cost_per_token", "output_cost_per_token", "input_cost_per_second", "output_cost_per_second")


def build_schema() -> dict[str, Any]:
    from litellm.llms.hosted_vllm.chat.transformation import HostedVLLMChatConfig
    from litellm.types.router import LiteLLM_Params

    fields = {
        name: field.annotation
        for name, field in sorted(LiteLLM_Params.model_fields.items())
        if not _FOREIGN.match(name) and (name in _OWN_PRICES or not _PRICE.search(name))
    }
    return {
        "gateway": "litellm",
        "version": metadata.version("litellm"),
        "made": "by scripts/dump_gateway_schema.py from the package's own provider and deployment class",
        "openai": sorted(HostedVLLMChatConfig().get_supported_openai_params("any-model")),
        "deployment": {name: plain_types(hint) for name, hint in fields.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[1] / "slipway/gateway/schemas", help="the folder to write to")
    options = parser.parse_args()
    schema = build_schema()
    path = options.to / f"litellm-{schema['version']}.json"
    write_schema(schema, path)
    print(f"{path}: {len(schema['openai'])} parameters of requests, {len(schema['deployment'])} of deployments")


if __name__ == "__main__":
    main()
