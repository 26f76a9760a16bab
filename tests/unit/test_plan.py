"""The plan: routes, ports, images, and who may listen where with which key."""

from __future__ import annotations

import pytest

from slipway.engines import build_plan
from slipway.errors import ConfigError
from slipway.gateway.config import build_argv
from slipway.hardware import Hardware
from slipway.plan import SLIPWAY, Argument, EnginePlan, GatewayPlan, Plan, Route, Variable, check_exposure
from slipway.resolve import Setting, Source
from slipway.secrets import Secret
from slipway.settings import Typed
from tests.unit.building import SITE, configure, plan

MODEL = "description: A model\ncommand: vllm serve a/b\naliases: [small]\nlitellm: {top_k: 3}\n"


FILE, DEFAULT = "models/m.yml", Source("built-in default")


def setting(name: str, value: Typed, *shadowed: tuple[Typed, Source], source: Source = DEFAULT) -> Setting:
    return Setting(name, value, source, shadowed)


PARAMETERS = {
    "temperature": setting("LITELLM_TEMPERATURE", 0.7),
    "top_p": setting("LITELLM_TOP_P", 0.9),
    "top_k": setting("LITELLM_TOP_K", 3, (50, DEFAULT), source=Source(FILE, 4)),
    "repetition_penalty": setting("LITELLM_REPETITION_PENALTY", 1.1),
    "max_tokens": setting("LITELLM_MAX_TOKENS", 131072),
}


def test_a_plan_is_everything_that_will_run_and_where_it_came_from() -> None:
    engine = EnginePlan(
        name="engine",
        kind="vllm",
        arguments=(
            Argument("serve", ("vllm", "serve", "a/b"), Source(FILE, 2)),
            Argument("--gpu-memory-utilization", ("--gpu-memory-utilization", "0.75"), DEFAULT, "from GPU_MEMORY_UTILIZATION"),
            Argument("--host", ("--host", "127.0.0.1"), SLIPWAY, "the address where gateway and health checks look for the engine"),
            Argument("--port", ("--port", "8000"), DEFAULT, "from ENGINE_PORT"),
            Argument(
                "--served-model-name",
                ("--served-model-name", "m", "small", "vllm_agent"),
                SLIPWAY,
                "the names of the gateway's routes to it",
            ),
        ),
        variables=(
            Variable("PYTHONPATH", "/slipway/slipway/startup", SLIPWAY, "its sitecustomize.py makes imports quicker"),
            Variable("VLLM_NO_USAGE_STATS", "1", SLIPWAY, "nothing is reported to anyone"),
        ),
        secrets=("HF_TOKEN", "VLLM_API_KEY"),
        base_url="http://127.0.0.1:8000",
        served_names=("m", "small", "vllm_agent"),
    )
    assert plan(MODEL) == Plan(
        model="m",
        variant="base",
        recipe_path="models/m.yml",
        description="A model",
        device="cpu",
        engines=(engine,),
        gateway=GatewayPlan(
            host="127.0.0.1",
            port=4000,
            max_parallel_requests=16,
            request_timeout=3600,
            lane="on",
            routes=tuple(Route(name, name, "engine", "http://127.0.0.1:8000/v1", PARAMETERS) for name in ("m", "small", "vllm_agent")),
        ),
        images={
            "ENGINE_IMAGE": "vllm/vllm-openai-cpu:v0.32.0",
            "GATEWAY_IMAGE": "ghcr.io/berriai/litellm:v1.106.2",
            "DATABASE_IMAGE": "postgres:16",
        },
    )


def test_a_profile_is_a_route_per_name_with_its_own_sampling_over_the_file_s() -> None:
    text = MODEL + "profiles:\n  coding: {temperature: 0.6, chat_template_kwargs: {enable_thinking: false}}\n"
    routes = plan(text, overrides=["top_p=0.5"]).gateway.routes
    plain = {"temperature": 0.7, "top_p": 0.5, "top_k": 3, "repetition_penalty": 1.1, "max_tokens": 131072}
    coding = {**plain, "temperature": 0.6, "chat_template_kwargs": {"enable_thinking": False}}
    assert [(route.name, route.served_name, route.profile, route.defaults) for route in routes] == [
        *((name, name, "", plain) for name in ("m", "small", "vllm_agent")),
        *((f"{name}:coding", f"{name}:coding", "coding", coding) for name in ("m", "small", "vllm_agent")),
    ]
    temperature = routes[-1].parameters["temperature"]
    assert (str(temperature.source), [str(source) for _, source in temperature.shadowed]) == ("models/m.yml:6", ["built-in default"])


