"""What the lane does to the bytes of a stream, and what it lets through untouched."""

import json
from typing import Any

import pytest

from slipway.gateway.lane_stream import ChoiceStream, Names

REASONING = ((b'"reasoning":', b'"reasoning_content":'),)
USAGE = b'data: {"id":"1","model":"demo","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"


def event(**delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return b"data: " + json.dumps({"id": "1", "model": "demo", "choices": [choice]}, separators=(",", ":")).encode() + b"\n\n"


def stream(wants_usage: bool = False, model: str = "demo") -> ChoiceStream:
    return ChoiceStream(Names(model, REASONING), wants_usage)


def test_events_pass_as_they_are() -> None:
    events = stream()
    parts = [event(role="assistant"), event(content="a") + event(content="b"), DONE]

    assert [events.feed(part) for part in parts] == parts
    assert events.events == 4


def test_the_model_has_the_name_that_the_client_used() -> None:
    assert stream(model="vllm_agent").feed(event(content="a")) == event(content="a").replace(b'"demo"', b'"vllm_agent"')


def test_reasoning_has_the_name_that_clients_of_litellm_read() -> None:
    assert stream().feed(event(reasoning="hm")) == event(reasoning_content="hm")


def test_a_text_that_looks_like_the_protocol_is_left_alone() -> None:
    text = 'data: {"error": "model":"demo" "reasoning":"x" "choices":[] "finish_reason":"stop"'
    events = stream(model="vllm_agent")

    sent = events.feed(event(content=text))

    assert json.loads(sent[6:])["choices"][0]["delta"]["content"] == text
    assert (events.usage, events.failed, events.finish_reason()) == (b"", b"", None)


def test_usage_is_kept_from_a_client_that_did_not_ask() -> None:
    events = stream()

    sent = events.feed(event(content="a") + USAGE + DONE)

    assert sent == event(content="a") + DONE
    assert events.body(events.usage)["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_usage_reaches_a_client_that_asked() -> None:
    events = stream(wants_usage=True)

    assert events.feed(USAGE + DONE) == USAGE + DONE
    assert events.body(events.usage)["usage"]["total_tokens"] == 5


@pytest.mark.parametrize("wants_usage", [False, True])
def test_reads_that_end_anywhere_give_the_same_bytes(wants_usage: bool) -> None:
    whole = event(role="assistant") + event(reasoning="Grüße 你好") + event(content='🙂 "\n\n"') + USAGE + DONE
    expected = stream(wants_usage, "vllm_agent").feed(whole)

    for cut in range(1, len(whole)):
        events = stream(wants_usage, "vllm_agent")
        assert events.feed(whole[:cut]) + events.feed(whole[cut:]) + events.end() == expected, cut
        assert events.body(events.usage)["usage"]["total_tokens"] == 5


def test_what_is_no_event_at_the_end_is_sent_when_the_answer_ends() -> None:
    events = stream()

    assert (events.feed(DONE + b"data: tru"), events.end()) == (DONE, b"data: tru")


def test_the_finish_reason_is_the_last_one() -> None:
    events = stream()
    events.feed(event(content="a").replace(b"null", b'"length"'))

    assert events.finish_reason() == "length"


def test_an_engines_error_within_a_stream_is_noticed() -> None:
    events = stream()
    error = b'data: {"error": {"message": "no", "code": 400}}\n\n'

    assert events.feed(error + DONE) == error + DONE
    assert events.body(events.failed) == {"error": {"message": "no", "code": 400}}


def test_a_whole_answer_gets_the_clients_names() -> None:
    names = Names('a "quoted" name', REASONING)

    sent = json.loads(names.apply(b'{"model":"demo","choices":[{"message":{"content":null,"reasoning":"hm"}}]}'))

    assert sent == {"model": 'a "quoted" name', "choices": [{"message": {"content": None, "reasoning_content": "hm"}}]}
