"""OpenAI's SDK as the parts load it, against the same SDK as it is."""

from collections.abc import Callable
from typing import Any

from slipway.plan import Site
from tests.integration.sandbox import CHECKOUT


def test_each_name_of_the_sdk_is_the_same_thing_and_a_fraction_of_it_is_loaded(in_gateway: Callable[..., Any]) -> None:
    lazily = in_gateway("sdk_names", Site(root=str(CHECKOUT), generated="", secrets="").python_start)
    eagerly = in_gateway("sdk_names", "")

    assert len(lazily["names"]) > 1500
    assert lazily["names"] == eagerly["names"]
    assert lazily["loaded"] < eagerly["loaded"] / 2
