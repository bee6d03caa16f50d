"""A bill reads the index that was made for it, and none of the texts beside it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from tests.support.engine import new_database

from oneliner.adapters.database import usage
from oneliner.app.usage import GroupBy

if TYPE_CHECKING:
    from pathlib import Path

NONE: frozenset[str] = frozenset()
# The statements themselves, which nobody else need know.
STATEMENTS: Any = usage


def plan_of(path: Path, statement: Any) -> str:
    text, names, literals = statement._compile(SQLiteDialect_pysqlite())
    values = [literals.get(name, 1) for name in names]
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(str(row[-1]) for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values))


@pytest.mark.parametrize("group_by", [g for g in GroupBy if g is not GroupBy.TOOL])
def test_the_lines_come_from_the_index_alone(tmp_path: Path, group_by: GroupBy) -> None:
    plan = plan_of(new_database(tmp_path / "x.db"), STATEMENTS._lines(str(group_by), NONE, before=False))
    assert "USING COVERING INDEX ix_messages_bills" in plan


@pytest.mark.parametrize("narrowed", [NONE, frozenset({"project_id"}), frozenset({"model", "executor"})])
def test_so_does_the_total_whatever_it_is_of(tmp_path: Path, narrowed: frozenset[str]) -> None:
    assert "USING COVERING INDEX ix_messages_bills" in plan_of(
        new_database(tmp_path / "x.db"), STATEMENTS._total(narrowed)
    )
