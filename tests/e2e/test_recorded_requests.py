"""What the real command line tools once sent is answered, without the tools."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.recordings import NAMES, check_stream, read_recording

COUNTS = [name for name in NAMES if "count" in name]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in COUNTS])
def test_a_recorded_request_is_answered_by_a_whole_stream(stack: Stack, name: str) -> None:
    recording = read_recording(name)
    if "format" in recording.body.get("output_config", {}):
        recording.body["max_tokens"] = 100  # held to JSON, the toy writes blanks for as long as it may
    with stack.client() as client:
        answer = client.post(recording.path, json=recording.body, headers=recording.headers)

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream"), answer.text
    check_stream(recording.path, answer.text)
    # only what is held to a schema is LiteLLM's to translate
    expected = "pass; output_config" if "format" in recording.body.get("output_config", {}) else "hit"
    assert answer.headers["x-slipway-lane"] in (expected, "pass; LANE=off")


@pytest.mark.parametrize("name", [*COUNTS, "claude-code-first"])
def test_a_recorded_prompt_can_be_counted(stack: Stack, name: str) -> None:
    recording = read_recording(name)
    body = {key: recording.body[key] for key in ("model", "messages", "system", "tools") if key in recording.body}
    with stack.client() as client:
        answer = client.post("/v1/messages/count_tokens?beta=true", json=body, headers=recording.headers)

    assert answer.status_code == 200, answer.text
    least = 4000 if body.get("tools") else 1
    assert answer.json()["input_tokens"] >= least and answer.json()["litellm_count_source"] == "provider"
