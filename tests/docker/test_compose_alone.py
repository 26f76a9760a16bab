"""docker-compose.yml without Slipway's launcher, two stacks on one machine, and derived images."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.docker_sandbox import DockerSandbox, docker
from tests.integration.sandbox import wait_until


def test_plain_compose_launches_switches_and_stops(stack: DockerSandbox) -> None:
    stack.write_settings()
    (stack.root / "vars.local.env").unlink()
    stack.compose("up", "--detach", env={"MODEL": "tiny"})
    stack.wait_ready()
    assert (stack.status()["model"], stack.chat().status) == ("tiny", 200)
    bounded = {"Type": "json-file", "Config": {"max-size": "20m", "max-file": "5"}}
    assert [stack.inspect(part)["HostConfig"]["LogConfig"] for part in ("engine", "gateway", "database")] == [bounded] * 3
    stack.compose("up", "--detach", env={"MODEL": "other"})
    wait_until(lambda: stack.chat(model="other").status == 200, "the other model answers")
    assert stack.chat(model="tiny").status == 404
    stack.compose("down")
    assert stack.volumes() == ["database_key", "generated", "postgres_data", "vllm_cache"]


def test_two_stacks_do_not_touch_each_other(new_stack: Callable[[], DockerSandbox]) -> None:
    one, two = new_stack(), new_stack()
    one.up("tiny")
    before = one.pids()
    two.up("other")
    assert [one.chat(model="tiny").status, one.chat(model="other").status, two.chat(model="other").status] == [200, 404, 200]
    assert two.call("down", "--volumes").status == 0
    two.check_nothing_left()
    assert (one.pids(), one.chat().status) == (before, 200)


def test_extra_packages_are_built_into_an_image_once(stack: DockerSandbox) -> None:
    stack.write_model("packed", more="extra_packages: [iniconfig==2.1.0]\n")
    (image,) = (line.split()[-1] for line in stack.call("render", "packed").stdout.splitlines() if line.startswith("# vllm-node: "))
    assert image.startswith("slipway-engine:")
    try:
        stack.up("packed")
        assert stack.inspect("engine")["Config"]["Image"] == image
        assert docker("run", "--rm", "--entrypoint", "python3", image, "-c", "import iniconfig; print('there')") == "there"
        made = docker("image", "inspect", "--format", "{{.Id}}", image)
        stack.call("down")
        assert stack.call("prepare", "packed").status == 0
        assert docker("image", "inspect", "--format", "{{.Id}}", image) == made
    finally:
        stack.call("down")
        docker("rmi", "--force", image, check=False)


def test_an_image_in_the_model_file_is_the_one_that_runs(stack: DockerSandbox) -> None:
    own = "slipway-test/own:1"
    # an image in the environment would win over the file's
    docker("tag", stack.environ.pop("ENGINE_IMAGE_CPU"), own)
    stack.write_model("special", more=f"image: {own}\n")
    stack.up("special")
    assert stack.inspect("engine")["Config"]["Image"] == own
