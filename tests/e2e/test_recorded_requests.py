"""What the real command line tools once sent is answered, without the tools."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.recordings import NAMES, check_stream, read_recording


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_request_is_answered_by_a_whole_stream(stack: Stack, name: str) -> None:
    recording = read_recording(name)
    with stack.client() as client:
        answer = client.post(recording.path, json=recording.body, headers=recording.headers)

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream"), answer.text
    check_stream(recording.path, answer.text)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("claude")])
def test_a_recorded_prompt_can_be_counted(stack: Stack, name: str) -> None:
    recording = read_recording(name)
    body = {key: recording.body[key] for key in ("model", "messages", "system", "tools")}
    with stack.client() as client:
        answer = client.post("/v1/messages/count_tokens?beta=true", json=body, headers=recording.headers)

    assert answer.status_code == 200, answer.text
    assert answer.json()["input_tokens"] > 4000 and answer.json()["litellm_count_source"] == "provider"
