"""Writing a tool's configuration, again, over a person's later changes, and taking it back."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from slipway.clients.base import FileChange
from slipway.clients.edits import backup_path
from slipway.clients.journal import Journal
from slipway.errors import UsageError

SETTINGS = '{\n  // mine\n  "theme": "dark"\n}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tool" / "settings.json"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "clients", "tool")


def change(path: Path, key: str = "sk-1") -> FileChange:
    return FileChange(path, {("env", "KEY"): key})


def write(journal: Journal, *changes: FileChange) -> list[Path]:
    return journal.write(journal.plan_write(changes))


def test_a_new_file_is_private_and_undo_removes_it(journal: Journal, path: Path) -> None:
    assert write(journal, change(path)) == []

    assert path.read_text() == '{\n  "env": {\n    "KEY": "sk-1"\n  }\n}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    journal.undo(journal.plan_undo())
    assert not path.exists()


def test_a_file_keeps_its_mode_its_comments_and_a_backup(journal: Journal, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(SETTINGS)
    path.chmod(0o640)

    assert write(journal, change(path)) == [backup_path(path)]

    assert path.read_text() == '{\n  // mine\n  "theme": "dark",\n  "env": {\n    "KEY": "sk-1"\n  }\n}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert backup_path(path).read_text() == SETTINGS


def test_the_same_again_changes_nothing(journal: Journal, path: Path) -> None:
    write(journal, change(path))

    assert journal.plan_write([change(path)]) == []


def test_undo_after_two_writes_gives_the_first_file(journal: Journal, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(SETTINGS)
    write(journal, change(path))
    write(journal, change(path, "sk-2"))
    assert "sk-2" in path.read_text()

    journal.undo(journal.plan_undo())

    assert path.read_text() == SETTINGS
    assert not backup_path(path).exists()
    with pytest.raises(UsageError, match="nothing to undo"):
        journal.plan_undo()


def test_undo_keeps_what_a_person_changed_since(journal: Journal, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(SETTINGS)
    write(journal, change(path))
    path.write_text(path.read_text().replace("// mine", "// still mine"))

    journal.undo(journal.plan_undo())

    assert path.read_text() == SETTINGS.replace("// mine", "// still mine")


def test_a_second_write_after_a_persons_change_can_still_be_undone(journal: Journal, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(SETTINGS)
    write(journal, change(path))
    path.write_text(path.read_text().replace("// mine", "// still mine"))
    write(journal, change(path, "sk-2"))

    journal.undo(journal.plan_undo())

    assert path.read_text() == SETTINGS.replace("// mine", "// still mine")


def test_undo_refuses_where_the_same_lines_were_changed(journal: Journal, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(SETTINGS)
    write(journal, change(path))
    path.write_text(path.read_text().replace("sk-1", "sk-mine"))

    with pytest.raises(UsageError, match="changed at the same place since") as caught:
        journal.plan_undo()

    assert caught.value.hint == f"{backup_path(path)} is the file as it was"


def test_a_linked_file_stays_a_link(journal: Journal, path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    (tmp_path / "dotfiles.json").write_text(SETTINGS)
    path.symlink_to(tmp_path / "dotfiles.json")

    write(journal, change(path))

    assert path.is_symlink()
    assert "sk-1" in (tmp_path / "dotfiles.json").read_text()


@pytest.mark.parametrize("text", ["{broken", '{"env": "text"}', "[1]"])
def test_a_file_that_cannot_be_changed_is_left_alone_and_named(journal: Journal, path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)

    with pytest.raises(UsageError, match=f"cannot change {path}: "):
        journal.plan_write([change(path)])
    assert path.read_text() == text


def test_a_read_only_file_is_left_alone(journal: Journal, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(SETTINGS)
    path.chmod(0o444)

    with pytest.raises(UsageError, match=f"cannot write {path}: it is read-only"):
        journal.plan_write([change(path)])


def test_windows_line_ends_stay(journal: Journal, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(SETTINGS.replace("\n", "\r\n").encode())

    write(journal, change(path))
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n") == 7
    journal.undo(journal.plan_undo())

    assert path.read_bytes() == SETTINGS.replace("\n", "\r\n").encode()


@pytest.mark.parametrize("kind", ["a folder in its place", "a file in place of its folder"])
def test_a_place_that_cannot_be_written_is_named(journal: Journal, path: Path, kind: str) -> None:
    if kind == "a folder in its place":
        path.mkdir(parents=True)
    else:
        path.parent.write_text("")

    with pytest.raises(UsageError, match=f"cannot (read|write) {path}: (Is|Not) a directory"):
        write(journal, change(path))


def test_a_note_that_cannot_be_read_is_named(journal: Journal, path: Path, tmp_path: Path) -> None:
    write(journal, change(path))
    note = tmp_path / "clients/tool.json"
    note.write_text("{broken")

    with pytest.raises(UsageError, match=f"cannot read {note}, Slipway's note of what it wrote: "):
        journal.plan_undo()
