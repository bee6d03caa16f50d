"""Named points at which a process can be made to die: within each transaction, and on both sides of its commit.

The product has no hook for this, and so nothing that could be switched on by accident or that costs anything: a process
of the tests puts itself between an engine and its database before the engine starts (see ``tests.chaos.dying``). A point
is ``TRANSACTION:STEP``. The transaction is named after the function that the product hands to its database. The steps:

- ``0``: begun, and nothing done; ``1``, ``2``, …: after so many statements; the last of them is just before the COMMIT
- ``committed``: nobody has been told yet, no run was woken
- ``told``: what leaves after a commit has left, and whoever waits for the transaction does not know yet
"""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any

from oneliner.adapters.database.statement import Driver, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oneliner.app.ports import Effects, Transaction
    from tests.support.engine import Engine

COMMITTED, TOLD = "committed", "told"


def name_of(work: Any) -> str:
    """The name of the transaction that *work* is: of the function behind whatever wraps it."""
    while True:
        if isinstance(work, functools.partial):
            work = work.func
            continue
        cells: Sequence[Any] = getattr(work, "__closure__", None) or ()
        variables: Sequence[str] = work.__code__.co_freevars if cells else ()
        inner = next(
            (c.cell_contents for v, c in zip(variables, cells, strict=True) if v in {"work", "use_case"}), None
        )
        if not callable(inner):
            break
        work = inner
    return str(work.__qualname__).replace(".<locals>", "").replace(".<lambda>", "").removeprefix("_")


class FaultPoints:
    """The points of one engine. The process dies at *point*; every point that is reached is told to *on_reach*."""

    def __init__(self, engine: Engine, point: str, on_reach: Callable[[str], None]) -> None:
        self._point = point
        self._on_reach = on_reach
        #: By connection: which transaction is under way on it, and how many statements it has had.
        self._under_way: dict[int, tuple[str, int]] = {}
        self._of_effects: dict[int, str] = {}
        self._write = engine.database.write
        patched: Any = engine.database
        self._leave: Callable[[Effects], None] = patched._on_commit
        patched.write = self.write
        patched._on_commit = self.leave
        _watch_statements(self._after_statement)

    async def write(self, work: Callable[[Transaction], Any], **manner: Any) -> Any:
        """In place of the database's own."""
        name = name_of(work)

        def watched(tx: Transaction) -> Any:
            stores: Any = tx.users
            connection = id(stores._driver.connection)
            self._of_effects[id(tx.effects)] = name
            self._reach(name, 0)
            self._under_way[connection] = (name, 0)
            try:
                return work(tx)
            finally:
                del self._under_way[connection]

        result = await self._write(watched, **manner)
        self._reach(name, TOLD)
        return result

    def leave(self, effects: Effects) -> None:
        """In place of what the engine does after a commit."""
        self._reach(self._of_effects.pop(id(effects), "?"), COMMITTED)
        self._leave(effects)

    def _after_statement(self, driver: Driver) -> None:
        name, count = self._under_way.get(id(driver.connection), ("", 0))
        if name:
            self._under_way[id(driver.connection)] = (name, count + 1)
            self._reach(name, count + 1)

    def _reach(self, name: str, step: int | str) -> None:
        point = f"{name}:{step}"
        self._on_reach(point)
        if point == self._point:
            sys.stdout.write(f"died {point}\n")
            sys.stdout.flush()
            os._exit(137)


def _watch_statements(after: Callable[[Driver], None]) -> None:
    patched: Any = Statement
    execute, run_many = patched._execute, Statement.run_many

    def watched_execute(self: Statement, driver: Driver, values: Mapping[str, object]) -> Any:
        result = execute(self, driver, values)
        after(driver)
        return result

    def watched_run_many(self: Statement, driver: Driver, many: Sequence[Mapping[str, object]]) -> None:
        run_many(self, driver, many)
        after(driver)

    patched._execute = watched_execute
    patched.run_many = watched_run_many
