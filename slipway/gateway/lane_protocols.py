"""Runs inside LiteLLM: the table of the protocols that the lane carries."""

from __future__ import annotations

from slipway.gateway.lane_chat import Chat, Completions
from slipway.gateway.lane_embeddings import Embeddings
from slipway.gateway.lane_messages import Messages
from slipway.gateway.lane_protocol import Protocol
from slipway.gateway.lane_responses import Responses

# LiteLLM's other spellings (/engines/…, /openai/deployments/…) do not take the lane
PROTOCOLS: dict[str, Protocol] = {
    path: protocol for protocol in (Chat(), Completions(), Messages(), Responses(), Embeddings()) for path in protocol.paths
}
