"""The parts' logs: the last lines, then what is added."""

from __future__ import annotations

from pathlib import Path

from slipway.observe.logs import read_logs


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.log"
    path.write_text(text)
    return path


def test_one_part_s_last_lines_come_without_its_name(tmp_path: Path) -> None:
    files = {"engine": write(tmp_path, "engine", "one\ntwo\nthree\n")}
    assert list(read_logs(files, lines=2, follow=False)) == ["two", "three"]
    assert list(read_logs(files, lines=0, follow=False)) == []


def test_several_parts_lines_carry_their_names(tmp_path: Path) -> None:
    files = {"database": write(tmp_path, "database", "a\n"), "engine": write(tmp_path, "engine", "b\nc\n")}
    assert list(read_logs(files, lines=9, follow=False)) == ["database | a", "engine   | b", "engine   | c"]


def test_no_parts_have_no_lines() -> None:
    assert list(read_logs({}, lines=9, follow=False)) == []


def test_following_goes_on_with_what_is_added(tmp_path: Path) -> None:
    path = write(tmp_path, "engine", "one\n")
    lines = read_logs({"engine": path}, lines=9, follow=True)
    assert next(lines) == "one"
    with path.open("a") as stream:
        stream.write("two\nthree\n")
    assert (next(lines), next(lines)) == ("two", "three")
