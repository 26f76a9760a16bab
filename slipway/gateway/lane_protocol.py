"""Runs inside LiteLLM: what the protocols that the lane carries have in common, and what each must say for itself.

A protocol knows three things that differ from one to the next: what of a request the lane does not do, how LiteLLM makes the
engine's request from it, and where an answer has its usage.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from slipway.gateway.lane_stream import EventStream, Names

PROVIDER = "hosted_vllm"


@dataclass(frozen=True)
class Wanted:
    """What the engine is asked: its body, what LiteLLM notes as the input, and the parameters that it notes."""

    body: dict[str, Any]
    shown: Any
    parameters: dict[str, Any]

    def encoded(self) -> bytes:
        import orjson

        found: bytes = orjson.dumps(self.body, option=orjson.OPT_NON_STR_KEYS)
        return found


class Protocol:
    """One protocol: where it is spoken, and what is its own about a call."""

    name: str
    paths: tuple[str, ...]
    endpoint: str  # LiteLLM's function for it: module:function
    url: str  # the engine's path, behind its base URL
    noted_url = True  # whether LiteLLM notes that path too, and not the base URL alone
    content = ("messages",)  # the parameters with the conversation: what differs from one request of a client to the next
    apart = ""  # the argument that LiteLLM's router takes by itself, not among the others
    metadata = "metadata"  # where LiteLLM keeps what it notes of a request
    caller: str | None = None  # under which name LiteLLM's router makes such calls; it finds `metadata` by it
    noted_hit: bool | None = False  # what LiteLLM notes of its cache for a stream that did not come from there
    identified = True  # whether LiteLLM writes an answer's id down, and not the call's
    takes = frozenset({"metadata"})  # of the names that LiteLLM has a meaning of its own for, those that the lane carries

    def why_not(self, data: dict[str, Any]) -> str:
        """What of a request's body the lane leaves to LiteLLM; empty: nothing."""
        raise NotImplementedError

    def wants_usage(self, data: dict[str, Any]) -> bool:
        """Whether a streaming client asked for the usage that the engine is always asked for."""
        return bool((data.get("stream_options") or {}).get("include_usage"))

    def unfit_route(self, params: dict[str, Any], kwargs: dict[str, Any]) -> str:
        """What of a deployment's own parameters the engine cannot be told in this protocol; empty: nothing."""
        return ""

    def question(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """What LiteLLM's router is told of the request when it chooses a deployment."""
        raise NotImplementedError

    async def want(
        self, kwargs: dict[str, Any], model: str, litellm_params: dict[str, Any], parameters: dict[str, Any] | None = None
    ) -> Wanted:
        """The engine's request, made by LiteLLM; `kwargs` has the route's defaults overridden by what the client sent.

        `parameters`: what those of a call have come to that differs from this one in the conversation only.
        """
        raise NotImplementedError

    def ask_to_stream(self, body: dict[str, Any]) -> None:
        """Have the engine stream, and tell the usage at the end."""
        body["stream"], body["stream_options"] = True, {"include_usage": True}

    def names(self, model: str, kwargs: dict[str, Any]) -> Names:
        """What the engine calls otherwise than the client, who said `model`, and LiteLLM do."""
        return Names(model)

    def stream(self, names: Names, wants_usage: bool) -> EventStream:
        raise NotImplementedError

    def whole(self, body: bytes, found: dict[str, Any], names: Names) -> bytes:
        """An answer that is not streamed, as the client gets it; `found` is the same, parsed."""
        return names.apply(body)

    def usage(self, usage: dict[str, Any]) -> dict[str, Any]:
        """The engine's usage as LiteLLM's spend rows have it."""
        return usage

    def finish_reason(self, found: dict[str, Any]) -> str | None:
        """Of an answer that is not streamed."""
        return found["choices"][0].get("finish_reason") if found.get("choices") else None

    def result(self, found: dict[str, Any], model: str, usage: dict[str, Any], finish_reason: str | None) -> Any:
        """LiteLLM's type for an answer, with what is logged of it; texts are not."""
        return model_response(found, model, usage, finish_reason)

    def prompt(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments with which LiteLLM counts the prompt's tokens, where the engine did not come to tell."""
        raise NotImplementedError

    def broken(self, failure: Exception, events: EventStream) -> bytes:
        """The events with which LiteLLM ends a stream that the engine broke off."""
        from litellm.proxy._types import ProxyException

        error = ProxyException(
            message=getattr(failure, "message", str(failure)),
            type=getattr(failure, "type", "None"),
            param=getattr(failure, "param", "None"),
            code=getattr(failure, "status_code", 500),
        )
        return f"data: {json.dumps({'error': error.to_dict()})}\n\n".encode()


def is_flag(value: Any) -> bool:
    return value is None or value is True or value is False


def stream_shape(data: dict[str, Any]) -> str:
    """What is wrong with `stream` and `stream_options`, so that LiteLLM says it in its own words."""
    if not is_flag(data.get("stream")):
        return "stream of a wrong type"
    options = data.get("stream_options")
    if options is not None and (not isinstance(options, dict) or not data.get("stream") or options.keys() - {"include_usage"}):
        return "stream_options"
    return "metadata of a wrong type" if isinstance(data.get("metadata"), str) else ""


def optional_params(kwargs: dict[str, Any], model: str, messages: list[Any]) -> dict[str, Any]:
    """What litellm.completion makes of a call's parameters for this provider: defaults, names, dropped ones."""
    from litellm.utils import get_non_default_completion_params, get_optional_params

    known = {name: kwargs[name] for name in _optional_names() if name in kwargs and name not in ("model", "messages")}
    arguments = {
        **get_non_default_completion_params(kwargs=kwargs), **known,
        "model": model, "custom_llm_provider": PROVIDER, "messages": messages, "max_retries": 0,
    }  # fmt: skip
    optional: dict[str, Any] = get_optional_params(**arguments)
    optional.pop("max_retries", None)
    return optional


def model_response(found: dict[str, Any], model: str, usage: dict[str, Any], finish_reason: str | None) -> Any:
    from litellm import ModelResponse

    choice = {"index": 0, "finish_reason": finish_reason or "stop", "message": {"role": "assistant", "content": ""}}
    return ModelResponse(
        id=found.get("id"), created=found.get("created"), model=model, object="chat.completion", choices=[choice], usage=usage
    )


@cache
def _optional_names() -> tuple[str, ...]:
    from litellm.utils import get_optional_params

    parameters = inspect.signature(get_optional_params).parameters.values()
    return tuple(item.name for item in parameters if item.kind is not item.VAR_KEYWORD)
