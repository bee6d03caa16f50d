"""The migrations and the tables say the same."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import Revision
from sqlalchemy import create_engine
from tests.support.engine import new_database

from oneliner.adapters.database import migrate, schema_version
from oneliner.adapters.database.schema_version import Schema
from oneliner.adapters.database.tables import metadata

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection


# That index is PostgreSQL's alone, and compared there.
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_the_newest_revision_is_the_tables(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.begin() as connection:
        assert schema_version.current(connection) is None
        assert schema_version.bring_up_to_date(connection)
        assert schema_version.schema_of(connection) is Schema.UP_TO_DATE
        assert ScriptDirectory.from_config(migrate.config_for()).get_current_head() == schema_version.NEWEST
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_ours})
        assert compare_metadata(context, metadata) == []
        migrated = columns(connection)
    engine.dispose()
    # And the defaults, which Alembic does not compare well.
    created = create_engine("sqlite://")
    with created.begin() as connection:
        metadata.create_all(connection)
        assert columns(connection) == migrated
    created.dispose()


def is_ours(name: str | None, _kind: object, _parents: object) -> bool:
    """Whether it is no table of the full-text index, which SQLAlchemy has no word for."""
    return name is None or not name.startswith("document_search")


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


@pytest.mark.parametrize(
    ("revision", "newest", "schema"),
    [
        (None, "0001", Schema.BEHIND),
        ("0002", "0003", Schema.BEHIND),
        ("0002_needs_0001", "0003", Schema.BEHIND),
        ("0003", "0003", Schema.UP_TO_DATE),
        ("0004", "0003", Schema.NEWER),
        ("0005_needs_0003", "0003", Schema.NEWER),
        ("0005_needs_0003", "0004", Schema.NEWER),
        ("0005_needs_0003", "0002", Schema.TOO_NEW),
        ("something else", "0003", Schema.TOO_NEW),
    ],
)
def test_a_revision_tells_old_code_whether_it_may_go_on(revision: str | None, newest: str, schema: Schema) -> None:
    assert schema_version.schema_at(revision, newest) is schema


def test_a_migration_can_have_a_name_that_says_what_it_needs() -> None:
    # Alembic refuses some characters in such a name, and first says so when there is a migration of it.
    assert Revision("0005_needs_0003", "0004").revision == "0005_needs_0003"
    assert schema_version.schema_at("0005_needs_0003", "0002") is Schema.TOO_NEW


def test_the_names_of_the_migrations_never_take_back_what_they_need() -> None:
    scripts = list(ScriptDirectory.from_config(migrate.config_for()).walk_revisions())[::-1]
    # Each as code of the migration before it sees it: it may go on until a name says otherwise, and from then on not.
    for before, after in pairwise(scripts):
        for older in scripts[: scripts.index(before) + 1]:
            seen = [schema_version.schema_at(s.revision, older.revision) for s in (before, after)]
            assert seen != [Schema.TOO_NEW, Schema.NEWER]
    numbers = [int(script.revision[:4]) for script in scripts]
    assert numbers == sorted(set(numbers))
