#!/usr/bin/env python3
"""Draws docs/launch.svg, the README's picture, from docs/launch.ansi: what a launch left on a terminal.

`--capture` launches the demo model first, in a pseudo-terminal, and keeps what it shows; stop a running stack before that.
Run it with Slipway's own Python: .slipway/envs/launcher/bin/python scripts/draw_launch.py
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
SCREEN, PICTURE = ROOT / "docs/launch.ansi", ROOT / "docs/launch.svg"
COLUMNS, ROWS = 128, 50
COMMAND = "MODEL=demo ./runMe.sh"

_TOKEN = re.compile(
    r"""
    (?P<colour> \x1b\[[0-9;]*m )
    | \x1b\[ (?P<up> \d* ) A
    | (?P<erase> \x1b\[2K )
    | \x1b\[ [?0-9;]* [A-Za-z]  # cursor shown or hidden: nothing that a picture shows
    | (?P<end> \n ) | \r
    | (?P<text> [^\x1b\r\n]+ )
    """,
    re.VERBOSE,
)


def capture_launch() -> str:
    """Launch the demo model in a pseudo-terminal; gives everything written to it. Raises CalledProcessError."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environ = {**os.environ, "MODEL": "demo", "TERM": "xterm-256color"}
    process = subprocess.Popen([ROOT / "runMe.sh"], cwd=ROOT, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # how Linux says that the other side is closed
            break
        written += part
    os.close(ours)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, COMMAND, written.decode(errors="replace"))
    return written.decode(errors="replace")


def fold_screen(written: str) -> str:
    """What a terminal shows in the end: rich moves up, erases and writes its lines again."""
    lines, row = [""], 0
    for token in _TOKEN.finditer(written):
        if token["up"] is not None:
            row = max(0, row - int(token["up"] or 1))
        elif token["erase"]:
            lines[row] = ""
        elif token["end"]:
            row += 1
            if row == len(lines):
                lines.append("")
        else:
            lines[row] += token["colour"] or token["text"] or ""
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def draw_picture(screen: str) -> str:
    """The screen as SVG, below the command that was typed."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "dim"), (COMMAND, "bold")))
    console.print(Text.from_ansi(screen.rstrip("\n")), soft_wrap=True)
    # without the web fonts: a picture in a README loads nothing, and falls back to the reader's own
    layout = re.sub(r"@font-face \{\{.*?\}\}\n\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title="Slipway", code_format=layout, unique_id="launch")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw the README's picture of a launch.")
    parser.add_argument("--capture", action="store_true", help="launch the demo model and keep what it shows")
    if parser.parse_args().capture:
        try:
            SCREEN.write_text(fold_screen(capture_launch()), encoding="utf-8")
        except subprocess.CalledProcessError as error:
            print(f"{error.output}\nthe launch failed with status {error.returncode}", file=sys.stderr)
            return 1
    PICTURE.write_text(draw_picture(SCREEN.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
