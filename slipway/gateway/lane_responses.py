"""Runs inside LiteLLM: OpenAI's Responses API on the lane, which LiteLLM itself hands to the engine's own /v1/responses."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from slipway.gateway.lane_protocol import PROVIDER, Protocol, Wanted, is_flag, model_response
from slipway.gateway.lane_stream import END, EventStream, Names

_CALL = "aresponses"
# what LiteLLM has a meaning of its own for elsewhere, but hands on here
_TAKEN = frozenset({
    "metadata", "store", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "stream_options", "user",
})  # fmt: skip
# what needs an earlier answer, or an answer that goes on by itself; a prompt by its id; LiteLLM's own mapping of an effort
_SESSIONS = ("previous_response_id", "background", "conversation", "prompt", "reasoning_effort", "text_format", "context_management")
_ENDS = (b"event: response.completed\n", b"event: response.incomplete\n")
_FAILURES = (b"event: response.failed\n", b"event: error\n")


class Responses(Protocol):
    name = "responses"
    paths = ("/v1/responses", "/responses")
    endpoint = "litellm.proxy.response_api_endpoints.endpoints:responses_api"
    url = "/responses"
    content = ("input",)
    noted_hit = None
    takes = _TAKEN
    metadata = "litellm_metadata"
    caller = "_ageneric_api_call_with_fallbacks"

    def why_not(self, data: dict[str, Any]) -> str:
        session = next((name for name in _SESSIONS if data.get(name)), "")
        if session:
            return f"parameter {session}"
        if not data.get("input") or not isinstance(data["input"], (str, list)):
            return "input of a wrong shape"
        if isinstance(data["input"], list) and not all(isinstance(item, dict) for item in data["input"]):
            return "input of a wrong shape"
        if not is_flag(data.get("stream")):
            return "stream of a wrong type"
        if not isinstance(data.get("metadata"), (dict, type(None))):
            return "metadata of a wrong type"
        return _tools(data.get("tools"))

    def wants_usage(self, data: dict[str, Any]) -> bool:
        return True  # it is part of the protocol's last event

    def unfit_route(self, params: dict[str, Any], kwargs: dict[str, Any]) -> str:
        if not kwargs.get("stream"):
            return ""
        known = (params, kwargs[self.metadata].get("model_info") or {})
        # LiteLLM adds the cost to the usage that ends a stream
        return "a price" if any(item.get(name) for item in known for name in _prices()) else ""

    def question(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"messages": None, "input": kwargs.get("input")}

    async def want(
        self, kwargs: dict[str, Any], model: str, litellm_params: dict[str, Any], parameters: dict[str, Any] | None = None
    ) -> Wanted:
        """litellm.aresponses for this provider, with Slipway's own hook among those that LiteLLM calls before it."""
        import litellm
        from litellm.llms.base_llm.responses.transformation import BaseResponsesAPIConfig
        from litellm.llms.hosted_vllm.responses.transformation import HostedVLLMResponsesAPIConfig
        from litellm.responses.utils import ResponsesAPIRequestUtils
        from litellm.types.router import GenericLiteLLMParams

        found = await litellm.utils.async_pre_call_deployment_hook(dict(kwargs), _CALL) or kwargs
        config = HostedVLLMResponsesAPIConfig()
        if parameters is None:
            asked = ResponsesAPIRequestUtils.get_requested_response_api_optional_param({**found, "custom_llm_provider": PROVIDER})
            parameters = ResponsesAPIRequestUtils.get_optional_params_responses_api(
                model=model, responses_api_provider_config=config, response_api_optional_params=asked, drop_params=litellm.drop_params
            )
        body = await config.async_transform_responses_api_request(
            model=model,
            input=ResponsesAPIRequestUtils.restore_encrypted_content_item_ids_in_input(found["input"]),
            response_api_optional_request_params=dict(parameters),
            litellm_params=GenericLiteLLMParams(api_base=kwargs["api_base"]),
            headers={},
        )
        body = BaseResponsesAPIConfig.normalize_responses_api_request_dict(body)
        return Wanted({**body, **(found.get("extra_body") or {})}, found["input"], parameters)

    def ask_to_stream(self, body: dict[str, Any]) -> None:
        body["stream"] = True

    def names(self, model: str, kwargs: dict[str, Any]) -> Names:
        return ResponseNames(model, kwargs.get("litellm_metadata") or {})

    def stream(self, names: Names, wants_usage: bool) -> EventStream:
        return ResponseStream(names)

    def whole(self, body: bytes, found: dict[str, Any], names: Names) -> bytes:
        assert isinstance(names, ResponseNames)
        # not by replacing: the tools that the engine repeats are JSON within this JSON
        renamed = {**found, "id": names.id_of(found["id"]), "model": names.model}
        return json.dumps(renamed, ensure_ascii=False, separators=(",", ":")).encode()

    def usage(self, usage: dict[str, Any]) -> dict[str, Any]:
        from litellm.responses.utils import ResponseAPILoggingUtils

        found: dict[str, Any] = ResponseAPILoggingUtils.transform_response_api_usage_to_chat_usage(usage or None).model_dump()
        return found

    def finish_reason(self, found: dict[str, Any]) -> str | None:
        return "stop" if found.get("status") == "completed" else "length"

    def result(self, found: dict[str, Any], model: str, usage: dict[str, Any], finish_reason: str | None) -> Any:
        answer = found.get("response") or found
        made = model_response(answer, model, usage, finish_reason)
        made.service_tier = answer.get("service_tier")  # a label of LiteLLM's counters
        return made

    def prompt(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"text": json.dumps(kwargs["input"])}

    def broken(self, failure: Exception, events: EventStream) -> bytes:
        from litellm.proxy.common_utils.responses_stream_errors import ResponsesStreamErrorState

        state = ResponsesStreamErrorState()
        begun = events.body(events.rename(events.first))
        state.observe_chunk(begun)
        state.mark_emitted("")
        state.sequence_number = events.events - 1
        return (state.format_failure(failure) or "").encode()


