"""Stacks in containers; scripts/with_docker.sh runs these tests, with an engine, Compose and the stand-in image at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import new_sandbox, programs, prototype, scratch
from tests.integration.docker_sandbox import DockerSandbox
from tests.integration.sandbox import Sandbox

__all__ = ["new_sandbox", "programs", "prototype", "scratch"]


@pytest.fixture
def new_stack(new_sandbox: Callable[..., Sandbox]) -> Callable[[], DockerSandbox]:
    """Each call gives another stack of the fake parts, in a checkout of its own."""

    def make() -> DockerSandbox:
        made = new_sandbox(kind=DockerSandbox)
        assert isinstance(made, DockerSandbox)
        made.prepare()
        return made

    return make


@pytest.fixture
def stack(new_stack: Callable[[], DockerSandbox]) -> DockerSandbox:
    return new_stack()


@pytest.fixture(scope="module")
def real(prototype: Path, scratch: Path) -> Iterator[DockerSandbox]:
    """The real parts with the demo model, launched once for the tests of a module, which take turns on it in their order."""
    made = DockerSandbox.in_copy_of(prototype, scratch)
    made.prepare(real=True)
    try:
        made.up("demo")
        yield made
    finally:
        made.close()
