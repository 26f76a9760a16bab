"""Runs inside LiteLLM: Anthropic's messages on the lane, where the engine's own /v1/messages answers.

LiteLLM alone translates messages to chat completions and back. The engine does that itself, and tells what LiteLLM loses on the
way: which stop sequence ended an answer, signatures of thoughts, names of tools beyond 64 letters. What LiteLLM decides about
the request stays as it does it: effort of thinking, instructions in the midst of a conversation, empty blocks, defaults.
"""

from __future__ import annotations

import json
from typing import Any

from slipway.gateway.lane_protocol import PROVIDER, Protocol, Wanted, is_flag, model_response
from slipway.gateway.lane_stream import END, EventStream, Names

# what vLLM's /v1/messages takes and LiteLLM hands on; anything else in a request is LiteLLM's to judge
_SENT = (
    "max_tokens", "metadata", "stop_sequences", "system", "temperature", "tool_choice", "tools", "top_k", "top_p", "chat_template_kwargs",
)  # fmt: skip
# safeguards, which Claude Code sends in auto mode, are for Anthropic's own servers
_TAKEN = frozenset({*_SENT, "model", "messages", "stream", "thinking", "output_config", "context_management", "safeguards"})
# vLLM's /v1/messages takes no such parameters; these values change nothing, unless generation_config.json has others
_NEUTRAL = {"min_p": 0, "repetition_penalty": 1, "presence_penalty": 0, "frequency_penalty": 0}
_BLOCKS = {"text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking"}
_RESULT_BLOCKS = {"text", "image"}
_EFFORTS = {"low", "medium", "high", "xhigh", "max"}  # vLLM's AnthropicEffort
_FINISHED = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
_NO_CACHE = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


class Messages(Protocol):
    name = "messages"
    paths = ("/v1/messages",)
    endpoint = "litellm.proxy.anthropic_endpoints.endpoints:anthropic_response"
    url = "/messages"
    takes = _TAKEN
    metadata = "litellm_metadata"
    caller = "_ageneric_api_call_with_fallbacks"

    def why_not(self, data: dict[str, Any]) -> str:
        unknown = sorted(data.keys() - _TAKEN)
        if unknown:
            return f"parameter {unknown[0]}"
        return (
            _conversation(data.get("messages"))
            or _system(data.get("system"))
            or _tools(data.get("tools"))
            or _thinking(data.get("thinking"), data.get("output_config"))
            or _edits(data.get("context_management"))
            or ("" if is_flag(data.get("stream")) else "stream of a wrong type")
            or ("" if isinstance(data.get("metadata"), (dict, type(None))) else "metadata of a wrong type")
        )

    def wants_usage(self, data: dict[str, Any]) -> bool:
        return True  # it is part of the protocol's last event but one

    def unfit_route(self, params: dict[str, Any], kwargs: dict[str, Any]) -> str:
        from litellm.utils import get_non_default_completion_params

        if _effort(kwargs, "") is None:
            return "thinking"
        named = {*get_non_default_completion_params(kwargs=params), *_NEUTRAL} - {*_TAKEN, "api_base", "api_key"}
        beyond = (name for name in sorted(named) if params.get(name) not in (None, _NEUTRAL.get(name)))
        return next((f"the route's {name}" for name in beyond), "")

    def question(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"messages": kwargs.get("messages"), "input": None}

    async def want(
        self, kwargs: dict[str, Any], model: str, litellm_params: dict[str, Any], parameters: dict[str, Any] | None = None
    ) -> Wanted:
        """litellm.anthropic_messages for this provider, as far as it goes before the translation."""
        messages = _as_litellm_orders(kwargs["messages"])
        if parameters is None:
            parameters = {name: kwargs[name] for name in _SENT if kwargs.get(name) is not None}
        return Wanted({"model": model, "messages": messages, **parameters, **(_effort(kwargs, model) or {})}, messages, parameters)

    def ask_to_stream(self, body: dict[str, Any]) -> None:
        body["stream"] = True

    def stream(self, names: Names, wants_usage: bool) -> EventStream:
        return MessageStream(names)

    def whole(self, body: bytes, found: dict[str, Any], names: Names) -> bytes:
        # not by replacing: the input of a tool is JSON within this JSON
        usage = {**_NO_CACHE, **found["usage"]}
        return json.dumps({**found, "model": names.model, "usage": usage}, ensure_ascii=False, separators=(",", ":")).encode()

    def usage(self, usage: dict[str, Any]) -> dict[str, Any]:
        cached = usage.get("cache_read_input_tokens")
        prompt = usage.get("input_tokens", 0) + (cached or 0) + (usage.get("cache_creation_input_tokens") or 0)
        completion = usage.get("output_tokens", 0)
        levelled = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        return levelled if cached is None else {**levelled, "prompt_tokens_details": {"cached_tokens": cached}}

    def finish_reason(self, found: dict[str, Any]) -> str | None:
        return _FINISHED.get(found.get("stop_reason") or "")

    def result(self, found: dict[str, Any], model: str, usage: dict[str, Any], finish_reason: str | None) -> Any:
        return model_response(found.get("message") or found, model, usage, finish_reason)

    def prompt(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {"messages": kwargs["messages"]}

    def broken(self, failure: Exception, events: EventStream) -> bytes:
        from litellm.anthropic_interface.exceptions import anthropic_error_sse_frame

        return str(anthropic_error_sse_frame(status_code=500, raw_message=getattr(failure, "message", str(failure)))).encode()


class MessageStream(EventStream):
    """The model's name is in the first event only; usage is in the first and in the one with the reason of the end."""

    def __init__(self, names: Names) -> None:
        super().__init__(names)
        self._begun = False
        self._deltas = 0

    def look(self, data: bytes) -> bytes:
        self._deltas += data.count(b"event: content_block_delta\n")
        if b"event: error\n" in data:
            self.failed = data[data.find(b"event: error\n") :].partition(END)[0]
        if b"event: message_delta\n" in data:
            self.usage = data[data.find(b"event: message_delta\n") :].partition(END)[0]
            data = data.replace(self.usage, _with_cache(self.usage))
        if not self._begun:
            self._begun = True
            start, _, rest = data.partition(END)
            data = _with_cache(self.rename(start)) + END + rest
        return data

    def prompt_tokens(self) -> int | None:
        tokens = ((self.body(self.first).get("message") or {}).get("usage") or {}).get("input_tokens")
        return tokens if isinstance(tokens, int) else None

    def tokens(self) -> int:
        return self._deltas

    def finish_reason(self) -> str | None:
        return _FINISHED.get((self.body(self.usage).get("delta") or {}).get("stop_reason") or "")


def _with_cache(event: bytes) -> bytes:
    """An event's usage with the counts of cached tokens, which vLLM leaves out where it does not count them, and clients add up."""
    missing = b"".join(b'"%b":0,' % name.encode() for name in _NO_CACHE if b'"%b":' % name.encode() not in event)
    return event.replace(b'"usage":{', b'"usage":{' + missing)


def _conversation(messages: Any) -> str:
    if not isinstance(messages, list) or not messages or not all(map(_is_message, messages)):
        return "messages of a wrong shape"
    blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
    results = [block["content"] for block in blocks if block["type"] == "tool_result" and isinstance(block.get("content"), list)]
    kinds = {block["type"] for block in blocks} - _BLOCKS
    kinds |= {str(item.get("type")) if isinstance(item, dict) else "text" for items in results for item in items} - _RESULT_BLOCKS
    return f"a content block {min(kinds)}" if kinds else ""


def _is_message(item: Any) -> bool:
    if not isinstance(item, dict) or item.get("role") not in ("user", "assistant", "system"):
        return False
    content = item.get("content")
    return isinstance(content, str) or (
        isinstance(content, list) and all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in content)
    )