@cache
def _prices() -> tuple[str, ...]:
    """Names under which a route has a price."""
    from litellm.types.utils import CustomPricingLiteLLMParams

    return ("base_model", *CustomPricingLiteLLMParams.model_fields)


class ResponseNames(Names):
    """An answer's id is LiteLLM's, which tells it later which deployment has the answer."""

    def __init__(self, model: str, metadata: dict[str, Any]) -> None:
        super().__init__(model)
        self._metadata = metadata

    def id_of(self, id: str) -> str:
        from litellm.responses.utils import ResponsesAPIRequestUtils

        known = ResponsesAPIRequestUtils.update_responses_api_response_id_with_model_id(
            {"id": id}, custom_llm_provider=PROVIDER, litellm_metadata={"model_info": self._metadata.get("model_info")}
        )
        return str(known["id"])

    def replacements(self, start: bytes) -> tuple[tuple[bytes, bytes], ...]:
        _, _, rest = start.partition(b'"response":{"id":"')
        id, _, _ = rest.partition(b'"')
        known = ((b'"id":"%b"' % id, b'"id":"%b"' % self.id_of(id.decode()).encode()),) if id else ()
        _, _, rest = start.rpartition(b'"model":"')
        model, marked, _ = rest.partition(_BEHIND_MODEL)
        # with what stands behind it: what the engine repeats of the request, such as metadata, may have a model too
        return (*known, (b'"model":"%b%b' % (model, _BEHIND_MODEL), self.wanted + _BEHIND_MODEL[1:])) if marked else known


_BEHIND_MODEL = b'","object":"response"'


class ResponseStream(EventStream):
    """Id and model are in the events that have the whole response: the first two and the last."""

    def __init__(self, names: Names) -> None:
        super().__init__(names)
        self._deltas = 0

    def look(self, data: bytes) -> bytes:
        self._deltas += data.count(b".delta\n")
        if not any(name in data for name in _WHOLE):
            return data
        for name in _FAILURES:
            if name in data:
                self.failed = data[data.find(name) :].partition(END)[0]
        for name in _ENDS:
            if name in data:
                self.last = self.usage = data[data.find(name) :].partition(END)[0]
        return self.rename(data)

    def found_usage(self) -> dict[str, Any]:
        return (self.body(self.usage).get("response") or {}).get("usage") or {}

    def tokens(self) -> int:
        return self._deltas

    def failure(self) -> str:
        found = self.body(self.failed)
        error = found.get("error") or (found.get("response") or {}).get("error") or found
        return str(error.get("message"))

    def finish_reason(self) -> str | None:
        return "length" if _ENDS[1] in self.last else "stop"


_WHOLE = (b"event: response.created\n", b"event: response.in_progress\n", *_ENDS, *_FAILURES)


def _tools(tools: Any) -> str:
    """LiteLLM may act on tools that run on a server; functions, and what Codex has beside them, it hands on."""
    if tools is None:
        return ""
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        return "tools of a wrong shape"
    foreign = (str(tool.get("type")) for tool in tools if tool.get("type") not in ("function", "namespace", "web_search", "custom"))
    return next((f"a tool of type {kind}" for kind in foreign), "")
