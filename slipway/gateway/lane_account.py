"""Runs inside LiteLLM: everything around a call that must be as LiteLLM does it, done by calling LiteLLM.

Choosing the deployment, the parameters that the engine gets, what is logged of the answer, the
headers. Steps that LiteLLM has inside longer functions and not as functions of their own are marked with where they come from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from slipway.gateway.engine_questions import NO_COUNT, count_tokens
from slipway.gateway.lane_deployment import Deployed
from slipway.gateway.lane_protocol import PROVIDER, Protocol
from slipway.gateway.lane_stream import EventStream
from slipway.gateway.lane_turnstile import Turnstile
from slipway.gateway.lane_witness import Witness

_COUNT_SECONDS = 30.0  # a count waits behind the prompts that the engine tokenizes
_turnstile = Turnstile(lambda: 2)
_tasks: set[asyncio.Task[Any]] = set()  # what is still being logged; a task without a reference may be dropped


class Account(Deployed):
    """One call's dealings with LiteLLM, in the order in which the methods stand. `witness` watches them."""

    def __init__(self, protocol: Protocol, data: dict[str, Any], router: Any, key: Any, witness: Witness | None = None) -> None:
        super().__init__(protocol, data["model"], dict(data), router)
        self._data, self._key, self._witness = data, key, witness
        self._logging = data["litellm_logging_obj"]

    async def choose_deployment(self, known: Any = None) -> None:
        """LiteLLM's router up to the call, which is to go to the deployment `known`, if there is one. Raises LiteLLM's errors."""
        router, kwargs, protocol = self._router, self._kwargs, self.protocol
        router._update_kwargs_before_fallbacks(model=self.model, kwargs=kwargs, metadata_variable_name=protocol.metadata)
        # Router.async_function_with_fallbacks and _with_retries
        kwargs[protocol.metadata].update(
            attempted_fallbacks=0, original_model_group=self.model, attempted_retries=0, max_retries=router.num_retries or 0,
            model_group_size=len(router.get_model_list(model_name=self.model) or ()),
        )  # fmt: skip
        question = protocol.question(kwargs)
        apart = {name: kwargs.pop(name) for name in ("model", protocol.apart) if name}
        specific = kwargs.pop("specific_deployment", None)
        deployment = known or await router.async_get_available_deployment(
            model=self.model, specific_deployment=specific, request_kwargs=kwargs, **question
        )
        kwargs.update(apart)
        self.deploy(deployment)
        router._update_kwargs_with_deployment(deployment=deployment, kwargs=kwargs, function_name=protocol.caller)
        self.timeout = float(kwargs["timeout"]) if kwargs.get("timeout") else None
        await router.async_routing_strategy_pre_call_checks(deployment=deployment, logging_obj=self._logging, parent_otel_span=None)

    def unfit(self) -> str:
        """What of the route the lane does not do."""
        return self.protocol.unfit_route(self.deployment["litellm_params"], self._kwargs)

    async def prepare(self) -> bytes:
        """What the engine is sent, and LiteLLM's record of the call."""
        import litellm
        from litellm.litellm_core_utils.core_helpers import bind_budget_reservation_to_callbacks
        from litellm.litellm_core_utils.get_litellm_params import get_litellm_params

        params = self.deployment["litellm_params"]
        kwargs = {**params, **self._kwargs}
        bind_budget_reservation_to_callbacks(self._logging.litellm_params)
        litellm_params = get_litellm_params(
            acompletion=True, api_key=self.engine.key, custom_llm_provider=PROVIDER, api_base=params["api_base"],
            litellm_call_id=kwargs.get("litellm_call_id"), model_alias_map=litellm.model_alias_map, metadata=kwargs.get("metadata"),
            model_info=kwargs.get("model_info"), proxy_server_request=kwargs.get("proxy_server_request"),
            litellm_metadata=kwargs.get("litellm_metadata"), drop_params=kwargs.get("drop_params"), max_retries=0,
            timeout=kwargs.get("timeout"), litellm_trace_id=kwargs.get("litellm_trace_id"),
        )  # fmt: skip
        wanted = await self.protocol.want(kwargs, self.engine.model, litellm_params)
        self._logging.update_environment_variables(
            model=self.engine.model, user=kwargs.get("user"), optional_params=wanted.parameters, litellm_params=litellm_params,
            custom_llm_provider=PROVIDER,
        )  # fmt: skip
        if self.streams:
            self.protocol.ask_to_stream(wanted.body)
        sent = wanted.encoded()
        if self._witness:
            self._witness.asked(self.deployment, self.timeout, kwargs, sent)
        noted = self.url if self.protocol.noted_url else params["api_base"]
        self._logging.pre_call(
            input=wanted.shown,
            api_key=self.engine.key,
            additional_args={"complete_input_dict": wanted.body, "api_base": noted, "headers": {}},
        )
        return sent

    def note_answer(self, began: datetime, headers: dict[str, str]) -> None:
        """The head of the answer is there: BaseLLMHTTPHandler's timing."""
        from litellm.litellm_core_utils.logging_utils import _set_duration_in_model_call_details

        self._began, self._headers = began, headers
        _set_duration_in_model_call_details(logging_obj=self._logging, start_time=began, end_time=datetime.now())
        self.count_success()

    async def _describe(self, result: Any) -> dict[str, Any]:
        """What LiteLLM makes its headers from: client() and Router.make_call on the way back."""
        from litellm.litellm_core_utils.llm_response_utils.get_headers import get_response_headers
        from litellm.litellm_core_utils.llm_response_utils.response_metadata import update_response_metadata
        from litellm.router_utils.add_retry_fallback_headers import add_fallback_headers_to_response, add_retry_headers_to_response

        provider = get_response_headers(self._headers)
        if self._witness:
            self._witness.provider = dict(provider)
        result._hidden_params = {"additional_headers": provider}
        update_response_metadata(
            result=result,
            logging_obj=self._logging,
            model=self.engine.model,
            kwargs={**self.deployment["litellm_params"], **self._kwargs},
            start_time=self._began,
            end_time=datetime.now(),
        )
        router_kwargs = {**self._kwargs, "model": self.model}
        await self._router.increment_deployment_usage_for_response(response=result, request_kwargs=router_kwargs)
        await self._router.set_response_headers(response=result, model_group=self.model, request_kwargs=router_kwargs)
        add_retry_headers_to_response(response=result, attempted_retries=0)
        add_fallback_headers_to_response(response=result, attempted_fallbacks=0)
        hidden: dict[str, Any] = result._hidden_params
        return hidden

    async def stream_headers(self) -> dict[str, Any]:
        from litellm import ModelResponse

        hidden = await self._describe(ModelResponse(stream=False))
        # all that the end of a stream needs of them: LiteLLM has put 10 KB of the route's settings there
        self._kwargs = {name: self._kwargs[name] for name in self.protocol.content if name in self._kwargs}
        return hidden

    def let_go(self) -> None:
        """What nobody reads once the answer's headers are made: 9 KB of the route's settings."""
        self._data.pop("deployment", None)

    async def finish(self, found: dict[str, Any]) -> dict[str, Any]:
        """Log an answer that is complete; gives what its headers are made from."""
        from litellm.utils import _dispatch_success_logging

        protocol = self.protocol
        result = protocol.result(found, self.engine.model, protocol.usage(found.get("usage") or {}), protocol.finish_reason(found))
        hidden = await self._describe(result)
        self.leave()
        _dispatch_success_logging(
            logging_obj=self._logging, result=result, start_time=self._began, end_time=datetime.now(),
            is_completion_with_fallbacks=False, is_litellm_internal_call=False,
        )  # fmt: skip
        return hidden

    def note_first_token(self, moment: datetime | None = None) -> None:
        self._logging._update_completion_start_time(completion_start_time=moment or datetime.now())

    def note_arrival(self, moment: datetime) -> None:
        """The request has come earlier than LiteLLM has learnt of it."""
        self._logging.start_time = moment

    async def finish_stream(self, events: EventStream) -> None:
        """Log a stream that has reached its end, which may be the engine's word that it failed."""
        if events.failed:
            await self._fail(events.failure())
            return
        self._log(events, self.protocol.usage(events.found_usage()))

    async def finish_left(self, events: EventStream) -> None:
        """Log a stream whose client went away: the prompt as the engine counts it, and one token for each event that came."""
        from litellm.proxy.common_request_processing import _record_streaming_client_disconnect_if_needed

        if self._witness:
            self._witness.broke_off = True
        await _record_streaming_client_disconnect_if_needed(None, self._data, client_disconnected=True)
        known = events.prompt_tokens()
        prompt = await self._count(self.protocol.prompt(self._kwargs)) if known is None else known
        came = events.tokens()
        self._log(events, {"prompt_tokens": prompt, "completion_tokens": came, "total_tokens": prompt + came})

    async def _count(self, prompt: dict[str, Any]) -> int:
        """Its tokens; LiteLLM's estimate where the engine does not tell, for which LiteLLM takes 30 MB."""
        import litellm

        try:
            return await count_tokens(self.engine, prompt, _COUNT_SECONDS)
        except NO_COUNT:
            counted: int = await asyncio.to_thread(litellm.token_counter, model=self.engine.model, **prompt)
            return counted

    async def finish_broken(self, error: str, events: EventStream) -> bytes:
        """Log a stream that the engine broke off; gives the events that tell the client so, as LiteLLM ends such a stream."""
        return self.protocol.broken(await self._fail(f"the engine broke off: {error}"), events)

    async def _fail(self, message: str) -> Exception:
        import litellm
        from litellm.proxy import proxy_server

        if self._witness:
            self._witness.broke_off = True
        failure: Exception = litellm.APIConnectionError(message=message, llm_provider=PROVIDER, model=self.engine.model)
        keep(self._logging.dispatch_failure_handlers(exception=failure, traceback_exception="", prefer_async_handlers=True))
        await proxy_server.proxy_logging_obj.post_call_failure_hook(
            user_api_key_dict=self._key, original_exception=failure, request_data=self._data
        )
        return failure

    def _log(self, events: EventStream, usage: dict[str, Any]) -> None:
        result = self.protocol.result(events.body(events.first), self.engine.model, usage, events.finish_reason())
        keep(
            self._logging.dispatch_success_handlers(
                result, cache_hit=self.protocol.noted_hit, start_time=None, end_time=None, prefer_async_handlers=True
            )
        )


def keep(logging: Coroutine[Any, Any, None]) -> None:
    """Log while other things go on, and a few at a time where many have come to their end together: each takes 2 ms."""

    async def log() -> None:
        await _turnstile.enter()
        await logging

    task = asyncio.ensure_future(log())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
