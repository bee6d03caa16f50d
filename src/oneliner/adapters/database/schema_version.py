"""Whether a database has the schema this code needs.

Alembic is imported only to bring one up to date: it costs a process 10 MB, and nearly every start finds nothing to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: The revision this code needs; a test holds it equal to the newest migration.
NEWEST = "0001"


def current(connection: Connection) -> str | None:
    """The revision the database is at, or None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def is_newest(connection: Connection) -> bool:
    """Whether the database has the schema this code needs."""
    return current(connection) == NEWEST


def bring_up_to_date(connection: Connection) -> bool:
    """Run the migrations that are missing; whether any was. Processes that start together take turns."""
    if is_newest(connection):
        return False
    from oneliner.adapters.database import migrate  # noqa: PLC0415  # only now: see above

    migrate.upgrade(connection)
    return True
