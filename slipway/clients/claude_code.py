"""Claude Code: variables, in the shell or in the `env` section of its settings.json."""

from __future__ import annotations

import shlex

from slipway.clients.base import AGENT_ROUTE, Access, Client, Environ, FileChange, Start, home


def variables(access: Access) -> dict[str, str]:
    """Address, key and models; an empty ANTHROPIC_API_KEY, because one that is set would outrank the key."""
    found = {
        "ANTHROPIC_BASE_URL": access.url,
        "ANTHROPIC_AUTH_TOKEN": access.key.reveal(),
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_MODEL": AGENT_ROUTE,
    }
    found |= {f"ANTHROPIC_DEFAULT_{size}_MODEL": AGENT_ROUTE for size in ("OPUS", "SONNET", "HAIKU")}
    # else a line that changes from call to call stands first in the prompt, and nothing of it is found in the prefix cache
    found["CLAUDE_CODE_ATTRIBUTION_HEADER"] = "0"
    if access.context:
        # for a model that it does not know Claude Code assumes a million tokens, and would compact far too late
        found["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = str(access.context)
        found["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(access.output)
    return found


def snippet(access: Access) -> str:
    words = [f"{name}={shlex.quote(value) if value else ''}" for name, value in variables(access).items()]
    lines = [words[:3], words[3:5], words[5:7], words[7:]]
    return " \\\n  ".join(" ".join(line) for line in lines) + " claude"


def changes(access: Access, environ: Environ) -> tuple[FileChange, ...]:
    folder = environ.get("CLAUDE_CONFIG_DIR") or home(environ) / ".claude"
    return (FileChange(home(environ) / folder / "settings.json", {("env", name): value for name, value in variables(access).items()}),)


CLIENT = Client(
    name="claude-code",
    title="Claude Code",
    program="claude",
    install="npm install -g @anthropic-ai/claude-code",
    snippet=snippet,
    changes=changes,
    start=lambda access, folder: Start(("claude",), variables(access)),
    after="claude",
)
