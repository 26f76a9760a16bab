"""Runs inside LiteLLM: embeddings on the lane."""

from __future__ import annotations

from typing import Any

from slipway.gateway.lane_protocol import PROVIDER, Protocol, Wanted

# litellm.embedding's own list of what it does not hand on as the provider's
_OWN = (
    "user", "dimensions", "request_timeout", "api_base", "api_version", "api_key", "deployment_id", "organization", "base_url",
    "default_headers", "timeout", "max_retries", "encoding_format", "aembedding", "extra_headers",
)  # fmt: skip


class Embeddings(Protocol):
    name = "embeddings"
    paths = ("/v1/embeddings", "/embeddings")
    endpoint = "litellm.proxy.proxy_server:embeddings"
    url = "/embeddings"
    content = ("input",)
    apart = "input"
    identified = False

    def why_not(self, data: dict[str, Any]) -> str:
        asked = data.get("input")
        if not asked or not (isinstance(asked, str) or (isinstance(asked, list) and all(isinstance(item, str) for item in asked))):
            # LiteLLM turns token ids into text, with OpenAI's tokens
            return "input of another shape than text"
        return "metadata of a wrong type" if isinstance(data.get("metadata"), str) else ""

    def question(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"input": kwargs["input"]}

    async def want(
        self, kwargs: dict[str, Any], model: str, litellm_params: dict[str, Any], parameters: dict[str, Any] | None = None
    ) -> Wanted:
        """litellm.embedding for this provider."""
        from litellm.llms.hosted_vllm.embedding.transformation import HostedVLLMEmbeddingConfig
        from litellm.utils import filter_out_litellm_params, get_optional_params_embeddings

        if parameters is None:
            more = filter_out_litellm_params(kwargs, excluding=[*_OWN, "model", "input"])
            named = {name: kwargs.get(name) for name in ("user", "dimensions", "encoding_format")}
            parameters = get_optional_params_embeddings(model=model, custom_llm_provider=PROVIDER, **named, **more)
        optional = dict(parameters)
        extra_body = optional.pop("extra_body", None) or {}
        body = HostedVLLMEmbeddingConfig().transform_embedding_request(
            model=model, input=kwargs["input"], optional_params=optional, headers={}
        )
        return Wanted({**body, **extra_body}, kwargs["input"], parameters)

    def result(self, found: dict[str, Any], model: str, usage: dict[str, Any], finish_reason: str | None) -> Any:
        from litellm import EmbeddingResponse

        return EmbeddingResponse(model=model, usage=usage, data=[])
