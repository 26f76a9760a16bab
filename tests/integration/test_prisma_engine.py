"""The query engine's stand-in, driven by the real prisma-client-py with LiteLLM's schema on a real PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.database.migrations import apply_migrations

Run = Callable[..., object]

# What every script starts from: a connected client `db`, and `answer` to print.
PROLOGUE = """
import asyncio, datetime, json, os, sys
from prisma import Json, Prisma, errors

async def main(db):
{body}

async def connected():
    db = Prisma()
    await db.connect()
    try:
        print("ANSWER " + json.dumps(await main(db), default=str), flush=True)
    finally:
        await db.disconnect()

asyncio.run(connected())
"""


@pytest.fixture
def environment(postgres_url: str, gateway_python: Path, prisma_dir: Path) -> dict[str, str]:
    (migrations,) = gateway_python.parent.parent.glob("lib/python3*/site-packages/litellm_proxy_extras/migrations")
    apply_migrations(postgres_url, migrations)
    return {
        **os.environ,
        "DATABASE_URL": postgres_url,
        "PRISMA_QUERY_ENGINE_BINARY": str(prisma_dir / "query_engine.mjs"),
    }


@pytest.fixture
def start(environment: dict[str, str], gateway_python: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a script; its body is an async function of `db`, and what it returns is printed."""

    def start_script(body: str) -> subprocess.Popen[str]:
        script = PROLOGUE.format(body=textwrap.indent(textwrap.dedent(body), "    "))
        return subprocess.Popen(
            [str(gateway_python), "-c", script],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start_script


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[str]]) -> Run:
    def run_script(body: str) -> object:
        stdout, stderr = start(body).communicate(timeout=60)
        answers = [line.removeprefix("ANSWER ") for line in stdout.splitlines() if line.startswith("ANSWER ")]
        assert answers, stderr
        return json.loads(answers[0])

    return run_script


def test_version_is_the_one_the_client_expects(prisma_dir: Path) -> None:
    output = subprocess.run([prisma_dir / "query_engine.mjs", "--version"], capture_output=True, text=True, check=True)
    assert output.stdout == "query-engine 393aa359c9ad4a4bb28630fb5613f9c281cde053\n"


def test_values_of_every_type_come_back_as_they_went(run: Run) -> None:
    assert run(
        """
        row = await db.litellm_verificationtoken.create(data={
            "token": "é😀\\n", "models": ["a", "b"], "spend": 1.5, "tpm_limit": 2**53 + 1, "blocked": None,
            "metadata": Json({"$type": "BigInt", "list": [1, None, "x"]}),
            "expires": datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, datetime.timezone.utc),
        })
        row = await db.litellm_verificationtoken.find_unique(where={"token": row.token})
        return [row.token, row.models, row.spend, row.tpm_limit, row.blocked, row.metadata, row.expires.isoformat()]
        """
    ) == [
        "é😀\n", ["a", "b"], 1.5, 2**53 + 1, None,
        {"$type": "BigInt", "list": [1, None, "x"]}, "2026-01-02T03:04:05.678000+00:00",
    ]  # fmt: skip


def test_finds_filter_sort_page_and_include(run: Run) -> None:
    assert run(
        """
        await db.litellm_budgettable.create(data={
            "budget_id": "b", "max_budget": 5, "created_by": "x", "updated_by": "x",
            "keys": {"create": [{"token": "k1", "metadata": Json({"n": 1})}, {"token": "k2"}, {"token": "k3"}]},
        })
        pages = await db.litellm_verificationtoken.find_many(
            where={"budget_id": "b"}, order=[{"spend": "asc"}, {"token": "desc"}], skip=1, take=2)
        matched = await db.litellm_verificationtoken.find_many(where={"metadata": {"equals": Json({"n": 1})}})
        negated = await db.litellm_verificationtoken.count(where={"NOT": [{"token": {"in": ["k1"]}}]})
        budget = await db.litellm_budgettable.find_unique(
            where={"budget_id": "b"}, include={"keys": {"where": {"token": {"not": "k1"}}, "order_by": {"token": "asc"}}})
        parent = await db.litellm_verificationtoken.find_first(
            where={"litellm_budget_table": {"is": {"max_budget": 5}}, "token": "k2"},
            include={"litellm_budget_table": True})
        return [[k.token for k in pages], [k.token for k in matched], negated, [k.token for k in budget.keys],
                parent.litellm_budget_table.budget_id]
        """
    ) == [["k2", "k1"], ["k1"], 2, ["k2", "k3"], "b"]


