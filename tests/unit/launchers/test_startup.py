"""Waiting for parts: readiness, death, restarts, stalls and progress, with a scripted supervisor and clock."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from slipway.engines.vllm import ENGINE
from slipway.errors import LaunchError
from slipway.launchers.base import Program
from slipway.launchers.startup import Watch, look_at_engine
from slipway.observe.progress import LogTail

RUNNING = Program("engine", "RUNNING", 100, 0.0, "pid 100, uptime 0:00:01")


@dataclass
class FakeClock:
    """Time passes only in sleep(); `script` says what happens at which second."""

    now: float = 0.0
    script: dict[float, Callable[[], None]] = field(default_factory=dict)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        before, self.now = self.now, self.now + seconds
        for moment, action in self.script.items():
            if before < moment <= self.now:
                action()


@dataclass
class FakeSupervisor:
    """Says about its one program what it was last told."""

    program: Program = RUNNING

    def programs(self) -> dict[str, Program]:
        return {self.program.name: self.program}


@dataclass
class FakePhase:
    updates: list[tuple[str, int, int]] = field(default_factory=list)

    def update(self, text: str = "", done: int = 0, total: int = 0) -> None:
        self.updates.append((text, done, total))


@dataclass
class Scene:
    """A watch of one engine with everything around it faked."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    supervisor: FakeSupervisor = field(default_factory=FakeSupervisor)
    phase: FakePhase = field(default_factory=FakePhase)
    stall: float = 30.0

    def watch(self, cache: Path | None = None) -> Watch:
        watch = Watch(self.supervisor, lambda part: LogTail(self.folder / f"{part}.log"), self.stall, self.clock)
        watch.add("engine", look_at_engine(self.phase, ENGINE.read_sign, cache, self.clock))
        return watch

    def log(self, text: str) -> None:
        with (self.folder / "engine.log").open("a") as stream:
            stream.write(text)

    def at(self, moment: float, action: Callable[[], None]) -> None:
        self.clock.script[moment] = action

    def becomes(self, **changes: object) -> Callable[[], None]:
        def change() -> None:
            self.supervisor.program = replace(RUNNING, **changes)  # type: ignore[arg-type]

        return change


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def grow(path: Path, size: int) -> None:
    path.touch()
    os.truncate(path, size)


def never() -> bool:
    return False


def test_a_part_that_becomes_ready_is_waited_for_and_no_longer(scene: Scene) -> None:
    scene.watch().wait("engine", lambda: scene.clock.now >= 5)
    assert scene.clock.now == pytest.approx(5, abs=0.11)


def test_a_part_that_dies_fails_at_once_with_its_last_lines_and_the_likely_cause(scene: Scene) -> None:
    watch = scene.watch()

    def die() -> None:
        scene.log("INFO Starting to load model a/b...\nTraceback:\n  File x\ntorch.OutOfMemoryError: CUDA out of memory.\n")
        scene.becomes(state="EXITED", pid=0, description="exited with 1")()

    scene.at(2, die)
    with pytest.raises(LaunchError) as caught:
        watch.wait("engine", never)
    assert scene.clock.now == pytest.approx(2, abs=0.11)
    assert caught.value.message == (
        f"the engine died while loading weights (exited with 1); the last lines of {scene.folder}/engine.log:\n"
        "  | INFO Starting to load model a/b...\n  | Traceback:\n  |   File x\n  | torch.OutOfMemoryError: CUDA out of memory."
    )
    assert caught.value.hint == (
        "likely cause: not enough memory: lower --max-model-len or GPU_MEMORY_UTILIZATION, or choose a smaller model"
    )


@pytest.mark.parametrize("state", ["EXITED", "FATAL", "BACKOFF", "UNKNOWN"])
def test_a_death_without_a_word_points_to_the_log(scene: Scene, state: str) -> None:
    watch = scene.watch()
    scene.at(1, scene.becomes(state=state, pid=0, description=""))
    with pytest.raises(LaunchError) as caught:
        watch.wait("engine", never)
    assert caught.value.message == f"the engine died ({state.lower()}); the last lines of {scene.folder}/engine.log:\n  | (nothing)"
    assert caught.value.hint == "the whole log: ./runMe.sh logs engine"


