"""LiteLLM's real migrations on a real PostgreSQL, also when they are killed halfway."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from slipway.database.migrations import apply_migrations, pending_migrations
from slipway.database.urls import libpq_url
from slipway.errors import DatabaseError

PROGRAM = """
import sys
from pathlib import Path
from slipway.database.migrations import apply_migrations
apply_migrations(sys.argv[1], Path(sys.argv[2]), lambda done, total, name: print(done, flush=True))
"""

SCHEMA = """
SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns
WHERE table_schema = 'public' UNION ALL
SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public' UNION ALL
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint
WHERE connamespace = 'public'::regnamespace UNION ALL
SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', '' FROM pg_trigger WHERE NOT tgisinternal
"""

FINISHED = "SELECT migration_name, checksum, applied_steps_count FROM _prisma_migrations WHERE finished_at IS NOT NULL"


@pytest.fixture
def migrations(gateway_python: Path) -> Path:
    (folder,) = gateway_python.parent.parent.glob("lib/python3*/site-packages/litellm_proxy_extras/migrations")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small migrations; the second cannot run in a transaction."""
    write(tmp_path, "1_table", "CREATE TABLE t (id int);")
    write(tmp_path, "2_index", '-- built\nCREATE INDEX CONCURRENTLY IF NOT EXISTS "t_id" ON t (id);')
    return tmp_path


def write(folder: Path, name: str, sql: str) -> None:
    (folder / name).mkdir()
    (folder / name / "migration.sql").write_text(sql)


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        cursor = connection.execute(sql)
        return sorted(cursor.fetchall(), key=str) if cursor.description else []


def invalid_indexes(url: str) -> list[tuple[Any, ...]]:
    return query(url, "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")


def test_all_of_litellms_migrations_are_applied_once(postgres_url: str, migrations: Path) -> None:
    names = sorted(path.parent.name for path in migrations.glob("*/migration.sql"))
    progress: list[tuple[int, int, str]] = []

    assert pending_migrations(postgres_url, migrations) == names
    assert apply_migrations(postgres_url, migrations, lambda *step: progress.append(step)) == len(names)
    assert progress == [(number, len(names), name) for number, name in enumerate(names, start=1)]
    assert query(postgres_url, FINISHED) == [
        (name, hashlib.sha256((migrations / name / "migration.sql").read_bytes()).hexdigest(), 1) for name in names
    ]

    assert apply_migrations(postgres_url, migrations) == 0
    assert pending_migrations(postgres_url, migrations) == []


def test_killed_runs_are_resumed_to_the_same_schema(new_database: Callable[[], str], migrations: Path) -> None:
    undisturbed, killed = new_database(), new_database()
    total = apply_migrations(undisturbed, migrations)
    randomness = random.Random(20260101)
    kills = 0
    while pending_migrations(killed, migrations):
        run = subprocess.Popen([sys.executable, "-c", PROGRAM, killed, str(migrations)], stdout=subprocess.PIPE, text=True)
        assert run.stdout is not None
        for _ in range(randomness.randrange(1, total // 6)):
            run.stdout.readline()
        run.kill()
        kills += run.wait() != 0
        run.stdout.close()

    assert kills >= 5
    assert query(killed, SCHEMA) == query(undisturbed, SCHEMA)
    assert query(killed, FINISHED) == query(undisturbed, FINISHED)
    assert invalid_indexes(killed) == []


def test_an_index_that_a_killed_run_left_invalid_is_built_again(postgres_url: str, folder: Path) -> None:
    apply_migrations(postgres_url, folder)
    query(postgres_url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_id'::regclass")
    query(postgres_url, "UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '2_index'")

    assert apply_migrations(postgres_url, folder) == 1
    assert invalid_indexes(postgres_url) == []
    assert query(postgres_url, "SELECT indexname FROM pg_indexes WHERE tablename = 't'") == [("t_id",)]


def test_a_script_that_prisma_applied_before_it_was_killed_is_only_recorded(postgres_url: str, folder: Path) -> None:
    apply_migrations(postgres_url, folder)
    query(postgres_url, "UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '1_table'")

    assert apply_migrations(postgres_url, folder) == 1
    assert pending_migrations(postgres_url, folder) == []
    assert query(postgres_url, "SELECT count(*) FROM _prisma_migrations WHERE rolled_back_at IS NOT NULL") == [(1,)]


def test_a_failed_script_leaves_nothing_and_can_be_repeated_when_mended(postgres_url: str, folder: Path) -> None:
    write(folder, "3_broken", "CREATE TABLE half (id int); SELECT nonsense;")
    with pytest.raises(DatabaseError) as failure:
        apply_migrations(postgres_url, folder)
    assert failure.value.message.startswith(
        f'{folder}/3_broken/migration.sql: cannot apply the migration: column "nonsense" does not exist'
    )
    assert pending_migrations(postgres_url, folder) == ["3_broken"]

    (folder / "3_broken" / "migration.sql").write_text("CREATE TABLE half (id int);")
    assert apply_migrations(postgres_url, folder) == 1


def test_a_table_that_was_there_before_is_not_taken_for_an_applied_migration(postgres_url: str, folder: Path) -> None:
    query(postgres_url, "CREATE TABLE t (other text)")
    with pytest.raises(DatabaseError, match='relation "t" already exists'):
        apply_migrations(postgres_url, folder)
    assert pending_migrations(postgres_url, folder) == ["1_table", "2_index"]


def test_a_second_run_waits_for_the_first(postgres_url: str, folder: Path) -> None:
    waiting, applied = threading.Event(), []
    with psycopg.connect(libpq_url(postgres_url), autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(72707369)")
        second = threading.Thread(target=lambda: applied.append(apply_migrations(postgres_url, folder, sleep=lambda _: waiting.set())))
        second.start()
        assert waiting.wait(timeout=10)
        assert applied == []
    second.join(timeout=10)
    assert applied == [2]


def test_a_schema_in_the_url_is_where_tables_are_made(postgres_url: str, folder: Path) -> None:
    query(postgres_url, 'CREATE SCHEMA "my app"')
    separator = "&" if "?" in postgres_url else "?"
    url = f"{postgres_url}{separator}schema=my%20app&connection_limit=5"

    assert apply_migrations(url, folder) == 2
    assert query(postgres_url, "SELECT schemaname FROM pg_tables WHERE tablename = 't'") == [("my app",)]


def test_an_absent_database_is_a_database_error(folder: Path) -> None:
    with pytest.raises(DatabaseError, match=r"^cannot migrate the database: "):
        apply_migrations("postgresql://nobody@127.0.0.1:1/none", folder)


def test_a_folder_without_migrations_is_a_database_error(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as failure:
        apply_migrations(postgres_url, tmp_path)
    assert failure.value.message == f"{tmp_path}: no migrations found"
