"""The middleware around LiteLLM: errors that a person can act on, and everything else untouched."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from slipway.gateway.outage import ClearErrors, Message, Receive, Scope, Send
from slipway.gateway.refusals import ENGINE_AWAY


class FakeGateway:
    """An ASGI app that sends prepared messages, and keeps what it was called with."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.messages = list(messages)
        self.calls: list[tuple[Scope, Receive, Send]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls.append((scope, receive, send))
        for message in self.messages:
            await send(message)


def start(status: int, **headers: str) -> Message:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def body(text: str | bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": text.encode() if isinstance(text, str) else text, "more_body": more}


def call(
    messages: list[Message],
    engines: Callable[[], Iterable[str]],
    *,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    kind: str = "http",
) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nobody asks")

    app = ClearErrors(FakeGateway(messages), engines, lambda: ["demo", "vllm_agent"])
    asyncio.run(app({"type": kind, "method": method, "path": path}, receive, send))
    return sent


@pytest.fixture
def engine() -> Iterator[str]:
    """The address of something that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.fixture
def absent() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"


def answer(sent: list[Message]) -> tuple[int, dict[bytes, bytes], Any]:
    head, *rest = sent
    return head["status"], dict(head["headers"]), json.loads(b"".join(message["body"] for message in rest))


FAILURE = '{"error": {"message": "Connection error", "code": "500"}}'


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_absent_engine_is_a_503_in_openai_s_shape(absent: str, status: int) -> None:
    sent = call(
        [start(status, x_call_id="7", content_type="text/plain", content_length="3", retry_after="99"), body(FAILURE)], lambda: [absent]
    )
    code, headers, content = answer(sent)
    assert (code, content) == (
        503,
        {"error": {"message": ENGINE_AWAY.text, "type": "overloaded_error", "param": None, "code": "service_unavailable"}},
    )
    assert headers == {
        b"x-call-id": b"7",
        b"content-type": b"application/json",
        b"content-length": str(len(sent[1]["body"])).encode(),
        b"retry-after": b"5",
    }


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/anthropic/v1/messages"])
def test_an_absent_engine_is_a_503_in_anthropic_s_shape(absent: str, path: str) -> None:
    code, headers, content = answer(call([start(500), body(FAILURE)], lambda: [absent], path=path))
    assert (code, content) == (503, {"type": "error", "error": {"type": "overloaded_error", "message": ENGINE_AWAY.text}})
    assert headers[b"retry-after"] == b"5"


@pytest.mark.parametrize(
    "said",
    [
        "litellm.InternalServerError: InternalServerError: Hosted_vllmException - Cannot connect to host 127.0.0.1:8000 ssl:default",
        "litellm.InternalServerError: InternalServerError: Hosted_vllmException - Server disconnected",
        "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.",
    ],
)
def test_an_engine_that_was_lost_and_is_there_again_is_a_503_too(engine: str, said: str) -> None:
    failure = json.dumps({"error": {"message": f"{said}\n\nLiteLLM: model group 'demo' failed with the error above.", "code": "500"}})
    code, headers, content = answer(call([start(500), body(failure)], lambda: [engine]))
    assert (code, headers[b"retry-after"], content["error"]["message"]) == (503, b"5", ENGINE_AWAY.text)


def test_one_absent_engine_of_several_is_enough(engine: str, absent: str) -> None:
    assert answer(call([start(500), body(FAILURE)], lambda: [engine, absent]))[0] == 503


def test_an_error_in_several_parts_becomes_one_answer(absent: str) -> None:
    sent = call([start(500), body(FAILURE[:9], more=True), body(FAILURE[9:])], lambda: [absent])
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


@pytest.mark.parametrize("status", [400, 500, 503])
def test_an_error_while_the_engine_is_there_is_left_as_it_is(engine: str, status: int) -> None:
    messages = [start(status, content_type="application/json"), body(FAILURE[:9], more=True), body(FAILURE[9:])]
    assert call(messages, lambda: [engine]) == messages


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429])
def test_other_answers_are_left_as_they_are_even_without_an_engine(absent: str, status: int) -> None:
    messages = [start(status), body("x")]
    assert call(messages, lambda: [absent]) == messages


UNKNOWN = '{"error": {"message": "/chat/completions: Invalid model name passed in model=gpt-4. Call `/v1/models` to view available models for your key."}}'
NO_MODEL = "There is no model 'gpt-4' here; this gateway serves: demo, vllm_agent."


def test_an_unknown_model_is_a_404_in_openai_s_shape(engine: str) -> None:
    code, headers, content = answer(call([start(400), body(UNKNOWN)], lambda: [engine]))
    assert (code, content) == (
        404,
        {"error": {"message": NO_MODEL, "type": "not_found_error", "param": "model", "code": "model_not_found"}},
    )
    assert b"retry-after" not in headers


def test_an_unknown_model_is_a_404_in_anthropic_s_shape(engine: str) -> None:
    code, _, content = answer(call([start(400), body(UNKNOWN)], lambda: [engine], path="/v1/messages"))
    assert (code, content) == (404, {"type": "error", "error": {"type": "not_found_error", "message": NO_MODEL}})


def test_an_error_without_headers_or_body_is_answered_too(absent: str) -> None:
    assert answer(call([{"type": "http.response.start", "status": 500}, {"type": "http.response.body"}], lambda: [absent]))[0] == 503


def test_a_stream_passes_chunk_by_chunk_as_it_comes() -> None:
    def never() -> list[str]:
        raise AssertionError("no engine is asked for while all is well")

    order: list[str] = []

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, content_type="text/event-stream"))
        for number in range(3):
            order.append(f"made {number}")
            await send(body(f"data: {number}\n\n", more=number < 2))

    async def send(message: Message) -> None:
        order.append(f"sent {message.get('body', message.get('status'))!r}")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    asyncio.run(ClearErrors(gateway, never, list)({"type": "http", "method": "POST", "path": "/v1/messages"}, receive, send))
    assert order == [
        "sent 200",
        *("made 0", "sent b'data: 0\\n\\n'"),
        *("made 1", "sent b'data: 1\\n\\n'"),
        *("made 2", "sent b'data: 2\\n\\n'"),
    ]


@pytest.mark.parametrize(("kind", "method"), [("lifespan", ""), ("websocket", ""), ("http", "GET"), ("http", "OPTIONS")])
def test_what_is_no_post_goes_straight_through(kind: str, method: str) -> None:
    gateway = FakeGateway([])
    scope: Scope = {"type": kind} | ({"method": method, "path": "/health"} if method else {})

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        pass

    asyncio.run(ClearErrors(gateway, list, list)(scope, receive, send))
    assert [(seen is scope, asked is receive, sent is send) for seen, asked, sent in gateway.calls] == [(True, True, True)]


def test_an_exception_of_the_gateway_is_not_swallowed(absent: str) -> None:
    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(500))
        raise RuntimeError("broken")

    async def nothing(*_: object) -> Message:
        return {}

    async def send(message: Message) -> None:
        raise AssertionError("nothing was complete")

    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(ClearErrors(gateway, lambda: [absent], list)({"type": "http", "method": "POST", "path": "/"}, nothing, send))


TOO_LONG = '{"error": {"message": "maximum context length is 10 tokens. However, your prompt contains at least 11 input tokens"}}'


def test_an_error_that_litellm_has_compressed_is_read_too(engine: str) -> None:
    packed = gzip.compress(TOO_LONG.encode())
    sent = call([start(400, content_encoding="gzip", vary="Accept-Encoding"), body(packed)], lambda: [engine], path="/v1/messages")
    code, headers, content = answer(sent)

    assert (code, content["error"]["message"]) == (400, "prompt is too long: 11 tokens > 10 maximum")
    assert b"content-encoding" not in headers


def test_whoever_asks_for_events_on_the_responses_api_gets_a_prompt_that_is_too_long_as_an_event(engine: str) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nobody asks")

    scope = {"type": "http", "method": "POST", "path": "/v1/responses", "headers": [(b"accept", b"text/event-stream")]}
    app = ClearErrors(FakeGateway([start(400), body(TOO_LONG)]), lambda: [engine], list)
    asyncio.run(app(scope, receive, send))
    event, data = sent[1]["body"].decode().strip().splitlines()

    assert (sent[0]["status"], dict(sent[0]["headers"])[b"content-type"], event) == (200, b"text/event-stream", "event: response.failed")
    assert json.loads(data.removeprefix("data: "))["response"]["error"]["code"] == "context_length_exceeded"
