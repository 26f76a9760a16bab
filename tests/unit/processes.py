"""Waits for processes that are not this one's children."""

from __future__ import annotations

import os
import select


def ends(pid: int) -> bool:
    """Whether a process is gone, or goes within the next seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(handle):
        return bool(select.select([handle], [], [], 10)[0])