def test_writes_upsert_increment_and_skip_duplicates(run: Run) -> None:
    assert run(
        """
        keys = db.litellm_verificationtoken
        for _ in range(2):
            await keys.upsert(where={"token": "t"}, data={
                "create": {"token": "t", "metadata": Json({"made": True})},
                "update": {"spend": {"increment": 2.5}, "models": {"set": ["m"]}},
            })
        made = await keys.create_many(data=[{"token": "t"}, {"token": "u", "metadata": Json([1])}], skip_duplicates=True)
        changed = await keys.update_many(where={"token": {"startswith": "u"}}, data={"metadata": Json("text")})
        row, other = await keys.find_unique(where={"token": "t"}), await keys.find_unique(where={"token": "u"})
        deleted = await keys.delete_many(where={"token": "t"})
        return [made, changed, deleted, row.spend, row.models, row.metadata, other.metadata, await keys.count()]
        """
    ) == [1, 1, 1, 2.5, ["m"], {"made": True}, "text", 1]


def test_aggregates_group_and_count(run: Run) -> None:
    assert run(
        """
        keys = db.litellm_verificationtoken
        await keys.create_many(data=[
            {"token": "1", "team_id": "a", "spend": 1, "tpm_limit": 10},
            {"token": "2", "team_id": "a", "spend": 2, "tpm_limit": 2**53},
            {"token": "3", "team_id": "b", "spend": 4},
        ])
        groups = await keys.group_by(by=["team_id"], sum={"spend": True, "tpm_limit": True}, count=True,
                                     order={"team_id": "asc"}, having={"spend": {"_sum": {"gt": 1}}})
        return [groups, await keys.count(where={"team_id": "a"})]
        """
    ) == [
        [
            {"team_id": "a", "_sum": {"spend": 3, "tpm_limit": str(2**53 + 10)}, "_count": {"_all": 2}},
            {"team_id": "b", "_sum": {"spend": 4, "tpm_limit": None}, "_count": {"_all": 1}},
        ],
        2,
    ]


def test_raw_queries_take_parameters_and_give_typed_columns(run: Run) -> None:
    assert run(
        """
        await db.execute_raw('INSERT INTO "LiteLLM_VerificationToken" (token, metadata, expires, spend) '
            "VALUES ($1, $2::jsonb, $3::timestamp, $4)", "t", json.dumps({"$type": "x"}), "2026-01-02T03:04:05Z", 1.5)
        rows = await db.query_raw('SELECT token, metadata, spend, 5000000000::bigint AS big, 1.5::numeric AS exact, '
            'expires > $1::timestamp AS later, NULL AS nothing, current_schema() AS name, ARRAY[1, 2] AS list, '
            "$2::text[] AS texts FROM \\"LiteLLM_VerificationToken\\"",
            datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), ["a", "b"])
        void = await db.query_raw("SELECT pg_advisory_xact_lock(1)")
        return [rows, void]
        """
    ) == [
        [{
            "token": "t", "metadata": {"$type": "x"}, "spend": 1.5, "big": 5000000000, "exact": 1.5, "later": True,
            "nothing": None, "name": "public", "list": [1, 2], "texts": ["a", "b"],
        }],
        [{"pg_advisory_xact_lock": ""}],
    ]  # fmt: skip


def test_batches_are_all_or_nothing(run: Run) -> None:
    assert run(
        """
        keys = db.litellm_verificationtoken
        async with db.batch_() as batch:
            batch.litellm_verificationtoken.create({"token": "a", "metadata": Json({"x": 1})})
            batch.litellm_verificationtoken.update(where={"token": "a"}, data={"spend": {"increment": 1}})
        try:
            async with db.batch_() as batch:
                batch.litellm_verificationtoken.create({"token": "b"})
                batch.litellm_verificationtoken.create({"token": "a"})
        except errors.UniqueViolationError as error:
            failed = error.code
        return [failed, [(k.token, k.spend) for k in await keys.find_many()]]
        """
    ) == ["P2002", [["a", 1]]]


def test_transactions_commit_roll_back_and_expire(run: Run) -> None:
    assert run(
        """
        async with db.tx() as tx:
            await tx.litellm_verificationtoken.create(data={"token": "kept"})
        try:
            async with db.tx() as tx:
                await tx.litellm_verificationtoken.create(data={"token": "dropped"})
                raise KeyError
        except KeyError:
            pass
        try:
            async with db.tx(timeout=datetime.timedelta(milliseconds=100)) as tx:
                await tx.query_raw("SELECT 1 FROM pg_sleep(0.3)")
                await tx.litellm_verificationtoken.create(data={"token": "late"})
        except errors.TransactionExpiredError as error:
            expired = type(error).__name__
        return [expired, [k.token for k in await db.litellm_verificationtoken.find_many()]]
        """
    ) == ["TransactionExpiredError", ["kept"]]


