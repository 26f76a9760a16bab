"""The spellings of vLLM's flags: one flag has one name, however it is written."""

from __future__ import annotations

# The other spellings of a flag, so that `-tp 2 --tensor-parallel-size 4` is seen as the same flag twice. A test compares them
# with the argument schemas of every vLLM version in engines/schemas/.
OTHER_SPELLINGS = {
    "-ac": "--attention-config",
    "-asc": "--api-server-count",
    "-cc": "--compilation-config",
    "-dc": "--diffusion-config",
    "-dcp": "--decode-context-parallel-size",
    "-dp": "--data-parallel-size",
    "-dpa": "--data-parallel-address",
    "-dpb": "--data-parallel-backend",
    "-dpe": "--data-parallel-external-lb",
    "-dph": "--data-parallel-hybrid-lb",
    "-dpl": "--data-parallel-size-local",
    "-dpm": "--data-parallel-multi-port-external-lb",
    "-dpn": "--data-parallel-rank",
    "-dpp": "--data-parallel-rpc-port",
    "-dpr": "--data-parallel-start-rank",
    "-ep": "--enable-expert-parallel",
    "-h": "--help",
    "-n": "--nnodes",
    "-O": "--optimization-level",
    "-pcp": "--prefill-context-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-q": "--quantization",
    "-r": "--node-rank",
    "-sc": "--speculative-config",
    "-tp": "--tensor-parallel-size",
    "--device-memory-utilization": "--gpu-memory-utilization",
}


def canonical_name(token: str) -> str:
    """The long name of a flag: `--max_model_len=8` and `--max-model-len` are the same, `-tp` is a short form.

    A dot begins a key inside the flag's JSON value, as in `-cc.mode=3`, and stays as it is.
    """
    return _name_and_value(token)[0]


def inline_value(token: str) -> str | None:
    """The value that stands in the same word as its flag, as in `--seed=1` and `-O3`; None where there is none."""
    return _name_and_value(token)[1]


def _name_and_value(token: str) -> tuple[str, str | None]:
    spelling, equals, value = token.partition("=")
    if spelling.startswith("-O") and spelling[2:] and "." not in spelling:
        return OTHER_SPELLINGS["-O"], spelling[2:]
    head, dot, tail = spelling.partition(".")
    if head.startswith("--"):
        head = "--" + head[2:].replace("_", "-")
    return OTHER_SPELLINGS.get(head, head) + dot + tail, value if equals else None


def base_name(name: str) -> str:
    """A canonical name without its negation: `--no-x` is the other side of `--x`."""
    return "--" + name[5:] if name.startswith("--no-") else name
