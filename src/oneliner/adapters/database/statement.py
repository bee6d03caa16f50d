"""Statements, compiled once.

Stores write SQLAlchemy Core; each statement is compiled to the dialect's text at its first use and then handed to the
driver's cursor with positional values. That leaves out Core's per-execution work, which is most of what a short
statement costs (measured: 105 µs for an UPDATE … RETURNING of two columns through Core, 11 µs so; more with every
column that comes back).
The columns' types need no conversion (see ``tables``), so nothing else is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.expression import ClauseElement


class database_now(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it is
    """The database's clock in ms since 1970 UTC: leases are judged by one clock, whatever the workers' say."""

    type = BigInteger()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(_element: database_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "cast((julianday('now') - 2440587.5) * 86400000 as integer)"


@compiles(database_now, "postgresql")
def _postgresql_now(_element: database_now, _compiler: SQLCompiler, **_options: Any) -> str:
    return "(extract(epoch from clock_timestamp()) * 1000)::bigint"


def one_of(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """*column* is one of *values*, spelt out value by value, so that the text is complete when it is compiled."""
    return column.in_([literal(str(value)) for value in sorted(values)])


@dataclass(frozen=True, slots=True)
class Driver:
    """A connection as its driver has it, and the dialect it speaks. Transactions are begun and ended by its owner."""

    dialect: Dialect
    connection: Any


#: A statement's text, the names of its values in their order, and those of its values that it brings itself.
_Compiled: TypeAlias = "tuple[str, tuple[str, ...], Mapping[str, object]]"


class Statement:
    """A Core statement whose parameters are given by name. *columns* names the values of an INSERT."""

    __slots__ = ("_columns", "_compiled", "_core")

    def __init__(self, core: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._core = core
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, driver: Driver, **values: object) -> Sequence[Sequence[Any]]:
        """Every row of the result."""
        return self._execute(driver, values).fetchall()

    def first(self, driver: Driver, **values: object) -> Sequence[Any] | None:
        """The first row, or None."""
        return self._execute(driver, values).fetchone()

    def count(self, driver: Driver, **values: object) -> int:
        """How many rows were changed."""
        return self._execute(driver, values).rowcount

    def run(self, driver: Driver, **values: object) -> None:
        """Just do it."""
        self._execute(driver, values)

    def run_many(self, driver: Driver, many: Sequence[Mapping[str, object]]) -> None:
        """Once for each of *many*."""
        text, names, _ = self._compile(driver.dialect)
        driver.connection.cursor().executemany(text, [tuple([values[name] for name in names]) for values in many])

    def _execute(self, driver: Driver, values: Mapping[str, object]) -> Any:
        text, names, literals = self._compile(driver.dialect)
        if literals:
            values = {**literals, **values}
        cursor = driver.connection.cursor()
        cursor.execute(text, tuple([values[name] for name in names]))
        return cursor

    def _compile(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._core.compile(dialect=dialect, column_keys=self._columns)
            if not isinstance(compiled, SQLCompiler):
                raise TypeError(f"{self._core!r} is no statement")
            names = tuple(compiled.positiontup or ())
            literals = {name: value for name, value in compiled.params.items() if value is not None}
            found = self._compiled[dialect.name] = (str(compiled), names, literals)
        return found
