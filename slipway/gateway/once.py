"""Runs inside LiteLLM: what LiteLLM works out anew for every request, though it is the same each time, is worked out every few seconds.

These are answers about deployments, which change only when somebody edits them (whether anything is to be counted for their limits,
their prices, whether a price list has a price at all), and about paths. Together they were a quarter of the time that a request costs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import cache
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

KEPT_SECONDS = 10.0
_MOST = 1000  # answers; names come from clients


def install() -> None:
    """LiteLLM's worker start-up hook (LITELLM_WORKER_STARTUP_HOOKS)."""
    from fastapi.telemetry._asgi import NativeTelemetry
    from litellm import router
    from litellm.litellm_core_utils.llm_cost_calc import zero_cost_diagnostic
    from litellm.proxy._lazy_features import LazyFeatureMiddleware
    from litellm.proxy.auth.route_checks import RouteChecks
    from litellm.proxy.config_resolvers.settings_store import SettingsStore
    from litellm.proxy.spend_tracking import savings

    # builds a validator for the same type on each call
    router.TypeAdapter = cache(router.TypeAdapter)
    zero_cost_diagnostic._declares_a_rate = remember_content(zero_cost_diagnostic._declares_a_rate)
    # puts each line together before it asks whether anybody wants it
    access = logging.getLogger("uvicorn.access")
    if not access.isEnabledFor(logging.INFO):
        access.handlers.clear()
        access.propagate = False
    # asks the environment for three providers
    NativeTelemetry.enabled = remember(NativeTelemetry.enabled)
    SettingsStore._resolution_for = until_changed(SettingsStore._resolution_for)
    # holds a path against a hundred patterns
    RouteChecks.is_management_route = staticmethod(remember(RouteChecks.is_management_route))
    LazyFeatureMiddleware.__call__ = past_features(LazyFeatureMiddleware.__call__)
    savings._effective_model_info = remember(savings._effective_model_info)
    router.Router._increment_deployment_usage = remember_nothing(router.Router._increment_deployment_usage)


def remember(
    function: Callable[P, R],
    clock: Callable[[], float] = time.monotonic,
    key: Callable[P, object] = lambda *args, **kwargs: (args, *kwargs.items()),
) -> Callable[P, R]:
    """`function`, whose answer for the same arguments, or the same `key` of them, is asked for again only after KEPT_SECONDS."""
    known: dict[object, tuple[float, R]] = {}

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        asked, now = key(*args, **kwargs), clock()
        if asked in known and now < known[asked][0]:
            return known[asked][1]
        if len(known) >= _MOST:
            known.clear()
        found = function(*args, **kwargs)
        known[asked] = (now + KEPT_SECONDS, found)
        return found

    return call


def past_features(load: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """LiteLLM's middleware that loads features, each at the first request for one of its paths, left out for paths of none of them.

    It holds each path against the hundred beginnings of paths of those that are not loaded.
    """
    has_feature = remember(
        lambda features, path: any(feature.matches(path) for feature in features), key=lambda features, path: (id(features), path)
    )

    def call(middleware: Any, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        rooted = scope.get("root_path") or middleware._root_path
        if rooted or scope["type"] != "http" or has_feature(middleware._features, scope["path"]):
            return load(middleware, scope, receive, send)
        passed: Awaitable[None] = middleware.app(scope, receive, send)
        return passed

    return call


def until_changed(resolve: Callable[[Any, str], R]) -> Callable[[Any, str], R]:
    """LiteLLM's answer about one setting, kept while the file's settings and the database's, which it replaces as wholes, are the same."""
    known: dict[tuple[int, str], tuple[object, object, R]] = {}

    def resolution_for(store: Any, key: str) -> R:
        found = known.get((id(store), key))
        if found is None or found[0] is not store._yaml_values or found[1] is not store._database_rows:
            found = known[id(store), key] = store._yaml_values, store._database_rows, resolve(store, key)
        return found[2]

    return resolution_for


def remember_content(function: Callable[[Mapping[str, object]], R]) -> Callable[[Mapping[str, object]], R]:
    """`function`, which reads nothing but its argument, asked once for each content that this has had lately."""
    return remember(function, key=repr)


def remember_nothing(
    increment: Callable[..., Coroutine[Any, Any, str | None]], clock: Callable[[], float] = time.monotonic
) -> Callable[..., Coroutine[Any, Any, str | None]]:
    """LiteLLM's counting for a deployment's limits, left out for KEPT_SECONDS after it has found no limits to count for."""
    nothing: dict[tuple[str, str], float] = {}

    async def call(router: Any, *, deployment_id: str, model_group: str, total_tokens: float, **rest: Any) -> str | None:
        key, now = (deployment_id, model_group), clock()
        if now < nothing.get(key, 0.0):
            return None
        found = await increment(router, deployment_id=deployment_id, model_group=model_group, total_tokens=total_tokens, **rest)
        if found is None and total_tokens > 0:
            if len(nothing) >= _MOST:
                nothing.clear()
            nothing[key] = now + KEPT_SECONDS
        return found

    return call
