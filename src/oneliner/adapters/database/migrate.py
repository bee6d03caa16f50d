"""Bringing a database to the schema this code needs; imported only where something is missing.

One Alembic chain for both dialects. It only ever adds before it takes away, so that processes of the version before go
on working while the next one is rolled out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection


def config_for(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the migrations in this package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('oneliner:migrations', 0))")


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing. Processes that start together take turns."""
    if connection.dialect.name == "postgresql":
        connection.execute(_TURN)
    command.upgrade(config_for(connection), "head")
