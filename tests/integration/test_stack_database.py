"""A PostgreSQL that is not Slipway's."""

from __future__ import annotations

import shutil

import psycopg

from .sandbox import Sandbox


def test_an_external_database_is_migrated_and_used_instead_of_an_own_one(sandbox: Sandbox, postgres_url: str) -> None:
    shutil.rmtree(sandbox.paths.data)
    env = {"DATABASE_URL": postgres_url}
    sandbox.up(env=env)
    assert sandbox.states() == {"engine": "ready", "gateway": "ready"}
    assert sandbox.database_url() == postgres_url
    assert not (sandbox.paths.data / "postgres").exists()
    assert sandbox.up(env=env).stdout.startswith("\ntiny was running already")
    sandbox.call("down", "--volumes")
    sandbox.check_nothing_left()
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT migration_name FROM _prisma_migrations ORDER BY 1").fetchall() == [("1_keys",), ("2_index",)]


def test_an_external_database_that_is_away_fails_the_launch(sandbox: Sandbox) -> None:
    url = "postgresql://nobody:pass-word@127.0.0.1:1/none?host=127.0.0.1"
    status, message = sandbox.fail("up", "tiny", env={"DATABASE_URL": url})
    assert status == 1
    assert message.startswith("error: cannot migrate the database: ")
    assert "pass-word" not in message
    sandbox.check_nothing_left()


def test_a_stack_moves_between_its_own_and_an_external_database(sandbox: Sandbox, postgres_url: str) -> None:
    sandbox.up()
    sandbox.up(env={"DATABASE_URL": postgres_url})
    assert sandbox.states() == {"engine": "ready", "gateway": "ready"}
    sandbox.up()
    assert sandbox.states() == {"database": "ready", "engine": "ready", "gateway": "ready"}
    assert sandbox.chat().ok
