from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from slipway.fit.facts import UnreadableFacts, find_facts, find_snapshot, read_folder
from slipway.fit.hub import fetch_model
from slipway.fit.weights import Checkpoint
from tests.unit.fit.building import PLAIN, model


def tensor(size: int, start: int = 0) -> dict[str, Any]:
    return {"dtype": "BF16", "shape": [size // 2], "data_offsets": [start, start + size]}


def safetensors(**sizes: int) -> bytes:
    header = json.dumps({"__metadata__": {"format": "pt"}, **{name: tensor(size) for name, size in sizes.items()}}).encode()
    return struct.pack("<Q", len(header)) + header


def write_model(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(PLAIN))
    for name, content in files.items():
        (folder / name.replace("__", ".").replace("_of_", "-of-")).write_bytes(content)
    return folder


def test_a_folder_with_its_config_alone(tmp_path: Path) -> None:
    found = read_folder(write_model(tmp_path / "a"), "a")
    assert (found.architecture, found.checkpoint, found.origin) == (model().architecture, Checkpoint(), str(tmp_path / "a"))


def test_the_headers_of_weights_say_their_size_and_what_they_are_for(tmp_path: Path) -> None:
    weights = {
        "model.layers.0.mlp.up_proj.weight": 100,
        "model.layers.4.mlp.up_proj.weight": 20,
        "mtp.fc.weight": 3,
        "visual.patch.weight": 7,
    }
    folder = write_model(tmp_path / "a", model__safetensors=safetensors(**weights))
    assert read_folder(folder, "a").checkpoint == Checkpoint(size=130, draft=23, extra=7)


def test_an_index_names_the_files_that_count(tmp_path: Path) -> None:
    index = json.dumps({"metadata": {"total_size": 999}, "weight_map": {"x": "model.safetensors"}}).encode()
    folder = write_model(tmp_path / "a", model__safetensors=safetensors(x=100), consolidated__safetensors=safetensors(x=100))
    (folder / "model.safetensors.index.json").write_bytes(index)
    assert read_folder(folder, "a").checkpoint.size == 100


def test_an_index_without_its_files_gives_the_total(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "a")
    index = {"metadata": {"total_size": 999}, "weight_map": {"x": "model-1.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert read_folder(folder, "a").checkpoint == Checkpoint(999)


def test_nvidia_s_quantization_stands_in_a_file_of_its_own(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "a")
    (folder / "hf_quant_config.json").write_text(json.dumps({"quantization": {"quant_algo": "NVFP4", "group_size": 16}}))
    found = read_folder(folder, "a").quantization
    assert found and found.packing.name == "NVFP4"


def test_the_cache_of_hugging_face_is_looked_at_where_the_environment_says(tmp_path: Path) -> None:
    snapshot = write_model(tmp_path / "hub/models--org--name/snapshots/abc")
    for environ in ({"HF_HUB_CACHE": str(tmp_path / "hub")}, {"HF_HOME": str(tmp_path)}):
        assert find_snapshot("org/name", environ) == snapshot
    assert find_snapshot("org/other", {"HF_HOME": str(tmp_path)}) is None


def test_shipped_facts_may_build_on_others(tmp_path: Path) -> None:
    facts = tmp_path / "facts"
    facts.mkdir()
    (facts / "org--base.json").write_text(json.dumps({"id": "org/base", "source": ["a card"], "config": PLAIN}))
    more = {"base": "org/base", "source": ["its card"], "checkpoint_bytes": 77, "config": {"num_hidden_layers": 2}, "notes": ["a guess"]}
    (facts / "org--other.json").write_text(json.dumps(more))
    environ = {"HF_HOME": str(tmp_path)}
    base, other = find_facts("org/base", tmp_path, environ), find_facts("org/other", tmp_path, environ)
    assert base and other
    assert (len(base.architecture.layers), len(other.architecture.layers)) == (4, 2)
    assert (other.checkpoint, other.sources, other.notes) == (Checkpoint(77), ("its card",), ("a guess",))
    assert find_facts("org/unknown", tmp_path, environ) is None


@pytest.mark.parametrize(
    "content", [b"", b"12345678", struct.pack("<Q", 1 << 60), struct.pack("<Q", 4) + b"nope", struct.pack("<Q", 10) + b'{"a": [1]}']
)
def test_a_broken_weights_file_is_named(tmp_path: Path, content: bytes) -> None:
    folder = write_model(tmp_path / "a", model__safetensors=content)
    with pytest.raises(UnreadableFacts, match=r"model\.safetensors"):
        read_folder(folder, "a")


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_broken_config_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UnreadableFacts, match=r"config\.json"):
        read_folder(tmp_path, "a")


class FakeHub:
    """A repository's files, of which only parts are asked for where the real code asks for parts."""

    def __init__(self, **files: bytes) -> None:
        self.files = {name.replace("__", "."): content for name, content in files.items()}
        self.asked: list[tuple[str, int, int]] = []

    def __call__(self, path: str, start: int = 0, length: int = 0) -> bytes | None:
        self.asked.append((path, start, length))
        content = self.files.get(path)
        return content if content is None or not length else content[start : start + length]


def test_the_hub_is_asked_for_small_files_and_a_header() -> None:
    weights = safetensors(**{"model.layers.0.mlp.up_proj.weight": 100})
    hub = FakeHub(config__json=json.dumps(PLAIN).encode(), model__safetensors=weights + b"0" * 100)
    found = fetch_model("org/name", hub)
    assert found and (found.checkpoint, found.origin) == (Checkpoint(100, 0, 0), "the hub: org/name")
    assert hub.asked == [
        ("config.json", 0, 0),
        ("hf_quant_config.json", 0, 0),
        ("model.safetensors.index.json", 0, 0),
        ("model.safetensors", 0, 8),
        ("model.safetensors", 8, len(weights) - 8),
    ]


def test_the_hub_s_index_is_enough() -> None:
    index = json.dumps({"metadata": {"total_size": 1234}}).encode()
    hub = FakeHub(config__json=json.dumps(PLAIN).encode(), model__safetensors__index__json=index)
    found = fetch_model("org/name", hub)
    assert found and found.checkpoint == Checkpoint(1234)


def test_a_hub_without_the_model() -> None:
    assert fetch_model("org/name", FakeHub()) is None
