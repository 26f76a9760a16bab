"""Runs inside LiteLLM: chat completions and text completions on the lane."""

from __future__ import annotations

from functools import cache
from typing import Any

from slipway.gateway.lane_protocol import Protocol, Wanted, optional_params, stream_shape
from slipway.gateway.lane_stream import ChoiceStream, EventStream, Names

_REASONING = ((b'"reasoning":', b'"reasoning_content":'),)


class Chat(Protocol):
    name = "chat"
    paths = ("/v1/chat/completions", "/chat/completions")
    endpoint = "litellm.proxy.proxy_server:chat_completion"
    url = "/chat/completions"
    apart = "messages"

    def why_not(self, data: dict[str, Any]) -> str:
        messages = data.get("messages")
        if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
            return "messages of a wrong shape"
        if isinstance(data.get("tool_choice"), dict) and not data.get("stream"):
            # the engine ends such an answer with the reason "stop", as OpenAI does; LiteLLM makes "tool_calls" of it
            return stream_shape(data) or "tool_choice of one function"
        return stream_shape(data)

    def question(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"messages": kwargs["messages"]}

    async def want(
        self, kwargs: dict[str, Any], model: str, litellm_params: dict[str, Any], parameters: dict[str, Any] | None = None
    ) -> Wanted:
        """litellm.completion for this provider."""
        config = _config()
        messages = config.translate_developer_role_to_system_role(messages=[dict(item) for item in kwargs["messages"]])
        parameters = optional_params(kwargs, model, messages) if parameters is None else parameters
        optional = dict(parameters)
        extra_body = optional.pop("extra_body", None) or {}
        body = config.transform_request(model=model, messages=messages, optional_params=optional, litellm_params=litellm_params, headers={})
        return Wanted({**body, **extra_body}, messages, parameters)

    def names(self, model: str, kwargs: dict[str, Any]) -> Names:
        return Names(model, _REASONING)

    def stream(self, names: Names, wants_usage: bool) -> EventStream:
        return ChoiceStream(names, wants_usage)

    def prompt(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"messages": kwargs["messages"]}


class Completions(Protocol):
    name = "completions"
    paths = ("/v1/completions", "/completions")
    endpoint = "litellm.proxy.proxy_server:completion"
    url = "/completions"
    noted_url = False
    content = ("prompt",)
    apart = "prompt"

    def why_not(self, data: dict[str, Any]) -> str:
        prompt = data.get("prompt")
        if not prompt or not (isinstance(prompt, str) or (isinstance(prompt, list) and all(map(_is_prompt, prompt)))):
            return "prompt of a wrong shape"
        return stream_shape(data)

    def question(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": kwargs["prompt"]}]}

    async def want(
        self, kwargs: dict[str, Any], model: str, litellm_params: dict[str, Any], parameters: dict[str, Any] | None = None
    ) -> Wanted:
        """litellm.text_completion for this provider."""
        prompts = kwargs["prompt"] if isinstance(kwargs["prompt"], list) else [kwargs["prompt"]]
        shown = [{"role": "user", "content": item} for item in prompts]
        if parameters is None:
            parameters = optional_params({name: value for name, value in kwargs.items() if name != "prompt"}, model, shown)
        optional = dict(parameters)
        extra_body = optional.pop("extra_body", None) or {}
        return Wanted({"model": model, "prompt": kwargs["prompt"], **optional, **extra_body}, shown, parameters)

    def stream(self, names: Names, wants_usage: bool) -> EventStream:
        return ChoiceStream(names, wants_usage, roles=0)

    def prompt(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        prompts = kwargs["prompt"] if isinstance(kwargs["prompt"], list) else [kwargs["prompt"]]
        return {"text": [item for item in prompts if isinstance(item, str)]}


@cache
def _config() -> Any:
    import litellm

    return litellm.HostedVLLMChatConfig()


def _is_message(item: object) -> bool:
    return isinstance(item, dict) and "role" in item and isinstance(item.get("content"), (str, list, type(None)))


def _is_prompt(item: object) -> bool:
    return isinstance(item, (str, int)) or (isinstance(item, list) and all(isinstance(token, int) for token in item))
