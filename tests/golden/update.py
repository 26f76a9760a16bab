"""Rewrites the golden files from what the code renders now: `python -m tests.golden.update`, then read `git diff`."""

from __future__ import annotations

import shutil

from tests.golden.rendering import GOLDEN, render_all


def main() -> None:
    rendered = render_all()
    for folder in GOLDEN.iterdir():
        if folder.is_dir() and folder.name not in rendered:
            shutil.rmtree(folder)
    for name, files in rendered.items():
        folder = GOLDEN / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
