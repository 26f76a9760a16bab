"""Asks the parts over HTTP whether they are ready."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from slipway.gateway.warm import LAUNCH_USER
from slipway.secrets import Secret

# loopback never goes through a proxy that the user's environment names
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# a gray square of 64 by 64 pixels, as a PNG: processors of images refuse those of a few pixels
_GRAY = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAS0lEQVR42u3PMQ0AAAwDoEqv9ErYvQQckD4XAQEBAQEBAQEBAQEB"
    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAYHLAB8+AWnmfUycAAAAAElFTkSuQmCC"
)


@dataclass(frozen=True)
class Answer:
    """Status 0 means that nothing answered; `text` is then the reason."""

    status: int
    text: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            return None


def get(url: str, *, key: Secret | None = None, body: object = None, timeout: float = 2.0) -> Answer:
    """GET, or POST of `body` as JSON; never raises."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key.reveal()}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with _opener.open(request, timeout=timeout) as response:
            return Answer(response.status, response.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read().decode(errors="replace"))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(0, str(error))


def engine_ready(base_url: str) -> bool:
    """vLLM opens its port before it can answer; /health says 200 only when it can."""
    return get(f"{base_url}/health").ok


def context_length(base_url: str, key: Secret) -> int:
    """How many tokens prompt and answer may have together, as the engine says; 0 where it does not."""
    body = get(f"{base_url}/v1/models", key=key).json()
    models = body.get("data") if isinstance(body, dict) else None
    return max((int(model.get("max_model_len") or 0) for model in models or ()), default=0)


def reads_images(url: str, key: Secret, model: str) -> bool:
    """Whether the model takes an image, as the engine says when it is asked to count one; nothing is generated or billed."""
    source = {"type": "base64", "media_type": "image/png", "data": _GRAY}
    body = {"model": model, "messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}
    answer = get(f"{url}/v1/messages/count_tokens", key=key, body=body, timeout=30).json()
    # what the engine refuses to count LiteLLM estimates
    return isinstance(answer, dict) and answer.get("litellm_count_source") == "provider"


def gateway_ready(url: str) -> bool:
    """LiteLLM is up and has its database."""
    answer = get(f"{url}/health/readiness")
    body = answer.json()
    return answer.ok and isinstance(body, dict) and body.get("db") == "connected"


def first_answer(url: str, key: Secret, model: str) -> Answer:
    """One token through gateway and engine; `user` keeps it out of the usage report."""
    # a recipe may ask for more min_tokens, which the engine refuses beside one token
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "min_tokens": 0, "user": LAUNCH_USER}
    return get(f"{url}/v1/chat/completions", key=key, body=body, timeout=300)
