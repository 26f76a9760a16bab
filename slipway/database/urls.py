"""Database URLs: Prisma's dialect of them into libpq's."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

# Parameters that only Prisma knows; libpq refuses a URL with an unknown one.
# https://www.prisma.io/docs/orm/overview/databases/postgresql#arguments
_PRISMA_ONLY = frozenset(
    {
        "connection_limit",
        "max_connection_lifetime",
        "max_idle_connection_lifetime",
        "pgbouncer",
        "pool_timeout",
        "socket_timeout",
        "sslaccept",
        "sslidentity",
        "sslpassword",
        "statement_cache_size",
    }
)


def libpq_url(url: str) -> str:
    """The URL for libpq that means what `url` means to Prisma: its `schema` becomes the search path."""
    parts = urlsplit(url)
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema = parameters.pop("schema", "")
    if schema:
        identifier = '"{}"'.format(schema.replace('"', '""')).replace("\\", "\\\\").replace(" ", "\\ ")
        parameters["options"] = f"{parameters.get('options', '')} -c search_path={identifier}".strip()
    kept = {name: value for name, value in parameters.items() if name not in _PRISMA_ONLY}
    return urlunsplit(parts._replace(query=urlencode(kept, quote_via=quote)))
