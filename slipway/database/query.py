"""Asks the database, wherever it can be asked: by its URL, or through a program that prints JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from slipway.database.urls import libpq_url
from slipway.errors import DatabaseError
from slipway.secrets import Secret

Rows = list[dict[str, Any]]
Fetch = Callable[[str], Rows]

_MISSING_TABLE = DatabaseError("the database has no usage yet", hint="launch a model first: ./runMe.sh")
_STATUS_HINT = "./runMe.sh status says whether the database runs"


def fetch_by_url(url: Secret) -> Fetch:
    """Queries over a connection of its own. Raises DatabaseError."""

    def fetch(query: str) -> Rows:
        import psycopg
        from psycopg.rows import dict_row

        try:
            with psycopg.connect(libpq_url(url.reveal()), connect_timeout=5, row_factory=dict_row) as connection:
                return connection.execute(query.encode()).fetchall()
        except psycopg.errors.UndefinedTable as error:
            raise _MISSING_TABLE from error
        except psycopg.Error as error:
            raise DatabaseError(f"usage cannot be read: {error}", hint=_STATUS_HINT) from error

    return fetch


def fetch_by_program(run: Callable[[str], tuple[int, str, str]]) -> Fetch:
    """Queries through a psql that `run` starts: it takes SQL, and gives status, output and errors. Raises DatabaseError."""

    def fetch(query: str) -> Rows:
        status, output, errors = run(f"SELECT coalesce(json_agg(r), '[]') FROM ({query}) AS r")
        if "does not exist" in errors and "relation" in errors:
            raise _MISSING_TABLE
        if status:
            raise DatabaseError(f"usage cannot be read: {errors.strip()}", hint=_STATUS_HINT)
        rows: Rows = json.loads(output)
        return rows

    return fetch
