"""Brings LiteLLM's schema in PostgreSQL up to date, the way `prisma migrate deploy` would.

LiteLLM ships its schema as folders with a migration.sql each. What has been applied is kept in Prisma's own table,
`_prisma_migrations`, so that Prisma's tools and this module can take turns on one database.

One migration and its row in that table are one transaction: a run killed at any point leaves nothing half done. The few
migrations that PostgreSQL refuses inside a transaction get an unfinished row first, and are repeated when a later run
finds it unfinished:

    row             meaning                                      what happens
    none            never started, or killed and rolled back     apply
    unfinished      killed midway, or failed (`logs` says why)   set aside, apply again
    rolled back     somebody set it aside                        apply
    finished        applied                                      nothing
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import errors as pg_errors

from slipway.database.urls import libpq_url
from slipway.errors import DatabaseError

Progress = Callable[[int, int, str], None]

# The key of the advisory lock that Prisma's own migration engine takes, so that it and this module exclude each other.
# https://github.com/prisma/prisma-engines: sql-migration-connector, flavour/postgres.rs
_PRISMA_LOCK = 72707369
_LOCK_POLL_SECONDS = 0.2
_CONNECT_SECONDS = 10

# As Prisma creates it.
_CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
)
"""

# What cannot run in a transaction, or would end the one around it.
_NEEDS_NO_TRANSACTION = re.compile(
    r"\bCONCURRENTLY\b|\bVACUUM\b|\bALTER\s+TYPE\b[^;]*\bADD\s+VALUE\b|^\s*(BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK)\s*;",
    re.IGNORECASE | re.MULTILINE,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)

# Errors that say a statement's work is already there.
_ALREADY_THERE = (pg_errors.DuplicateTable, pg_errors.DuplicateColumn, pg_errors.DuplicateObject)


@dataclass(frozen=True)
class Migration:
    """One folder with a migration.sql."""

    name: str
    path: Path


@dataclass(frozen=True)
class _Row:
    """One row of `_prisma_migrations`: an attempt to apply one script."""

    name: str
    checksum: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def insert(self, connection: psycopg.Connection) -> None:
        """Add the row, unfinished, and set aside what earlier attempts left unfinished."""
        connection.execute(
            """
            UPDATE "_prisma_migrations" SET rolled_back_at = now()
            WHERE migration_name = %s AND finished_at IS NULL AND rolled_back_at IS NULL
            """,
            (self.name,),
        )
        connection.execute(
            'INSERT INTO "_prisma_migrations" (id, checksum, migration_name) VALUES (%s, %s, %s)',
            (self.id, self.checksum, self.name),
        )

    def finish(self, connection: psycopg.Connection) -> None:
        connection.execute(
            'UPDATE "_prisma_migrations" SET finished_at = clock_timestamp(), applied_steps_count = 1 WHERE id = %s',
            (self.id,),
        )

    def insert_finished(self, connection: psycopg.Connection) -> None:
        self.insert(connection)
        self.finish(connection)

    def was_killed(self, connection: psycopg.Connection) -> bool:
        """Whether an earlier attempt with this very script stopped without an error and without an end."""
        return (
            connection.execute(
                """
            SELECT FROM "_prisma_migrations" WHERE migration_name = %s AND checksum = %s
            AND finished_at IS NULL AND rolled_back_at IS NULL AND coalesce(logs, '') = ''
            """,
                (self.name, self.checksum),
            ).fetchone()
            is not None
        )


def _ignore(done: int, total: int, name: str) -> None:
    """No progress wanted."""


