"""A model's own files → a draft that says for each value whether it was read or guessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.authoring.draft import Draft, flags_of, plain_name
from slipway.authoring.families import Parsers, find_parsers
from slipway.authoring.model_files import Files, Folder, read_json, read_template
from slipway.errors import UsageError
from slipway.settings import BY_RECIPE_KEY

# Where generation_config.json is silent: what changes nothing, as in vLLM's own defaults.
_NEUTRAL: dict[str, object] = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}
_LONGEST_ANSWER = 1 << 16  # tokens


def draft_from_model(model: str, files: Files, root: Path) -> Draft:
    """`model` is a hub id or a folder. Raises UsageError where there is no config.json that can be read."""
    config = read_json(files, "config.json")
    if config is None:
        hint = "a folder needs the model's config.json" if isinstance(files, Folder) else "is the id right? the hub's own page shows it"
        raise UsageError(f"{files.name} has no config.json", hint=hint)
    tokenizer = read_json(files, "tokenizer_config.json") or {}
    generation = read_json(files, "generation_config.json")
    template = read_template(files, tokenizer)
    text = _text_config(config)
    architecture = _first(config.get("architectures")) or "an unnamed architecture"
    model_type = str(config.get("model_type") or "")
    draft = Draft(plain_name(model), _served(model, root), f"{plain_name(model)}, {architecture}; written by `./runMe.sh new`, not tried")
    draft.source = [f"{files.name} (config.json, {_read_list(tokenizer, generation, template)})"]
    draft.notes = ["Each comment says where a value comes from. What is marked as a guess wants a look at the model's card."]
    parsers = find_parsers(model_type, template)
    draft.flags = flags_of([*parsers.flags, *_parser_words(parsers)])
    _explain_parsers(draft, parsers, model_type)
    _read_context(draft, text)
    _read_weights(draft, files, config)
    _read_sampling(draft, generation)
    if config.get("auto_map"):
        draft.notes.append(
            "config.json brings code of its own (auto_map). vLLM knows most architectures without it; where it does not, add "
            "--trust-remote-code, which runs that code on your machine."
        )
    if "enable_thinking" in template:
        draft.profiles["instruct"] = {"chat_template_kwargs": {"enable_thinking": False}}
        draft.comments["profiles.instruct"] = "read: the chat template knows enable_thinking"
    return draft


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The language model's part of a config, which models that also see keep under a name of its own."""
    for key in ("text_config", "llm_config", "language_config"):
        if isinstance(config.get(key), dict):
            return {**config, **config[key]}
    return config


def _served(model: str, root: Path) -> str:
    """How the command names the model: a folder by its absolute path, or from the checkout where it lies inside."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    folder = folder.resolve()
    return f"./{folder.relative_to(root)}" if folder.is_relative_to(root) else str(folder)


def _read_list(tokenizer: Mapping[str, Any], generation: Mapping[str, Any] | None, template: str) -> str:
    found = {"tokenizer_config.json": bool(tokenizer), "chat template": bool(template), "generation_config.json": generation is not None}
    return ", ".join(name if there else f"no {name}" for name, there in found.items())


def _parser_words(parsers: Parsers) -> list[str]:
    tools = ["--enable-auto-tool-choice", "--tool-call-parser", parsers.tools] if parsers.tools else []
    return tools + (["--reasoning-parser", parsers.reasoning] if parsers.reasoning else [])


def _explain_parsers(draft: Draft, parsers: Parsers, model_type: str) -> None:
    if parsers.why:
        for name in ("--tool-call-parser", "--reasoning-parser"):
            draft.comments[name] = f"a guess {parsers.why}"
    else:
        draft.notes.append(f"No parser for tool calls or thoughts: neither {model_type or 'the model type'} nor the template tells.")


def _read_context(draft: Draft, text: Mapping[str, Any]) -> None:
    context = text.get("max_position_embeddings")
    answer = _LONGEST_ANSWER
    if isinstance(context, int) and not isinstance(context, bool) and context > 0:
        draft.notes.append(
            f"The model's context is {context} tokens (max_position_embeddings), which vLLM takes without --max-model-len. "
            "Where the cache of so long a request does not fit, `--max-model-len auto` takes what fits."
        )
        answer = max(1, min(_LONGEST_ANSWER, context // 4))
    draft.litellm["max_tokens"] = answer
    draft.comments["litellm.max_tokens"] = "a guess: a quarter of the context, 64K at most"


def _read_weights(draft: Draft, files: Files, config: Mapping[str, Any]) -> None:
    quantization = config.get("quantization_config")
    if isinstance(quantization, dict):
        method = quantization.get("quant_method") or quantization.get("quant_algo") or "unknown"
        draft.notes.append(f"The weights are quantized: {method} (quantization_config).")
    index = read_json(files, "model.safetensors.index.json")
    metadata = (index or {}).get("metadata")
    size = metadata.get("total_size") if isinstance(metadata, dict) else None
    if isinstance(size, (int, float)) and not isinstance(size, bool) and size > 0:
        draft.requires["memory"] = f"{max(1, round(size * 1.2 / 10**9))}GB"
        draft.comments["requires.memory"] = "a guess: the weights (model.safetensors.index.json) and a fifth on top"


def _read_sampling(draft: Draft, generation: Mapping[str, Any] | None) -> None:
    """vLLM itself takes generation_config.json too; written here, the values are seen, and vars.env's do not stand in front."""
    longest = draft.litellm.pop("max_tokens")
    for key in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty"):
        value = (generation or {}).get(key)
        if _fits(key, value):
            draft.litellm[key] = value
            draft.comments[f"litellm.{key}"] = "read from generation_config.json"
        elif key in _NEUTRAL:
            draft.litellm[key] = _NEUTRAL[key]
            draft.comments[f"litellm.{key}"] = "not in generation_config.json: changes nothing"
    draft.litellm["max_tokens"] = longest
    caps = [key for key in ("max_tokens", "max_new_tokens") if (generation or {}).get(key)]
    if caps:
        draft.flags += flags_of(["--generation-config", "vllm"])
        draft.comments["--generation-config"] = f"generation_config.json has {caps[0]}, which would cap every answer"


def _fits(key: str, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        BY_RECIPE_KEY[key].parse(value)
    except ValueError:
        return False
    return True


def _first(value: object) -> str:
    return str(value[0]) if isinstance(value, list) and value else ""
