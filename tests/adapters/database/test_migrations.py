"""The migrations and the tables say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from tests.support.engine import new_database

from oneliner.adapters.database import migrate, schema_version
from oneliner.adapters.database.tables import metadata

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection


def test_the_newest_revision_is_the_tables(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.begin() as connection:
        assert schema_version.current(connection) is None
        assert schema_version.bring_up_to_date(connection)
        assert schema_version.is_newest(connection)
        assert ScriptDirectory.from_config(migrate.config_for()).get_current_head() == schema_version.NEWEST
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        migrated = columns(connection)
    engine.dispose()
    # And the defaults, which Alembic does not compare well.
    created = create_engine("sqlite://")
    with created.begin() as connection:
        metadata.create_all(connection)
        assert columns(connection) == migrated
    created.dispose()


def columns(connection: Connection) -> dict[str, list[object]]:
    """Name, type, nullability, default and key of every column as the database tells them."""
    return {
        table: [tuple(row) for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")]
        for table in sorted(metadata.tables)
    }


def test_to_migrate_again_changes_nothing(tmp_path: Path) -> None:
    path = new_database(tmp_path / "new.db")
    before = path.read_bytes()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate.upgrade(connection)
    engine.dispose()
    assert path.read_bytes() == before
