"""Signs of progress: new log lines, and bytes in the model cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slipway.observe.progress import LogTail, bytes_in, cache_folder


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def test_only_what_is_new_is_read_and_only_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    append(path, b"before\n")
    tail = LogTail(path)
    assert tail.new_lines() == []
    append(path, b"one\ntw")
    assert tail.new_lines() == ["one"]
    append(path, b"o\n\n  \nthree\n")
    assert tail.new_lines() == ["two", "three"]
    assert tail.new_lines() == []


def test_a_character_that_comes_in_two_pieces_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    tail = LogTail(path)
    append(path, "Größe\n".encode()[:3])
    assert tail.new_lines() == []
    append(path, "Größe\n".encode()[3:])
    assert tail.new_lines() == ["Größe"]


def test_a_progress_bar_s_carriage_returns_end_lines(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    tail = LogTail(path)
    append(path, b"\r10%\r20%\r\n30%\r")
    assert tail.new_lines() == ["10%", "20%", "30%"]


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    tail = LogTail(path)
    append(path, b"a\xff\n")
    assert (tail.new_lines(), tail.last_lines(1)) == (["a\ufffd"], ["a\ufffd"])


def test_a_log_that_does_not_exist_yet_is_read_from_its_start(tmp_path: Path) -> None:
    tail = LogTail(tmp_path / "engine.log")
    assert (tail.new_lines(), tail.last_lines(5)) == ([], [])
    append(tmp_path / "engine.log", b"one\n")
    assert tail.new_lines() == ["one"]


def test_a_rotated_log_is_read_from_its_start_even_when_it_is_longer_already(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    append(path, b"a\n")
    tail = LogTail(path)
    append(path, b"half a li")
    assert tail.new_lines() == []
    path.rename(tmp_path / "engine.log.1")
    append(path, b"the first line of the next file\n")
    assert tail.new_lines() == ["the first line of the next file"]
    assert tail.last_lines(9) == ["the first line of the next file"]


def test_a_log_that_was_emptied_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    append(path, b"a long line\n")
    tail = LogTail(path)
    os.truncate(path, 0)
    append(path, b"new\n")
    assert tail.new_lines() == ["new"]


def test_the_last_lines_are_those_since_the_tail_was_made(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    append(path, b"old\n")
    tail = LogTail(path)
    append(path, b"one\n\ntwo\r\nthree\rfour, unfinished")
    assert tail.last_lines(3) == ["two", "three", "four, unfinished"]
    assert tail.last_lines(99) == ["one", "two", "three", "four, unfinished"]


@pytest.mark.parametrize(
    ("model", "environ", "folder"),
    [
        ("a/b", {"HF_HOME": "/hf"}, "/hf/hub/models--a--b/blobs"),
        ("a/b", {"HF_HUB_CACHE": "/cache", "HF_HOME": "/hf"}, "/cache/models--a--b/blobs"),
        ("a/b", {}, str(Path.home() / ".cache/huggingface/hub/models--a--b/blobs")),
    ],
)
def test_the_cache_of_a_model_is_where_hugging_face_keeps_it(model: str, environ: dict[str, str], folder: str) -> None:
    assert str(cache_folder(model, environ)) == folder


@pytest.mark.parametrize("model", ["/data/model", "./models/demo", "../x/y", "gpt2"])
def test_a_local_folder_has_no_cache(model: str) -> None:
    assert cache_folder(model, {}) is None


def test_the_bytes_of_a_folder_are_those_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b.incomplete").write_bytes(b"4567")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert (bytes_in(tmp_path), bytes_in(tmp_path / "none"), bytes_in(None)) == (7, 0, 0)