def apply_migrations(
    url: str,
    folder: Path,
    on_progress: Progress = _ignore,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Apply the migrations in `folder` that the database at `url` lacks, in the order of their names.

    Waits while another run holds the lock. Calls `on_progress(done, total, name)` after each migration. Returns the
    number applied; raises DatabaseError when the database cannot be reached or a migration fails.
    """
    with _connection(url) as connection:
        if not _pending(connection, folder):
            return 0
        with _migration_lock(connection, sleep):
            connection.execute(_CREATE_TABLE)
            pending = _pending(connection, folder)  # again: another run may have finished some while we waited
            _apply_all(connection, pending, on_progress)
            return len(pending)


def pending_migrations(url: str, folder: Path) -> list[str]:
    """The names of the migrations in `folder` that `apply_migrations` would apply now, in order."""
    with _connection(url) as connection:
        return [migration.name for migration in _pending(connection, folder)]


def _read_folder(folder: Path) -> list[Migration]:
    migrations = [Migration(path.parent.name, path) for path in sorted(folder.glob("*/migration.sql"))]
    if not migrations:
        raise DatabaseError(f"{folder}: no migrations found", hint="is LiteLLM installed in the gateway's environment?")
    return migrations


@contextmanager
def _connection(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(libpq_url(url), autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
            connection.add_notice_handler(lambda notice: None)  # "already exists, skipping" is what IF NOT EXISTS is for
            yield connection
    except psycopg.OperationalError as error:
        raise DatabaseError(
            f"cannot migrate the database: {str(error).strip()}", hint="what is done so far is kept; run it again"
        ) from error


def _pending(connection: psycopg.Connection, folder: Path) -> list[Migration]:
    try:
        rows = connection.execute(
            'SELECT migration_name FROM "_prisma_migrations" WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL'
        ).fetchall()
    except pg_errors.UndefinedTable:
        rows = []  # a new database
    finished = {name for (name,) in rows}
    return [migration for migration in _read_folder(folder) if migration.name not in finished]


@contextmanager
def _migration_lock(connection: psycopg.Connection, sleep: Callable[[float], None]) -> Iterator[None]:
    # Asking again and again instead of waiting inside PostgreSQL: a waiting statement holds a snapshot, and CREATE
    # INDEX CONCURRENTLY in the run that has the lock would wait for that snapshot for ever.
    while not _scalar(connection, "SELECT pg_try_advisory_lock(%s)", _PRISMA_LOCK):
        sleep(_LOCK_POLL_SECONDS)
    yield
    # Not released on errors: the lock ends with the connection, which may be the very thing that failed.
    connection.execute("SELECT pg_advisory_unlock(%s)", (_PRISMA_LOCK,))


def _apply_all(connection: psycopg.Connection, pending: list[Migration], on_progress: Progress) -> None:
    # Commits need not wait for the disk one by one: the log keeps their order, so a crash loses only the last ones
    # together with their rows, and the last commit of all flushes everything before it.
    connection.execute("SET synchronous_commit = off")
    for done, migration in enumerate(pending, start=1):
        if done == len(pending):
            connection.execute("SET synchronous_commit = on")
        try:
            _apply(connection, migration)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            raise DatabaseError(
                f"{migration.path}: cannot apply the migration: {str(error).strip()}",
                hint="was the schema changed by hand, by `prisma db push`, or by another version of LiteLLM?",
            ) from error
        on_progress(done, len(pending), migration.name)


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    script = migration.path.read_bytes()
    sql = script.decode("utf-8")
    row = _Row(migration.name, hashlib.sha256(script).hexdigest())
    if _NEEDS_NO_TRANSACTION.search(_COMMENT.sub("", sql)):
        _apply_step_by_step(connection, row, sql)
    else:
        _apply_at_once(connection, row, sql)


def _apply_at_once(connection: psycopg.Connection, row: _Row, sql: str) -> None:
    try:
        with connection.transaction():
            connection.execute(sql.encode())
            row.insert_finished(connection)
    except _ALREADY_THERE:
        # Prisma runs a script as one transaction and finishes its row in another: killed in between, it leaves an
        # applied script with an unfinished row.
        if not row.was_killed(connection):
            raise
        with connection.transaction():
            row.insert_finished(connection)


def _apply_step_by_step(connection: psycopg.Connection, row: _Row, sql: str) -> None:
    """Apply what cannot share a transaction with its row."""
    with connection.transaction():
        row.insert(connection)
    _drop_invalid_indexes(connection, sql)
    connection.execute(sql.encode())
    row.finish(connection)


def _drop_invalid_indexes(connection: psycopg.Connection, sql: str) -> None:
    """Drop what an interrupted CREATE INDEX CONCURRENTLY left: IF NOT EXISTS would take it for the finished index."""
    rows = connection.execute(
        """
        SELECT c.relname, c.oid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT i.indisvalid AND n.nspname = current_schema()
        """
    ).fetchall()
    for name, identifier in rows:
        if f'"{name}"' in sql:
            connection.execute(f"DROP INDEX IF EXISTS {identifier}".encode())


def _scalar(connection: psycopg.Connection, query: bytes | str, *parameters: object) -> object:
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None
