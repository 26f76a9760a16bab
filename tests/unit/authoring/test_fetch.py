"""Texts from files and over HTTP, from a real server on this machine, and every way in which that fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.authoring.fetch import NotFoundError, fetch, read_text
from slipway.errors import SlipwayError, UsageError
from slipway.secrets import Secret
from tests.unit.authoring.serving import Handler, serve


class Pages(Handler):
    def do_GET(self) -> None:
        status, body = {"/recipe.yaml": (200, "model: größe\n".encode()), "/secret": (401, b""), "/latin": (200, b"\xe9")}.get(
            self.path, (404, b"")
        )
        if self.path == "/me" and self.headers["Authorization"] == "Bearer x":
            status, body = 200, b"you"
        if self.path == "/recipe.yaml" and self.headers["Range"]:
            start, end = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            status, body = 206, body[start : end + 1]
        self.answer(status, body)


@pytest.fixture
def server() -> Iterator[str]:
    with serve(Pages) as address:
        yield address


def test_a_text_is_read_over_http(server: str) -> None:
    assert read_text(f"{server}/recipe.yaml") == "model: größe\n"


def test_a_part_of_a_file_is_read_alone(server: str) -> None:
    assert fetch(f"{server}/recipe.yaml", start=2, length=3) == b"del"
    assert fetch(f"{server}/latin", length=1) == b"\xe9"
    with pytest.raises(SlipwayError, match="the server does not give parts of files"):
        fetch(f"{server}/latin", start=1, length=1)


def test_a_token_is_sent(server: str) -> None:
    assert fetch(f"{server}/me", token=Secret("x")) == b"you"


def test_a_page_that_is_not_there_is_its_own_error(server: str) -> None:
    with pytest.raises(NotFoundError, match=r"/nope does not exist \(404\)"):
        read_text(f"{server}/nope")


def test_a_refusal_says_what_may_be_missing(server: str) -> None:
    with pytest.raises(SlipwayError, match="/secret answers 401 Unauthorized") as caught:
        read_text(f"{server}/secret")
    assert caught.value.hint == "put a token that may read it into secrets/HF_TOKEN, and accept the model's licence"


def test_a_text_that_is_none_is_said_to_be(server: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="/latin is not UTF-8 text"):
        read_text(f"{server}/latin")
    (tmp_path / "x").write_bytes(b"\xe9")
    with pytest.raises(UsageError, match="x is not UTF-8 text"):
        read_text(str(tmp_path / "x"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://[::1/x", "https://no such host/x"])
def test_an_address_that_answers_nothing_is_an_error_with_a_hint(url: str) -> None:
    with pytest.raises(SlipwayError, match="cannot be read") as caught:
        read_text(url)
    assert caught.value.hint == "is this machine on a network that reaches it?"


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no file .*nope"):
        read_text(str(tmp_path / "nope"))
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_text(str(tmp_path))
