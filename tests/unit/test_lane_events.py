"""What the lane does to the events of Anthropic's messages and of OpenAI's responses."""

import json
from typing import Any

from slipway.gateway.lane_messages import Messages, MessageStream
from slipway.gateway.lane_responses import ResponseNames, ResponseStream
from slipway.gateway.lane_stream import Names


def event(**data: Any) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def read(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(block.partition(b"data: ")[2]) for block in stream.split(b"\n\n") if block]


START = event(type="message_start", message={"id": "1", "content": [], "model": "demo", "usage": {"input_tokens": 7, "output_tokens": 0}})
END = event(type="message_delta", delta={"stop_reason": "max_tokens"}, usage={"input_tokens": 7, "output_tokens": 2})
STOP = event(type="message_stop")
NO_CACHE: dict[str, Any] = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


def delta(text: str) -> bytes:
    return event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def test_a_message_has_the_clients_model_and_counts_of_cached_tokens() -> None:
    [start] = read(MessageStream(Names("opus")).feed(START))

    assert start["message"]["model"] == "opus"
    assert start["message"]["usage"] == {**NO_CACHE, "input_tokens": 7, "output_tokens": 0}


def test_counts_of_cached_tokens_that_the_engine_gives_are_left_alone() -> None:
    start = START.replace(b'"output_tokens":0', b'"output_tokens":0,"cache_read_input_tokens":3')

    [read_start] = read(MessageStream(Names("opus")).feed(start))

    assert read_start["message"]["usage"] == {
        "input_tokens": 7, "output_tokens": 0, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0,
    }  # fmt: skip


def test_a_messages_text_and_end_pass_as_they_are_however_the_engine_cuts_them() -> None:
    whole = START + delta('"model":"demo" event: error\n\n "usage":{') + END + STOP
    found = []
    for size in (1, 7, len(whole)):
        events = MessageStream(Names("demo"))
        found.append(b"".join(events.feed(whole[at : at + size]) for at in range(0, len(whole), size)) + events.end())
        assert (events.found_usage(), events.finish_reason(), events.tokens(), events.failed) == (
            {"input_tokens": 7, "output_tokens": 2}, "length", 1, b"",
        )  # fmt: skip

    assert found[0] == found[1] == found[2]
    assert read(found[0])[1:] == [
        *read(delta('"model":"demo" event: error\n\n "usage":{')),
        {**read(END)[0], "usage": {**NO_CACHE, "input_tokens": 7, "output_tokens": 2}},
        *read(STOP),
    ]


def test_a_message_that_ends_early_is_counted_as_far_as_it_came() -> None:
    events = MessageStream(Names("demo"))
    events.feed(START + delta("a") + delta("b"))

    assert (events.prompt_tokens(), events.tokens()) == (7, 2)


def test_an_error_within_a_message_is_noted() -> None:
    events = MessageStream(Names("demo"))
    events.feed(START + event(type="error", error={"type": "internal_error", "message": "no"}))

    assert events.failure() == "no"


def test_a_whole_message_is_renamed_but_not_within_a_tools_input() -> None:
    found: dict[str, Any] = {
        "model": "demo",
        "content": [{"type": "tool_use", "input": {"model": "demo"}}],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }

    sent = json.loads(Messages().whole(b"", found, Names("opus")))

    assert sent == {**found, "model": "opus", "usage": {**NO_CACHE, "input_tokens": 1, "output_tokens": 1}}


class KnownNames(ResponseNames):
    """LiteLLM, which makes the ids, is not installed where these tests run."""

    def id_of(self, id: str) -> str:
        return f"litellm-{id}"


def response(kind: str, **more: Any) -> bytes:
    return event(
        type=f"response.{kind}", response={"id": "resp_1", "metadata": {"model": "demo"}, "model": "demo", "object": "response", **more}
    )


def test_a_response_has_litellms_id_and_the_clients_model_but_its_metadata_are_the_clients() -> None:
    events = ResponseStream(KnownNames("opus", {}))
    usage = {"input_tokens": 3, "output_tokens": 2}
    text = event(type="response.output_text.delta", delta='"id":"resp_1"')

    sent = read(events.feed(response("created")) + events.feed(text) + events.feed(response("completed", usage=usage)))

    known = {"id": "litellm-resp_1", "metadata": {"model": "demo"}, "model": "opus", "object": "response"}
    assert [item.get("response") for item in sent] == [known, None, {**known, "usage": usage}]
    assert sent[1]["delta"] == '"id":"resp_1"'
    assert (events.found_usage(), events.tokens(), events.finish_reason()) == (usage, 1, "stop")


def test_a_response_that_failed_is_noted() -> None:
    events = ResponseStream(KnownNames("opus", {}))
    events.feed(response("created") + response("failed", error={"message": "no"}))

    assert events.failure() == "no"
