"""Runs inside LiteLLM: the deployment that one call goes to, and its place among the calls that this one takes at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from slipway.gateway.deployments import engine_of
from slipway.gateway.lane_protocol import Protocol
from slipway.gateway.lane_stream import Names

_failed: ContextVar[list[Any] | None] = ContextVar("slipway_failed", default=None)


def install() -> None:
    """Wrap LiteLLM's router where it chooses."""
    from litellm import Router

    Router.async_get_available_deployment = choosing_again(Router.async_get_available_deployment)


def choosing_again(choose: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """LiteLLM's choice, except for a request that has failed on the lane: with another deployment LiteLLM would not learn of the failure,
    and the one that does not answer would never cool down."""

    async def async_get_available_deployment(router: Any, *args: Any, **kwargs: Any) -> Any:
        chosen, failed = await choose(router, *args, **kwargs), _failed.get()
        return failed.pop() if failed else chosen

    return async_get_available_deployment


class Deployed:
    """A call of `protocol` with LiteLLM's arguments `kwargs`; `deploy` says where it goes."""

    timeout: float | None = None

    def __init__(self, protocol: Protocol, model: str, kwargs: dict[str, Any], router: Any) -> None:
        self.protocol, self.model, self._kwargs, self._router = protocol, model, kwargs, router
        self.streams = kwargs.get("stream") is True
        self._slot: Any = None

    def deploy(self, deployment: Any) -> None:
        self.deployment = deployment
        self.engine = engine_of(deployment)
        self.url = self.engine.base + self.protocol.url

    def take_slot(self) -> None:
        """The deployment's max_parallel_requests. Raises LiteLLM's RateLimitError."""
        limit = self._router._get_client(deployment=self.deployment, kwargs=self._kwargs, client_type="max_parallel_requests")
        if limit is not None:
            limit.acquire()
            self._slot = limit

    def leave(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.release()

    def ask_again(self) -> None:
        """The engine has failed, and LiteLLM is to ask the same one."""
        _failed.set([self.deployment])

    def count_success(self) -> None:
        """LiteLLM's router counts what the engine has begun to answer."""
        name = self.deployment["litellm_params"]["model"]
        self._router.total_calls[name] += 1
        self._router.success_calls[name] += 1

    def names(self, model: str) -> Names:
        """What the engine calls by another name than the client, who said `model`."""
        return self.protocol.names(model, self._kwargs)