def test_the_environment_and_the_command_line_beat_a_profile_too() -> None:
    text = MODEL + "profiles: {coding: {temperature: 0.6, top_k: 4, min_p: 0.1}}\n"
    routes = plan(text, vars_env="LITELLM_MIN_P=0.2\n", overrides=["temperature=0.1"]).gateway.routes
    assert {key: routes[-1].defaults[key] for key in ("temperature", "top_k", "min_p")} == {"temperature": 0.1, "top_k": 4, "min_p": 0.1}
    assert routes[0].defaults["min_p"] == 0.2


def test_an_emptied_sampling_default_is_not_applied() -> None:
    routes = plan(MODEL, overrides=["top_p=", "repetition_penalty="]).gateway.routes
    assert routes[0].defaults == {"temperature": 0.7, "top_k": 3, "max_tokens": 131072}


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:4000"),
        ("0.0.0.0", "http://127.0.0.1:4000"),
        ("::", "http://127.0.0.1:4000"),
        ("::1", "http://[::1]:4000"),
        ("192.168.0.7", "http://192.168.0.7:4000"),
        ("localhost", "http://localhost:4000"),
    ],
)
def test_a_client_on_this_machine_gets_an_address_that_it_can_reach(host: str, url: str) -> None:
    assert plan(MODEL, overrides=[f"GATEWAY_HOST={host}"]).gateway.url == url


@pytest.mark.parametrize(
    ("vars_env", "overrides", "message"),
    [
        ("", ["ENGINE_PORT=4000"], "built-in default: gateway and engine cannot both use port 4000"),
        ("\nGATEWAY_PORT=8000\n", [], "vars.env:2: gateway and engine cannot both use port 8000"),
    ],
)
def test_gateway_and_engine_cannot_share_a_port(vars_env: str, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(MODEL, vars_env=vars_env, overrides=overrides)
    assert caught.value.message == message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_loopback_may_be_opened_with_the_default_key(host: str) -> None:
    check_exposure(configure(MODEL, overrides=[f"GATEWAY_HOST={host}"]).settings, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "::1234", "127.evil.example", "localhost.evil.example", "box"])
@pytest.mark.parametrize("secrets", [{}, {"LITELLM_MASTER_KEY": Secret("sk-FAKE")}])
def test_any_other_address_is_refused_with_the_default_key(host: str, secrets: dict[str, Secret]) -> None:
    settings = configure(MODEL, vars_env=f"\nGATEWAY_HOST={host}\n").settings
    with pytest.raises(ConfigError) as caught:
        check_exposure(settings, secrets)
    assert caught.value.message == (
        f"vars.env:2: GATEWAY_HOST={host} opens the gateway to others, and its key is sk-FAKE "
        "(put a key of your own that starts with sk- into secrets/LITELLM_MASTER_KEY)"
    )


def test_any_address_may_be_opened_with_a_key_of_one_s_own() -> None:
    settings = configure(MODEL, overrides=["GATEWAY_HOST=0.0.0.0"]).settings
    check_exposure(settings, {"LITELLM_MASTER_KEY": Secret("sk-mine")})


@pytest.mark.parametrize(
    ("overrides", "workers"),
    [
        ([], 1),
        (["MAX_PARALLEL_REQUESTS=128"], 1),
        (["MAX_PARALLEL_REQUESTS=129"], 2),
        (["MAX_PARALLEL_REQUESTS=100000"], 4),
        (["MAX_PARALLEL_REQUESTS=129", "GATEWAY_WORKERS=1"], 1),
        (["GATEWAY_WORKERS=3"], 3),
    ],
)
def test_the_gateway_has_as_many_workers_as_its_streams_need(overrides: list[str], workers: int) -> None:
    gateway = plan(MODEL, overrides=overrides).gateway

    assert gateway.workers == workers
    flag = ("--num_workers", str(workers)) if workers > 1 else ()
    assert build_argv("litellm", gateway, "c")[7:] == flag


@pytest.mark.parametrize(("cores", "workers"), [(0, 4), (1, 1), (2, 1), (7, 3), (64, 4)])
def test_the_gateway_s_workers_leave_half_of_the_cores_to_the_engine(cores: int, workers: int) -> None:
    configuration = configure(MODEL, overrides=["MAX_PARALLEL_REQUESTS=100000"])

    assert build_plan(configuration, Hardware("cuda", 1, cores=cores), SITE).gateway.workers == workers
