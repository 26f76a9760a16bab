"""Runs with the gateway's Python, which has FastAPI: an application's description, a feature's routes, and what routes depend on.

python -m tests.integration.api_routes description|feature|dependencies   # prints what came of them
"""

import asyncio
import json
import sys
import threading
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Header

from slipway.gateway.routes import Description, share_dependencies, then_ready


def application() -> tuple[Any, Any, list[int]]:
    """With its description in FastAPI's place, and how many routes it was made for each time; it waits for the event loop to go on."""
    app, made, moved = FastAPI(), list[int](), threading.Event()
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        asyncio.run_coroutine_threadsafe(_set(moved), loop)
        made.append(len(app.routes))
        return describe() if moved.wait(10) else {"held": "the event loop"}

    loop = asyncio.get_running_loop()
    app.openapi = openapi
    route: Any = next(item for item in app.router.routes if getattr(item, "path", None) == app.openapi_url)
    route.app = Description(app, route.app)
    return app, route, made


async def _set(event: threading.Event) -> None:
    event.set()


async def ask(app: Any, path: str, query: str = "", root: str = "") -> Any:
    """The JSON of an answer."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": root + path,
        "root_path": root,
        "headers": [],
        "query_string": query.encode(),
        "http_version": "1.1",
    }
    await app({**scope, "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "state": {}}, receive, send)
    return json.loads(b"".join(item.get("body", b"") for item in sent))


def router(path: str) -> APIRouter:
    found, inner = APIRouter(), APIRouter()
    inner.add_api_route(path, lambda: path)
    found.include_router(inner)
    return found


async def description() -> dict[str, Any]:
    app, _, made = application()
    app.include_router(router("/one"))
    first = await asyncio.gather(*(ask(app, "/openapi.json") for _ in range(3)))
    kept = app.openapi_schema
    app.include_router(router("/two"))
    second = await ask(app, "/openapi.json")
    rooted = await ask(app, "/openapi.json", root="/under")
    return {
        "first": [list(item["paths"]) for item in first],
        "second": list(second["paths"]),
        "times made": len(made) - 1,
        "kept": kept,
        "servers under a path": rooted["servers"],
    }


def readied(routes: Iterable[Any]) -> list[bool]:
    """Of each included router, and those within it, whether FastAPI would find it as it wants it."""
    found = []
    for route in routes:
        if hasattr(route, "_effective_candidates_version"):
            found += [route._effective_candidates_version is not None, *readied(route._effective_candidates)]
    return found


async def feature() -> dict[str, Any]:
    app = FastAPI()

    async def load(app: Any, path: str) -> bool:
        app.include_router(router(path))
        return True

    await load(app, "/one")
    before = readied(app.router.routes)
    await then_ready(load)(app, "/two")
    return {"before": before, "after": readied(app.router.routes), "answer": await ask(app, "/two")}


def token(authorization: str = Header("none")) -> str:
    return authorization


def who(team: str = "nobody's", key: str = Depends(token)) -> str:
    return f"{team} {key}"


def answer(who: str = Depends(who)) -> str:
    return who


def teams() -> APIRouter:
    """`team` is asked of the query by one route, and of the path by the other."""
    found = APIRouter()
    for path in ("/one", "/two", "/of/{team}"):
        found.add_api_route(path, answer)
    return found


async def dependencies() -> dict[str, Any]:
    """For routes that are there before their dependencies are shared, and after."""
    app = FastAPI()
    before = teams()
    app.include_router(before)
    share_dependencies(app.router.routes)
    found: list[Any] = [*before.routes, *teams().routes]
    asked = [route.dependant.dependencies[0] for route in found]
    app.include_router(teams(), prefix="/again")
    paths = ("/one?team=a", "/two", "/of/b", "/again/one?team=a", "/again/of/b")
    return {
        "same": [next(number for number, other in enumerate(asked) if other is item) for item in asked],
        "answers": [await ask(app, *path.split("?")) for path in paths],
    }


WORK = {"description": description, "feature": feature, "dependencies": dependencies}
sys.stdout.write(json.dumps(asyncio.run(WORK[sys.argv[1]]())))
