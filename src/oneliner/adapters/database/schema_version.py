"""How the schema of a database and this code stand to each other.

A migration either only adds, and then code from before it goes on working on the new schema, or it takes something away.
One that takes away says so in its name: ``0005_needs_0003`` is migration 5, on which code from before migration 3 cannot
work any more, and every name after it says at least as much. So the revision alone, which is all that is stored, tells old
code whether it may go on.

Alembic is imported only to bring a database up to date: it costs a process 10 MB, and nearly every start finds nothing to
do.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: The revision this code needs; a test holds it equal to the newest migration.
NEWEST = "0007"
_NAME = re.compile(r"(?P<number>\d{4})(?:_needs_(?P<oldest>\d{4}))?")


class Schema(Enum):
    """What a database is to this code."""

    BEHIND = "needs a migration"
    UP_TO_DATE = "has the schema this code was made for"
    NEWER = "was migrated by a newer version, and this code works on it"
    TOO_NEW = "was migrated by a newer version, and this code does not work on it"


def current(connection: Connection) -> str | None:
    """The revision the database is at, or None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def schema_of(connection: Connection) -> Schema:
    """What the database is to this code; changes nothing."""
    return schema_at(current(connection), NEWEST)


def schema_at(revision: str | None, newest: str) -> Schema:
    """What a database at *revision* is to code that needs *newest*."""
    if revision == newest:
        return Schema.UP_TO_DATE
    theirs, ours = _NAME.fullmatch(revision or "0000"), _NAME.fullmatch(newest)
    if theirs is None or ours is None:
        return Schema.TOO_NEW
    if theirs["number"] <= ours["number"]:
        return Schema.BEHIND
    return Schema.NEWER if ours["number"] >= (theirs["oldest"] or "0000") else Schema.TOO_NEW


def bring_up_to_date(connection: Connection) -> bool:
    """Run the migrations that are missing; whether any was. Processes that start together take turns.

    Raises Invalid: the database is too new for this code.
    """
    schema = schema_of(connection)
    if schema is Schema.TOO_NEW:
        raise Invalid(
            f"the database is at revision {current(connection)!r}, on which this version of OneLiner does not work; "
            "upgrade OneLiner here too",
            setting="database_url",
        )
    if schema is not Schema.BEHIND:
        return False
    from oneliner.adapters.database import migrate  # noqa: PLC0415  # only now: see above

    migrate.upgrade(connection)
    return True