def _system(system: Any) -> str:
    if isinstance(system, (str, type(None))):
        return ""
    if not isinstance(system, list) or not all(
        isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str) for block in system
    ):
        return "system of a wrong shape"
    return ""


def _tools(tools: Any) -> str:
    if tools is None:
        return ""
    if not isinstance(tools, list) or not all(isinstance(tool, dict) and isinstance(tool.get("name"), str) for tool in tools):
        return "tools of a wrong shape"
    foreign = (tool for tool in tools if tool.get("type") not in (None, "custom") or not isinstance(tool.get("input_schema"), dict))
    return next((f"a tool of Anthropic's own, {tool['name']}" for tool in foreign), "")


def _thinking(thinking: Any, config: Any) -> str:
    if not isinstance(config, (dict, type(None))) or (config or {}).keys() - {"effort"}:
        return "output_config"
    if thinking is None:
        return ""
    if not isinstance(thinking, dict) or thinking.keys() - {"type", "budget_tokens", "display"}:
        return "thinking"
    return "" if thinking.get("type") in ("enabled", "adaptive", "disabled") else "thinking"


def _edits(management: Any) -> str:
    """LiteLLM carries out two kinds of edits itself, and ignores the others, such as Claude Code's, which keeps all thoughts."""
    if management is None:
        return ""
    from litellm.llms.anthropic.pass_through.context_management.dispatcher import _EDITOR_REGISTRY, normalize_spec

    edits = normalize_spec(management) if isinstance(management, (dict, list)) else [{"type": ""}]
    return "context_management" if any(edit.get("type") in _EDITOR_REGISTRY or not edit.get("type") for edit in edits or ()) else ""


def _as_litellm_orders(messages: list[Any]) -> list[Any]:
    """Empty blocks dropped, and instructions in the midst of a conversation where LiteLLM puts them: no template refuses them there."""
    from litellm.llms.anthropic.pass_through.messages.mid_conversation_system import (
        convert_mid_conversation_system_turns,
        is_system_role_message,
    )
    from litellm.llms.anthropic.pass_through.messages.utils import normalize_native_messages

    found = normalize_native_messages(messages)
    leading = next((place for place, item in enumerate(found) if not is_system_role_message(item)), len(found))
    return [*found[:leading], *convert_mid_conversation_system_turns(found[leading:])]


def _effort(kwargs: dict[str, Any], model: str) -> dict[str, Any] | None:
    """What LiteLLM makes of the thinking that is asked for: an effort, which chat templates know, and not a budget of tokens.

    None: one that the engine's /v1/messages does not take.
    """
    from litellm.llms.anthropic.pass_through.adapters.transformation import LiteLLMAnthropicMessagesAdapter
    from litellm.llms.anthropic.pass_through.utils import normalize_reasoning_effort_value

    thinking = kwargs.get("thinking")
    if not thinking:
        return {}
    if thinking["type"] == "disabled":
        return {"thinking": {"type": "disabled"}}
    asked = (kwargs.get("output_config") or {}).get("effort") if thinking["type"] == "adaptive" else None
    effort = asked or LiteLLMAnthropicMessagesAdapter.translate_anthropic_thinking_to_reasoning_effort(thinking)
    effort = normalize_reasoning_effort_value(effort, model=f"{PROVIDER}/{model}", custom_llm_provider=PROVIDER)
    return {"output_config": {"effort": effort}} if effort in _EFFORTS else None