def test_failures_raise_the_clients_typed_errors(run: Run) -> None:
    assert run(
        """
        keys = db.litellm_verificationtoken
        await keys.create(data={"token": "a"})
        attempts = {
            "duplicate": keys.create(data={"token": "a"}),
            "foreign key": keys.create(data={"token": "b", "budget_id": "none"}),
            "missing value": keys.create(data={}),
            "unknown field": keys.find_first(where={"nope": 1}),
            "no record": keys.find_unique_or_raise(where={"token": "none"}),
            "bad SQL": db.query_raw("SELECT nonsense"),
            "no table": db.query_raw('SELECT 1 FROM "none"'),
        }
        async def name(attempt):
            try:
                await attempt
            except errors.PrismaError as error:
                return type(error).__name__
        absent = await keys.update(where={"token": "none"}, data={"spend": 1})
        return [{what: await name(attempt) for what, attempt in attempts.items()}, absent]
        """
    ) == [
        {
            "duplicate": "UniqueViolationError",
            "foreign key": "ForeignKeyViolationError",
            "missing value": "MissingRequiredValueError",
            "unknown field": "FieldNotFoundError",
            "no record": "RecordNotFoundError",
            "bad SQL": "RawQueryError",
            "no table": "RawQueryError",
        },
        None,
    ]


def test_hundreds_of_requests_at_once_are_all_answered(run: Run) -> None:
    assert (
        run(
            """
        keys = db.litellm_verificationtoken
        await asyncio.gather(*(keys.create(data={"token": str(n)}) for n in range(300)))
        found = await asyncio.gather(*(keys.find_unique(where={"token": str(n)}) for n in range(300)))
        return [row.token for row in found] == [str(n) for n in range(300)]
        """
        )
        is True
    )


def test_lost_connections_are_an_error_once_and_then_replaced(run: Run) -> None:
    assert run(
        """
        lose = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        try:
            await db.query_raw(lose)
        except errors.DataError as error:
            code = error.code
        return [code, await db.query_raw("SELECT 1 AS one")]
        """
    ) == ["P1001", [{"one": 1}]]


def test_metrics_tell_the_pool(run: Run) -> None:
    assert run(
        """
        await db.query_raw("SELECT 1")
        metrics = await db.get_metrics()
        return {gauge.key: gauge.value for gauge in metrics.gauges}
        """
    ) == {
        "prisma_pool_connections_open": 1, "prisma_pool_connections_busy": 0, "prisma_pool_connections_idle": 1,
        "prisma_client_queries_wait": 0,
    }  # fmt: skip


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_engine_ends_when_told(environment: dict[str, str], gateway_python: Path, prisma_dir: Path, sent: int) -> None:
    (schema,) = gateway_python.parent.parent.glob("lib/python3*/site-packages/prisma/schema.prisma")
    engine = subprocess.Popen([prisma_dir / "query_engine.mjs", "-p", "0"], env={**environment, "PRISMA_DML_PATH": str(schema)})
    wait_until(lambda: Path(f"/proc/{engine.pid}/comm").read_text() == "query-engine\n")
    engine.send_signal(sent)
    assert engine.wait(timeout=10) == 0


def test_engine_does_not_outlive_a_killed_client(start: Callable[..., subprocess.Popen[str]]) -> None:
    client = start(
        """
        print(db._internal_engine.process.pid, flush=True)
        await asyncio.sleep(60)
        """
    )
    assert client.stdout is not None
    with client:
        # The client's version check of the engine prints first.
        engine = int(next(line for line in client.stdout if line.strip().isdigit()))
        assert Path(f"/proc/{engine}").exists()
        client.kill()
    wait_until(lambda: not is_running(engine))


def test_engine_says_what_is_missing(prisma_dir: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.prisma"
    schema.write_text('datasource db {\n  provider = "postgresql"\n  url = env("NOWHERE")\n}\n')
    environment = {"PATH": os.environ["PATH"], "PRISMA_DML_PATH": str(schema)}
    engine = subprocess.run([prisma_dir / "query_engine.mjs"], env=environment, capture_output=True, text=True, check=False)
    assert (engine.returncode, engine.stderr) == (
        1, "query-engine: cannot start: no database URL: NOWHERE is not set\n",
    )  # fmt: skip


def is_running(pid: int) -> bool:
    """Whether the process runs; one that ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
