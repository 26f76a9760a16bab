"""Where the facts of a model come from: a local folder, Hugging Face's cache, or the small file that ships with a recipe."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from slipway.fit.architecture import read_architecture
from slipway.fit.config import NoFacts, read_config
from slipway.fit.prediction import Model
from slipway.fit.quantization import read_quantization
from slipway.fit.weights import Checkpoint

FACTS_FOLDER = "facts"  # below models/

# A safetensors file begins with the length of its JSON header; the library refuses longer ones than this.
_LONGEST_HEADER = 100_000_000
_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
_EXTRA = re.compile(r"^(model\.)?(visual|vision|multi_modal_projector|mm_projector|audio|embed_vision|embed_audio)")


class UnreadableFacts(NoFacts):
    """A file that should hold facts does not; the message names it."""


def find_facts(model: str, models: Path, environ: Mapping[str, str]) -> Model | None:
    """Facts of `model` (a hub id, or a folder), from this machine only. Gives None where nothing is known of it.

    Raises NoFacts.
    """
    folder = Path(model)
    if (folder / "config.json").is_file():
        return read_folder(folder, model)
    snapshot = find_snapshot(model, environ)
    return read_folder(snapshot, model) if snapshot else read_shipped(models / FACTS_FOLDER, model)


def find_snapshot(model: str, environ: Mapping[str, str]) -> Path | None:
    """The newest snapshot of `model` in Hugging Face's cache that has a config.json."""
    home = Path(environ.get("HF_HOME") or Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface")
    cache = Path(environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE") or home / "hub")
    snapshots = cache / f"models--{model.replace('/', '--')}" / "snapshots"
    found = [folder for folder in snapshots.glob("*") if (folder / "config.json").exists()]
    return max(found, key=lambda folder: folder.stat().st_mtime, default=None)


def read_folder(folder: Path, name: str) -> Model:
    """Facts of a folder with config.json and, where the weights are there, the headers of its safetensors files."""
    config = _read_json(folder / "config.json")
    if (folder / "hf_quant_config.json").is_file() and not config.get("quantization_config"):
        config["quantization_config"] = {"quant_method": "modelopt", **_read_json(folder / "hf_quant_config.json")}
    return build_model(name, config, _read_checkpoint(folder, config), origin=str(folder))


def read_shipped(folder: Path, model: str) -> Model | None:
    """The facts file of `model` in `folder`; its config may build on another file's."""
    path = folder / f"{model.replace('/', '--')}.json"
    if not path.is_file():
        return None
    facts = _read_json(path)
    config = _shipped_config(folder, facts)
    checkpoint = Checkpoint(int(facts.get("checkpoint_bytes") or 0))
    return build_model(
        model,
        config,
        checkpoint,
        origin=f"models/{FACTS_FOLDER}/{path.name}",
        sources=facts.get("source", ()),
        notes=facts.get("notes", ()),
    )


def _shipped_config(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    own = facts.get("config") or {}
    base = facts.get("base")
    if not base:
        return dict(own)
    under = _shipped_config(folder, _read_json(folder / f"{base.replace('/', '--')}.json"))
    return {key: value for key, value in {**under, **own}.items() if value is not None}


def build_model(
    name: str,
    config: Mapping[str, Any],
    checkpoint: Checkpoint,
    *,
    origin: str,
    sources: Iterable[str] = (),
    notes: Iterable[str] = (),
) -> Model:
    """From a parsed config.json. Raises NoFacts."""
    view = read_config(config, origin if origin.endswith(".json") else f"{origin}/config.json")
    return Model(name, read_architecture(view), read_quantization(config), checkpoint, origin, tuple(sources), tuple(notes))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFacts(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnreadableFacts(f"{path} holds no JSON object")
    return value


def _read_checkpoint(folder: Path, config: Mapping[str, Any]) -> Checkpoint:
    index = folder / "model.safetensors.index.json"
    files = sorted(folder.glob("*.safetensors"))
    wanted = set(_read_json(index).get("weight_map", {}).values()) if index.is_file() else {file.name for file in files}
    # Mistral's repositories hold the same weights twice, under another name
    files = [file for file in files if file.name in wanted]
    if wanted and {file.name for file in files} == wanted:
        return sum_tensors((item for file in files for item in read_header(file).items()), config)
    total = _read_json(index).get("metadata", {}).get("total_size", 0) if index.is_file() else 0
    return Checkpoint(int(total or 0))


def read_header(path: Path) -> dict[str, int]:
    """Tensor name → bytes, from the header of a safetensors file; the weights themselves are not read."""
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(_LONGEST_HEADER, path.stat().st_size):
            raise UnreadableFacts(f"{path} is no safetensors file")
        return parse_header(file.read(length), str(path))


def parse_header(text: bytes, name: str) -> dict[str, int]:
    """Tensor name → bytes. Raises UnreadableFacts."""
    try:
        header = json.loads(text)
        tensors = {key: value for key, value in header.items() if key != "__metadata__"}
        return {key: int(value["data_offsets"][1]) - int(value["data_offsets"][0]) for key, value in tensors.items()}
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise UnreadableFacts(f"{name} has no readable safetensors header") from error


def sum_tensors(tensors: Iterable[tuple[str, int]], config: Mapping[str, Any]) -> Checkpoint:
    """Bytes of all tensors, of the multi-token prediction head's, and of what is beside the language model."""
    layers = read_config(config).number("num_hidden_layers", default=0)
    size = draft = extra = 0
    for name, length in tensors:
        size += length
        number = _LAYER.search(name)
        if name.startswith("mtp.") or ".mtp." in name or (number and layers and int(number[1]) >= layers and not _EXTRA.match(name)):
            draft += length
        elif _EXTRA.match(name):
            extra += length
    return Checkpoint(size, draft, extra)


__all__ = ["NoFacts", "UnreadableFacts", "build_model", "find_facts", "read_folder", "read_shipped"]
