"""The databases of tests: SQLite files, and PostgreSQL databases of their own that stand in for such files.

An engine is opened over a path. Where :func:`stand_in` has put a PostgreSQL database in the place of that path, it is
opened over that one instead, so that a test says what holds over both.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
from sqlalchemy import make_url

from oneliner.adapters.database.postgres import PostgresDatabase, migrate_postgres
from oneliner.adapters.database.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping
    from pathlib import Path

    from oneliner.app.ports import Database, Effects

T = TypeVar("T")
Row = "Mapping[str, Any]"

POSTGRES_URL = os.environ.get(
    "ONELINER_TEST_POSTGRES_URL", "postgresql+asyncpg://postgres@127.0.0.1:5432/postgres"
).replace("postgresql://", "postgresql+asyncpg://")

_stand_ins: dict[Path, str] = {}


def now(work: Coroutine[Any, Any, T]) -> T:
    """The result of *work*, waited for on an event loop of its own, wherever this is called."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def statement(url: str, text: str) -> list[dict[str, Any]]:
    """The rows of one statement, sent around the product."""
    connection = await asyncpg.connect(dsn(url), timeout=5)
    try:
        return [dict(row) for row in await connection.fetch(text)]
    finally:
        await connection.close()


def dsn(url: str) -> str:
    """*url* as the driver alone takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class PostgresServer:
    """A server that tests make databases on, each a copy of one that was migrated once."""

    def __init__(self, url: str = POSTGRES_URL) -> None:
        self._url = make_url(url)
        self._prefix = f"oneliner_test_{os.getpid()}_{secrets.token_hex(3)}"
        self._count = 0
        self._template = f"{self._prefix}_template"

    def begin(self) -> None:
        """Make the database that the others are copies of. Raises OSError: there is no server."""
        now(statement(self._server_url(), f"CREATE DATABASE {self._template}"))
        now(migrate_postgres(self.url_of(self._template)))

    def end(self) -> None:
        """Leave nothing behind."""
        now(statement(self._server_url(), f"DROP DATABASE IF EXISTS {self._template} WITH (FORCE)"))

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Generator[str]:
        """The URL of a new database, which is dropped afterwards."""
        self._count += 1
        name = f"{self._prefix}_{self._count}"
        template = self._template if migrated else "template1"
        now(statement(self._server_url(), f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield self.url_of(name)
        finally:
            now(statement(self._server_url(), f"DROP DATABASE {name} WITH (FORCE)"))

    def url_of(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _server_url(self) -> str:
        return self._url.render_as_string(hide_password=False)


@contextmanager
def stand_in(path: Path, url: str) -> Generator[None]:
    """Have engines over *path* work on the PostgreSQL database at *url*."""
    _stand_ins[path] = url
    try:
        yield
    finally:
        del _stand_ins[path]


def is_stood_in(path: Path) -> bool:
    """Whether PostgreSQL stands in for the file at *path*."""
    return path in _stand_ins


def open_database(path: Path, on_commit: Callable[[Effects], None], **options: Any) -> Database:
    """The database at *path*; *options* are for an SQLite file."""
    url = _stand_ins.get(path)
    return (
        SqliteDatabase(path, on_commit, **options) if url is None else PostgresDatabase(url, on_commit, wait_seconds=30)
    )


def tables(path: Path) -> dict[str, list[Mapping[str, Any]]]:
    """Every row of every table of the database at *path*, as of one moment."""
    url = _stand_ins.get(path)
    return _sqlite_tables(path) if url is None else now(postgres_tables(url))


def _sqlite_tables(path: Path) -> dict[str, list[Mapping[str, Any]]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        names = [r[0] for r in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608


async def postgres_tables(url: str) -> dict[str, list[Mapping[str, Any]]]:
    """Every row of every table of the PostgreSQL database at *url*, as of one moment."""
    connection = await asyncpg.connect(dsn(url), timeout=5)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            return {
                name: [dict(row) for row in await connection.fetch(f"SELECT * FROM {name}")]  # noqa: S608
                for (name,) in names
            }
    finally:
        await connection.close()
