"""Counters of budgets in the database: one row for each budget and what it is for, and for each day."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, case, func, select, text, update

from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import budget_counters, messages
from oneliner.domain.budget import DAY_MS, Budget, Counter
from oneliner.domain.message import MessageState, Role

if TYPE_CHECKING:
    from oneliner.adapters.database.statement import Driver
    from oneliner.domain.budget import CounterKey

_c = budget_counters.c
_IS_KEY = and_(_c.budget == bindparam("budget_is"), _c.of == bindparam("of_is"), _c.day == bindparam("day_is"))
# One statement locks the row, adds to it and reads it. A row whose ``turn`` is 1 after it has not been counted yet.
_RESERVE = Statement(
    text(
        "INSERT INTO budget_counters (budget, of, day, reserved_nanos, turn) VALUES (:budget, :of, :day, :nanos, 1)"
        " ON CONFLICT (budget, of, day) DO UPDATE SET"
        " reserved_nanos = budget_counters.reserved_nanos + excluded.reserved_nanos,"
        " turn = budget_counters.turn + 1"
        " RETURNING used_nanos, reserved_nanos, granted_nanos, turn"
    )
)
_GRANT = Statement(
    text(
        "INSERT INTO budget_counters (budget, of, day, granted_nanos, turn) VALUES (:budget, :of, :day, :nanos, 0)"
        " ON CONFLICT (budget, of, day) DO UPDATE SET"
        " granted_nanos = budget_counters.granted_nanos + excluded.granted_nanos"
    )
)
_SETTLE = Statement(
    update(budget_counters)
    .where(_IS_KEY)
    .values(
        reserved_nanos=_c.reserved_nanos - bindparam("released"),
        used_nanos=_c.used_nanos + bindparam("spent"),
    )
)
_READ = Statement(select(_c.used_nanos, _c.reserved_nanos, _c.granted_nanos, _c.turn).where(_IS_KEY))
_SET = Statement(
    update(budget_counters).where(_IS_KEY).values(used_nanos=bindparam("used"), reserved_nanos=bindparam("reserved"))
)
_RECOUNT = Statement(update(budget_counters).values(turn=0))


@cache
def _counted(budget: Budget) -> Statement:
    """What the messages of a budget's day, or of its run, say: spent, and reserved by calls under way."""
    is_open = messages.c.state == str(MessageState.STREAMING)
    query = select(
        func.coalesce(func.sum(case((is_open, 0), else_=messages.c.cost_nanos)), 0),
        func.coalesce(func.sum(case((is_open, messages.c.reserved_nanos), else_=0)), 0),
    ).where(messages.c.role == str(Role.ASSISTANT))
    whose = {
        Budget.RUN: messages.c.run_id,
        Budget.USER_DAY: messages.c.user_id,
        Budget.PROJECT_DAY: messages.c.project_id,
    }.get(budget)
    if whose is not None:
        query = query.where(whose == bindparam("of"))
    if budget is not Budget.RUN:
        query = query.where(messages.c.created_at >= bindparam("since"), messages.c.created_at < bindparam("until"))
    return Statement(query)


class SqlBudgets:
    """The store of budget counters; see ``app.ports.BudgetStore``."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def reserve(self, key: CounterKey, nanos: int) -> Counter:
        row = _RESERVE.first(self._driver, budget=key.budget, of=key.of, day=key.day, nanos=nanos)
        used, reserved, granted, turn = (0, nanos, 0, 1) if row is None else row
        if turn > 1:
            return Counter(used, reserved, granted)
        # Its row is locked now, so nobody settles a call that is counted in it meanwhile.
        used, others = self._count(key)
        _SET.run(self._driver, **_is(key), used=used, reserved=others + nanos)
        return Counter(used, others + nanos, granted)

    def settle(self, key: CounterKey, reserved: int, cost: int) -> None:
        _SETTLE.run(self._driver, **_is(key), released=reserved, spent=cost)

    def grant(self, key: CounterKey, nanos: int) -> None:
        _GRANT.run(self._driver, budget=key.budget, of=key.of, day=key.day, nanos=nanos)

    def read(self, key: CounterKey) -> Counter:
        row = _READ.first(self._driver, **_is(key))
        used, reserved, granted, turn = (0, 0, 0, 0) if row is None else row
        if not turn:
            used, reserved = self._count(key)
        return Counter(used, reserved, granted)

    def recount(self) -> None:
        _RECOUNT.run(self._driver)

    def _count(self, key: CounterKey) -> tuple[int, int]:
        since = key.day * DAY_MS
        values = {"of": key.of, "since": since, "until": since + DAY_MS}
        row = _counted(Budget(key.budget)).first(self._driver, **values)
        return (0, 0) if row is None else (int(row[0]), int(row[1]))


def _is(key: CounterKey) -> dict[str, object]:
    return {"budget_is": key.budget, "of_is": key.of, "day_is": key.day}
