"""Which of vLLM's parsers understand a model: by its architecture where that decides, else by what its chat template writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parsers:
    """Names for --tool-call-parser and --reasoning-parser, other flags, and what they were told from; empty where nothing fits."""

    tools: str = ""
    reasoning: str = ""
    flags: tuple[str, ...] = ()
    why: str = ""


# model_type of config.json. The library's model files and the vLLM recipes use them so.
_BY_TYPE = {
    "qwen3_5": Parsers("qwen3_coder", "qwen3"),
    "qwen3_5_moe": Parsers("qwen3_coder", "qwen3"),
    "glm4_moe_lite": Parsers("glm47", "glm45"),
    "glm_moe_dsa": Parsers("glm47", "glm45"),
    "gpt_oss": Parsers("openai", "openai_gptoss"),
    "deepseek_v32": Parsers("deepseek_v32", "deepseek_v3", ("--tokenizer-mode", "deepseek_v32")),
    "deepseek_v4": Parsers("deepseek_v4", "deepseek_v4", ("--tokenizer-mode", "deepseek_v4")),
    "kimi_k2": Parsers("kimi_k2", "kimi_k2"),
    "kimi_k25": Parsers("kimi_k2", "kimi_k2"),
    "minimax_m2": Parsers("minimax_m2", "minimax_m2"),
    "gemma4": Parsers("gemma4", "gemma4"),
    "seed_oss": Parsers("seed_oss", "seed_oss"),
    "step3p5": Parsers("step3p5", "step3p5"),
    "hy_v3": Parsers("hy_v3", "hy_v3"),
    "mimo_v2": Parsers("qwen3_xml", "qwen3"),
    "llama4": Parsers("llama4_pythonic"),
}

# What a template has a model write, the more telling marks first.
_BY_TEMPLATE = (
    ("<arg_key>", Parsers("glm47", "glm45")),
    ("<minimax:tool_call>", Parsers("minimax_m2", "minimax_m2")),
    ("<|tool_calls_section_begin|>", Parsers("kimi_k2", "kimi_k2")),
    ("<seed:tool_call>", Parsers("seed_oss", "seed_oss")),
    ("<｜tool▁calls▁begin｜>", Parsers("deepseek_v3", "deepseek_r1")),
    ("<|channel|>", Parsers("openai", "openai_gptoss")),
    ("[TOOL_CALLS]", Parsers("mistral")),
    ("<function=", Parsers("qwen3_coder")),
    ("<tool_call>", Parsers("hermes")),
    ("<|python_tag|>", Parsers("llama3_json")),
)

# A model that thinks between these marks; qwen3 understands a template that opens them for the model too.
_THOUGHT = "<think>"


def find_parsers(model_type: str, template: str) -> Parsers:
    """The parsers, and in `why` what they were told from."""
    known = _BY_TYPE.get(model_type) or _BY_TYPE.get(model_type.removesuffix("_text"))
    if known:
        return Parsers(known.tools, known.reasoning, known.flags, f"by the architecture, {model_type}")
    for mark, found in _BY_TEMPLATE:
        if mark in template:
            reasoning = found.reasoning or (_thinks(model_type) if _THOUGHT in template else "")
            return Parsers(found.tools, reasoning, found.flags, f"by {mark} in the chat template")
    if _THOUGHT in template:
        return Parsers("", _thinks(model_type), (), f"by {_THOUGHT} in the chat template")
    return Parsers()


def _thinks(model_type: str) -> str:
    return "qwen3" if model_type.startswith("qwen3") else "deepseek_r1"
