"""What supervisord and the parts' own health checks say about a local stack."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from slipway.launchers.base import PartStatus, Program, StackStatus
from slipway.launchers.supervisor import Supervisor
from slipway.observe.health import engine_ready, gateway_ready


def read_status(state: Mapping[str, Any], supervisor: Supervisor, run: Path) -> StackStatus:
    """`state` is the running stack's own stack.json, or empty; `run` holds the parts' pid files."""
    if not state:
        return StackStatus("", "local", ())
    alive = supervisor.alive()
    programs = supervisor.programs() if alive else {name: _unsupervised(name, run) for name in state["parts"]}
    parts = [_part(programs[name], state) for name in state["parts"]]
    if not alive:
        parts.append(PartStatus("supervisor", "failed", detail="supervisord is gone: nothing restarts the parts; launch again to heal"))
    return StackStatus(state["model"], "local", tuple(parts))


def _unsupervised(name: str, run: Path) -> Program:
    """What the pid file of a part says when supervisord is gone."""
    try:
        process = psutil.Process(int((run / f"{name}.pid").read_text()))
        return Program(name, "RUNNING", process.pid, process.create_time(), "")
    except (OSError, ValueError, psutil.Error):
        return Program(name, "STOPPED", 0, 0.0, "")


def _part(program: Program, state: Mapping[str, Any]) -> PartStatus:
    name = program.name
    address = state["engines"].get(name) or (state["gateway"] if name == "gateway" else "unix socket")
    if program.state in ("STOPPED", "STOPPING"):
        return PartStatus(name, "stopped", address=address)
    if program.dead:
        return PartStatus(name, "failed", address=address, detail=f"{program.description}; it is started again")
    return PartStatus(
        part=name,
        state="ready" if _ready(name, address) else "starting",
        pid=program.pid,
        address=address,
        uptime=max(0.0, time.time() - program.started),
        memory=memory_of(program.pid),
    )


def _ready(name: str, address: str) -> bool:
    if name == "gateway":
        return gateway_ready(address)
    return engine_ready(address) if address.startswith("http") else True


def memory_of(pid: int) -> int:
    """Bytes held by a process and its children; memory they share counts once where this user may see it."""
    total = 0
    try:
        leader = psutil.Process(pid)
        processes = [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.AccessDenied:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total
