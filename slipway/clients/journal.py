"""Writes a tool's configuration files, and keeps what is needed to take the change back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from slipway.clients.base import FileChange
from slipway.clients.edits import backup_path, changed_text, undone_text
from slipway.errors import UsageError
from slipway.render import write_atomically

_NEW_FILE_MODE = 0o600  # the file holds a key


@dataclass(frozen=True)
class Entry:
    """One file: `before` any change of ours (None: it was not there), and `after` it."""

    path: str
    before: str | None
    after: str


@dataclass(frozen=True)
class Step:
    """One file to write: what it holds `now` and what it shall hold; None stands for no file."""

    path: Path
    now: str | None
    then: str | None
    before: str | None = None


class Journal:
    """The changes made to one tool's files, in a file that only its owner can read."""

    def __init__(self, folder: Path, client: str) -> None:
        self._path = folder / f"{client}.json"

    def plan_write(self, changes: Sequence[FileChange]) -> list[Step]:
        """The files that have to change. Raises UsageError where one cannot be changed safely."""
        written = {entry.path: entry for entry in self._entries()}
        steps = []
        for change in changes:
            path = change.path.resolve()  # a linked file stays a link
            now, entry = _read(path), written.get(str(path))
            if now is not None and changed_text(change, now) == now:
                continue
            _check_writable(path)
            before = now if entry is None or now is None else _without(entry, now)
            steps.append(Step(path, now, changed_text(change, before), before))
        return steps

    def write(self, steps: Sequence[Step]) -> list[Path]:
        """Write the files; gives the backups."""
        kept = {entry.path: entry for entry in self._entries()}
        backups = []
        for step in steps:
            assert step.then is not None
            if step.before is not None:
                _write(backup_path(step.path), step.before, like=step.path)
                backups.append(backup_path(step.path))
            # first the note, so that a change that is on disk can always be taken back
            kept[str(step.path)] = Entry(str(step.path), step.before, step.then)
            self._note(list(kept.values()))
            _write(step.path, step.then, like=step.path)
        return backups

    def plan_undo(self) -> list[Step]:
        """What takes the changes back. Raises UsageError where there are none, or later changes are in the way."""
        entries = self._entries()
        if not entries:
            raise UsageError("there is nothing to undo: nothing was written for this tool")
        steps = []
        for entry in entries:
            path = Path(entry.path)
            now = _read(path)
            if now is not None and now != entry.before:
                _check_writable(path)
                steps.append(Step(path, now, undone_text(path, entry.before, entry.after, now)))
        return steps

    def undo(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if step.then is None:
                _remove(step.path)
            else:
                _write(step.path, step.then, like=step.path)
        for entry in self._entries():
            _remove(backup_path(Path(entry.path)))
        self._path.unlink()

    def _entries(self) -> list[Entry]:
        try:
            return [Entry(**entry) for entry in json.loads(self._path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f"cannot read {self._path}, Slipway's note of what it wrote: {error}", hint="move it away") from error

    def _note(self, entries: list[Entry]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self._path, json.dumps([asdict(entry) for entry in entries], indent=2) + "\n", 0o600)


def write_own(change: FileChange) -> None:
    """Write a file that is Slipway's alone: nothing of it is kept, and nothing is noted."""
    change.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(change.path, changed_text(change, None), like=change.path)


def _without(entry: Entry, now: str) -> str | None:
    """The file without what was written earlier; as it is where that cannot be told apart."""
    try:
        return undone_text(Path(entry.path), entry.before, entry.after, now)
    except UsageError:
        return now


def _read(path: Path) -> str | None:
    """With the file's own line ends."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is no UTF-8 text", hint="paste the settings by hand") from error


def _check_writable(path: Path) -> None:
    """Raises UsageError for a file that its owner has made read-only: to write aside and rename would pass over that."""
    if path.exists() and not path.stat().st_mode & 0o200:
        raise UsageError(f"cannot write {path}: it is read-only", hint=f"chmod u+w {path}, or paste the settings by hand")


def _write(path: Path, text: str, *, like: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text, like.stat().st_mode & 0o777 if like.exists() else _NEW_FILE_MODE)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", hint="paste the settings by hand") from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot remove {path}: {error.strerror}") from error
