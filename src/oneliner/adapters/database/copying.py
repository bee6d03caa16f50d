"""A whole database moved into an empty one, of the same kind or of the other.

All of it is one transaction of the target, and its last step reads back what was written and compares it, table by table,
with what was read: by the number of rows, and by a sum of hashes over them, in which their order plays no part. So the
target either holds the same rows as the source or nothing. Nobody else may use the source meanwhile: a row that is written
during the copy would be lost without a word.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, func, insert, pool, select, text
from sqlalchemy.exc import DBAPIError

from oneliner.adapters.database import postgres, schema_version
from oneliner.adapters.database.schema_version import Schema
from oneliner.adapters.database.tables import metadata
from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from typing import Any

    from sqlalchemy import Connection, Table

_ROWS_AT_ONCE = 1_000
_SQLITE = "sqlite:///"


class Phase(Enum):
    """What is being done with the rows that are told."""

    COPYING = "copying"
    CHECKING = "checking"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a table holds: the number of rows and the sum of their hashes."""

    rows: int
    sum_of_hashes: int


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of one table."""

    table: str
    contents: Contents


#: Told the phase, the table and how many more rows are done; before the first one, with all rows there are and no table.
Progress = "Callable[[Phase, str, int], None]"


def copy_database(source_url: str, target_url: str, progress: Callable[[Phase, str, int], None]) -> list[Copied]:
    """Copy every row; what each table held. Not to be called on an event loop.

    Raises Invalid: somebody uses one of the two, the target is not empty, the source is not up to date, or the target
    does not take what is in it. Raises Unavailable: a database cannot be reached. The source is never changed.
    """
    match source_url.startswith(_SQLITE), target_url.startswith(_SQLITE):
        case True, True:
            raise Invalid("both are SQLite files: stop the server and copy the data folder instead")
        case False, False:
            raise Invalid("both are PostgreSQL databases: pg_dump and pg_restore do this better")
        case True, False:
            with _sqlite(source_url, exists=True) as source:
                _refuse_old(source)
                asyncio.run(postgres.migrate_postgres(target_url))
                return asyncio.run(
                    postgres.on_one_connection(target_url, lambda target: _copy_alone(source, target, target, progress))
                )
        case _:
            with _sqlite(target_url, exists=False) as target:
                schema_version.bring_up_to_date(target)
                return asyncio.run(
                    postgres.on_one_connection(source_url, lambda source: _copy_alone(source, target, source, progress))
                )


def _copy_alone(
    source: Connection, target: Connection, shared: Connection, progress: Callable[[Phase, str, int], None]
) -> list[Copied]:
    """As :func:`copy`, when nobody else is connected to *shared*, the one of the two that is no file of our own."""
    shared.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    others = shared.execute(
        text(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'oneliner' AND pid <> pg_backend_pid()"
        )
    ).scalar_one()
    if others:
        raise Invalid(f"OneLiner processes use {shared.engine.url.database!r} ({others} connections); stop them first")
    _refuse_old(source)
    return copy(source, target, progress)


def copy(source: Connection, target: Connection, progress: Callable[[Phase, str, int], None]) -> list[Copied]:
    """Copy every row from *source* to *target*, which is committed by its owner; what each table held.

    Raises Invalid: the target is not empty, does not take a row, or does not give back what was written.
    """
    tables = metadata.sorted_tables
    filled = [table.name for table in tables if target.execute(select(table).limit(1)).first() is not None]
    if filled:
        raise Invalid(f"the target is not empty: there are rows in {', '.join(filled)}. Give it an empty database")
    progress(Phase.COPYING, "", sum(source.execute(select(func.count()).select_from(t)).scalar_one() for t in tables))
    copied = [Copied(table.name, _copy_table(source, target, table, progress)) for table in tables]
    for table, done in zip(tables, copied, strict=True):
        found = _contents(_rows(target, table), lambda rows, name=table.name: progress(Phase.CHECKING, name, rows))
        if found != done.contents:
            raise Invalid(
                f"the target does not give back what was written to {table.name}: {done.contents.rows} rows were read, "
                f"{found.rows} are there, and their hashes differ; nothing was kept"
            )
    return copied


def _copy_table(
    source: Connection, target: Connection, table: Table, progress: Callable[[Phase, str, int], None]
) -> Contents:
    names = [column.name for column in table.columns]

    def written() -> Iterator[Sequence[tuple[Any, ...]]]:
        for rows in _rows(source, table):
            try:
                target.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
            except DBAPIError as error:
                # The type alone: the text of a database error may quote what is in the row.
                kind = type(getattr(error.orig, "__cause__", None) or error.orig).__name__
                raise Invalid(f"the target refuses a row of {table.name} ({kind}); nothing was kept") from error
            yield rows

    return _contents(written(), lambda rows: progress(Phase.COPYING, table.name, rows))


def _rows(connection: Connection, table: Table) -> Iterator[Sequence[tuple[Any, ...]]]:
    result = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
    for rows in result.partitions():
        yield [tuple(row) for row in rows]


def _contents(batches: Iterator[Sequence[tuple[Any, ...]]], done: Callable[[int], None]) -> Contents:
    count = total = 0
    for rows in batches:
        for row in rows:
            # The representation tells 1 from "1" and an empty text from none.
            total += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest(), "big")
        count += len(rows)
        done(len(rows))
    return Contents(count, total)


def _refuse_old(source: Connection) -> None:
    if schema_version.schema_of(source) is not Schema.UP_TO_DATE:
        raise Invalid(
            "the source does not have the schema of this version; run `oneliner migrate` on it with the version that you "
            "copy with"
        )


@contextmanager
def _sqlite(url: str, *, exists: bool) -> Generator[Connection]:
    """The file, for us alone; committed at the end. Raises Invalid: it is not there, or somebody uses it."""
    path = Path(url.removeprefix(_SQLITE))
    if exists and not path.is_file():
        raise Invalid(f"there is no file {str(path)!r}")
    if not path.parent.is_dir():
        raise Invalid(f"there is no folder {str(path.parent)!r}")
    is_new = not path.exists()
    engine = create_engine(url, poolclass=pool.NullPool, connect_args={"timeout": 0, "isolation_level": None})
    try:
        with engine.connect() as connection:
            # Asked for before the first look into the file: so it is refused while any other process has it open, and
            # none can open it until we are done.
            connection.exec_driver_sql("PRAGMA locking_mode = EXCLUSIVE")
            try:
                connection.exec_driver_sql("BEGIN EXCLUSIVE")
            except DBAPIError as error:
                if isinstance(error.orig, sqlite3.OperationalError):
                    raise Invalid(f"another program uses {str(path)!r}; stop it first") from error
                raise
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                if is_new:
                    path.unlink()
                raise
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()
