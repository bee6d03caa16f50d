"""The database that the settings name, and its schema."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy import create_engine

from oneliner.adapters.data_dir import prepared
from oneliner.adapters.database import schema_version
from oneliner.adapters.database.schema_version import Schema
from oneliner.adapters.database.sqlite import SqliteDatabase
from oneliner.wiring.extras import extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.ports import Database, Effects
    from oneliner.settings import Settings


def open_database(settings: Settings, on_commit: Callable[[Effects], None]) -> Database:
    """The database; *on_commit* gets what leaves after each commit. Raises Invalid: an extra is missing."""
    if settings.uses_sqlite:
        return SqliteDatabase(settings.database_path, on_commit, synchronous=settings.sqlite_synchronous)
    postgres = extra("oneliner.adapters.database.postgres", "postgres")
    return postgres.PostgresDatabase(settings.database_url, on_commit, pool_size=settings.database_connections)


def migrate(settings: Settings) -> bool:
    """Bring the database to the schema this code needs; whether anything was missing. Not to be called on an event
    loop. Raises Unavailable: the database cannot be reached; Invalid: it is too new for this code.
    """
    if not settings.uses_sqlite:
        postgres = extra("oneliner.adapters.database.postgres", "postgres")
        return asyncio.run(postgres.migrate_postgres(settings.database_url))
    path = settings.database_path
    prepared(path.parent)
    engine = create_engine(f"sqlite:///{path}")
    with closing(engine.raw_connection()) as raw:
        raw.cursor().execute("PRAGMA journal_mode = WAL")
    with engine.begin() as connection:
        behind = schema_version.bring_up_to_date(connection)
    engine.dispose()
    return behind


def schema(settings: Settings) -> Schema:
    """What the database is to this code; changes nothing. Not to be called on an event loop. Raises Unavailable: the
    database cannot be reached.
    """
    if not settings.uses_sqlite:
        postgres = extra("oneliner.adapters.database.postgres", "postgres")
        return asyncio.run(postgres.schema_of_postgres(settings.database_url))
    path = settings.database_path
    if not path.exists():
        return Schema.BEHIND
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = schema_version.schema_of(connection)
    engine.dispose()
    return found
