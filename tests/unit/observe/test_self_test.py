"""The self-test after a launch: what it asks, and the one line that it says of each answer."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from slipway.gateway.warm import LAUNCH_USER
from slipway.observe.self_test import Outcome, run_self_test
from slipway.secrets import Secret

Body = dict[str, Any]
Reply = tuple[int, str]


def completion(message: Body, tokens: int = 7) -> Reply:
    return 200, json.dumps({"choices": [{"message": message}], "usage": {"completion_tokens": tokens}})


def call(arguments: str = '{"city": "Paris"}') -> Body:
    return {"content": None, "tool_calls": [{"function": {"name": "get_weather", "arguments": arguments}}]}


STREAM = "".join(f"event: {name}\ndata: {{}}\n\n" for name in ("message_start", "content_block_delta", "message_stop"))


def answer_well(path: str, body: Body) -> Reply:
    if path == "/v1/messages":
        return 200, STREAM
    return completion(call() if "tools" in body else {"content": "Paris."})


class Gateway:
    """A gateway on a free port that answers as the test says."""

    def __init__(self) -> None:
        self.reply: Callable[[str, Body], Reply] = answer_well
        self.asked: list[tuple[str, Body]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def run(self, tool_parser: str = "hermes", at_once: int = 3) -> list[Outcome]:
        found = run_self_test(self.url, Secret("sk-1"), "vllm_agent", tool_parser, at_once)
        return [Outcome(item.name, item.ok, re.sub(r"\d+\.\d s$", "N s", item.text)) for item in found]

    def __enter__(self) -> Gateway:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Authorization"] == "Bearer sk-1"
                gateway.asked.append((self.path, body))
                status, text = gateway.reply(self.path, body)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on the screen."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as found:
        yield found


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_good_stack_is_said_to_work_in_one_line_each(gateway: Gateway, at_once: int) -> None:
    assert gateway.run(at_once=at_once) == [
        Outcome("chat", True, "works: 7 tokens, N s"),
        Outcome("tool call", True, "works: get_weather(city=Paris) through the hermes parser, N s"),
        Outcome("streamed /v1/messages", True, "works: 3 events, N s"),
    ]


def test_without_a_tool_parser_no_tool_call_is_asked_for(gateway: Gateway) -> None:
    assert [item.name for item in gateway.run("")] == ["chat", "streamed /v1/messages"]


def test_the_requests_are_marked_so_that_the_usage_report_leaves_them_out(gateway: Gateway) -> None:
    gateway.run()
    users = {path: body.get("user") or body["metadata"]["user_id"] for path, body in gateway.asked}
    assert users == {"/v1/chat/completions": LAUNCH_USER, "/v1/messages": LAUNCH_USER}
    assert {body["model"] for _, body in gateway.asked} == {"vllm_agent"}


def test_a_model_that_chooses_not_to_call_is_asked_by_name(gateway: Gateway) -> None:
    def reply(path: str, body: Body) -> Reply:
        return completion({"content": "I do not know."}) if body.get("tool_choice") == "auto" else answer_well(path, body)

    gateway.reply = reply
    assert gateway.run()[1].text == (
        "works: get_weather(city=Paris) when asked for by name; left the choice, the model did without the tool, N s"
    )


def of_tool(message: Mapping[str, Any]) -> Callable[[str, Body], Reply]:
    return lambda path, body: completion(dict(message)) if "tools" in body else answer_well(path, body)


def of_path(wanted: str, reply: Reply) -> Callable[[str, Body], Reply]:
    return lambda path, body: reply if path == wanted and "tools" not in body else answer_well(path, body)


NESTED = (
    'litellm.BadRequestError: Exception - {"error":{"message":"\\"auto\\" tool choice requires --enable-auto-tool-choice"}} No fallback.'
)


@pytest.mark.parametrize(
    ("name", "reply", "text"),
    [
        ("chat", of_path("/v1/chat/completions", completion({"content": " "})), "the answer is empty"),
        ("chat", of_path("/v1/chat/completions", (200, "<html>")), "the answer is no chat completion: <html>"),
        ("chat", of_path("/v1/chat/completions", (503, '{"error": {"message": "the engine is away"}}')), "status 503: the engine is away"),
        ("chat", of_path("/v1/chat/completions", (401, "no\nkey")), "status 401: no key"),
        (
            "tool call",
            of_tool({"content": '<tool_call>{"name": "get_weather"}</tool_call>'}),
            'the model called the tool, and the hermes parser did not see it: <tool_call>{"name": "get_weather"}</tool_call>',
        ),
        ("tool call", of_tool({"content": "No."}), "there is no tool call in the answer, even when the tool is asked for by name"),
        ("tool call", of_tool(call("{")), "the tool call cannot be read: "),
        ("tool call", of_tool(call("[1]")), "the tool call's arguments are no JSON object: [1]"),
        (
            "streamed /v1/messages",
            of_path("/v1/messages", (200, STREAM.replace("event: message_stop", "event: ping"))),
            "the stream has no message_stop event: ",
        ),
        (
            "streamed /v1/messages",
            of_path("/v1/messages", (200, 'event: error\ndata: {"message": "away"}\n')),
            'event: error data: {"message": "away"}',
        ),
        (
            "chat",
            of_path("/v1/chat/completions", (400, json.dumps({"error": {"message": NESTED}}))),
            'status 400: "auto" tool choice requires --enable-auto-tool-choice',
        ),
    ],
)
def test_what_does_not_work_says_why_and_the_rest_is_still_tested(
    gateway: Gateway, name: str, reply: Callable[[str, Body], Reply], text: str
) -> None:
    gateway.reply = reply
    found = {item.name: item for item in gateway.run()}
    assert {item for item in found if not found[item].ok} == {name}
    assert found[name].text.startswith(f"does not work: {text}")


def test_thoughts_alone_are_an_answer(gateway: Gateway) -> None:
    gateway.reply = of_path("/v1/chat/completions", completion({"content": None, "reasoning_content": "Hm."}, 1))
    assert gateway.run()[0] == Outcome("chat", True, "works: 1 token, N s")


def test_a_gateway_that_is_gone_is_said_to_be() -> None:
    with Gateway() as gone:
        url = gone.url
    found = run_self_test(url, Secret("sk-1"), "vllm_agent")
    assert [item.ok for item in found] == [False, False]
    assert all("Connection refused" in item.text for item in found)
