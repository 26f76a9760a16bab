"""Signs of progress while an engine starts: new log lines, and bytes that arrive in the model cache."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class LogTail:
    """Reads what a growing log file has gained since the last look."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._start = self._offset
        self._rest = b""
        self._inode = path.stat().st_ino if path.exists() else 0

    def new_lines(self) -> list[str]:
        """Complete lines since the last call; a progress bar's carriage returns count as line ends."""
        try:
            with self._path.open("rb") as stream:
                status = os.fstat(stream.fileno())
                if status.st_ino != self._inode or status.st_size < self._offset:  # supervisord has begun a new file
                    self._start = self._offset = 0
                    self._rest, self._inode = b"", status.st_ino
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        return [line.decode(errors="replace") for line in lines if line.strip()]

    def last_lines(self, count: int) -> list[str]:
        """The last lines written since this object was made."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._start)
                text = stream.read().decode(errors="replace")
        except FileNotFoundError:
            return []
        return [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip()][-count:]


def cache_folder(model: str, environ: Mapping[str, str]) -> Path | None:
    """Where Hugging Face's library keeps this model's files; None for a local folder."""
    if model.startswith(("/", ".")) or "/" not in model:
        return None
    home = Path(environ.get("HF_HOME") or Path.home() / ".cache/huggingface")
    cache = Path(environ.get("HF_HUB_CACHE") or home / "hub")
    return cache / f"models--{model.replace('/', '--')}" / "blobs"


def bytes_in(folder: Path | None) -> int:
    """Bytes of all files in a folder, unfinished downloads included."""
    if folder is None or not folder.is_dir():
        return 0
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_size
        except OSError:  # renamed at this very moment
            continue
    return total