def test_a_part_that_runs_again_under_another_process_id_has_died(scene: Scene) -> None:
    watch = scene.watch()
    scene.at(1, scene.becomes(pid=101, description="pid 101, uptime 0:00:00"))
    with pytest.raises(LaunchError) as caught:
        watch.wait("engine", never)
    assert caught.value.message.startswith("the engine died (pid 101, uptime 0:00:00); ")


def test_a_part_that_dies_at_the_moment_it_is_ready_has_died(scene: Scene) -> None:
    watch = scene.watch()
    watch.check()
    scene.becomes(state="EXITED", pid=0, description="exited with 1")()
    with pytest.raises(LaunchError):
        watch.wait("engine", lambda: True)


def test_a_start_without_any_sign_of_progress_is_given_up(scene: Scene) -> None:
    watch = scene.watch()
    scene.at(1, lambda: scene.log("INFO Starting to load model a/b...\n"))
    with pytest.raises(LaunchError) as caught:
        watch.wait("engine", never)
    assert scene.clock.now == pytest.approx(31, abs=0.3)
    assert caught.value.message == (
        f"the engine has shown no progress for 30 s while loading weights; the last lines of {scene.folder}/engine.log:\n"
        "  | INFO Starting to load model a/b..."
    )
    assert caught.value.hint == "START_STALL_TIMEOUT sets this limit"


def test_log_lines_keep_a_slow_start_alive(scene: Scene) -> None:
    watch = scene.watch()
    for moment in range(20, 200, 20):
        scene.at(moment, lambda: scene.log("Capturing CUDA graphs: 1%| | 1/51 [\r"))
    watch.wait("engine", lambda: scene.clock.now >= 200)


def test_bytes_in_the_model_cache_keep_a_silent_download_alive(scene: Scene) -> None:
    cache = scene.folder / "blobs"
    cache.mkdir()
    grow(cache / "before", 50_000_000)
    watch = scene.watch(cache)
    part = cache / "x.incomplete"
    for moment in (20, 40, 60):
        scene.at(moment, lambda size=moment: grow(part, size * 1_000_000))  # type: ignore[misc]
    watch.wait("engine", lambda: scene.clock.now >= 80)
    assert scene.phase.updates == [(f"downloading the model: 0.0{count} GB so far", 0, 0) for count in (2, 4, 6)]
    assert watch.parts["engine"].phase == "downloading the model"


def test_a_download_that_stops_is_given_up_and_named(scene: Scene) -> None:
    cache = scene.folder / "blobs"
    cache.mkdir()
    watch = scene.watch(cache)
    scene.at(10, lambda: grow(cache / "x", 10_000_000))
    with pytest.raises(LaunchError) as caught:
        watch.wait("engine", never)
    assert caught.value.message.startswith("the engine has shown no progress for 30 s while downloading the model; ")
    assert scene.clock.now == pytest.approx(41, abs=1.5)


def test_the_engine_s_phases_are_shown_with_their_counts(scene: Scene) -> None:
    watch = scene.watch()
    scene.log("noise\nINFO Resolved architecture: X\nLoading safetensors checkpoint shards:  50% Completed | 1/2 [00:00<00:00, 1it/s]\n")
    watch.check()
    assert scene.phase.updates == [("reading the model's configuration", 0, 0), ("loading weights", 1, 2)]


def test_lines_from_before_the_watch_are_not_its_part_s(scene: Scene) -> None:
    scene.log("INFO Starting to load model old\nCUDA out of memory\n")
    watch = scene.watch()
    scene.at(1, scene.becomes(state="FATAL", pid=0, description="gone"))
    with pytest.raises(LaunchError) as caught:
        watch.wait("engine", never)
    assert caught.value.message == f"the engine died (gone); the last lines of {scene.folder}/engine.log:\n  | (nothing)"


def test_the_frames_of_a_wrapper_after_the_error_do_not_push_it_out(scene: Scene) -> None:
    watch = scene.watch()
    lines = [f"before {number}" for number in range(30)] + ["ValueError: the reason"] + [f"after {number}" for number in range(30)]
    scene.log("\n".join(lines) + "\n")
    scene.becomes(state="EXITED", pid=0, description="exited with 1")()
    with pytest.raises(LaunchError) as caught:
        watch.check()
    shown = [line.removeprefix("  | ") for line in caught.value.message.splitlines()[1:]]
    assert shown == [
        *(f"before {number}" for number in range(20, 30)),
        "ValueError: the reason",
        *(f"after {number}" for number in range(4)),
    ]
