"""The bill: sums over the messages that are calls of a model, by what one asks.

Lines add up to the total to the last digit, whatever they are by: each call is in exactly one line, and by tool it is
shared in whole numbers among the tools that its answer called, what is left over going to the first of them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, func, literal_column, select

from oneliner.adapters.database.encoding import totals_of
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import messages, tool_calls
from oneliner.app.ports import UsageRow
from oneliner.domain.budget import DAY_MS
from oneliner.domain.message import MessageState, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page, UsageFilter

_m = messages.c
# As written text, so that the divisor is the same expression in SELECT and GROUP BY for every database.
_KEYS: dict[str, ColumnElement[Any]] = {
    "day": literal_column(f"messages.created_at / {DAY_MS}"),
    "project": literal_column("messages.project_id"),
    "user": literal_column("messages.user_id"),
    "session": literal_column("messages.session_id"),
    "run": literal_column("messages.run_id"),
    "model": literal_column("messages.model"),
    "executor": literal_column("messages.executor"),
}
TOOL = "tool"
_FILTERS = {
    "user_id": _m.user_id,
    "project_id": _m.project_id,
    "session_id": _m.session_id,
    "model": _m.model,
    "executor": _m.executor,
}


def _calls(narrowed: frozenset[str]) -> list[ColumnElement[bool]]:
    """Which messages: every call of a model in the time, further narrowed."""
    return [
        # As BILLED has it, and written out as there: the index holds all that is read here.
        _m.role == literal_column(f"'{Role.ASSISTANT}'"),
        _m.state != literal_column(f"'{MessageState.STREAMING}'"),
        # What an executor that is a function said itself, was no call of a model.
        _m.model != "",
        _m.created_at >= bindparam("since"),
        _m.created_at < bindparam("until"),
        *(column == bindparam(name) for name, column in _FILTERS.items() if name in narrowed),
    ]


_SUMS: tuple[ColumnElement[Any], ...] = (
    func.count(),
    func.coalesce(func.sum(_m.input_tokens), 0),
    func.coalesce(func.sum(_m.output_tokens), 0),
    func.coalesce(func.sum(_m.cached_tokens), 0),
    func.coalesce(func.sum(_m.cost_nanos), 0),
    func.coalesce(func.sum(1 - _m.priced), 0),
    func.coalesce(func.sum(_m.estimated), 0),
)


@cache
def _total(narrowed: frozenset[str]) -> Statement:
    return Statement(select(*_SUMS).select_from(messages).where(*_calls(narrowed)))


@cache
def _lines(group_by: str, narrowed: frozenset[str], *, before: bool) -> Statement:
    if group_by == TOOL:
        return Statement(_by_tool(narrowed, before=before))
    key = _KEYS[group_by]
    query = select(key, *_SUMS, literal_column("NULL")).select_from(messages).where(*_calls(narrowed))
    if before:
        query = query.where(key < bindparam("before"))
    return Statement(query.group_by(key).order_by(key.desc()).limit(bindparam("limit")))


def _by_tool(narrowed: frozenset[str], *, before: bool) -> Select[*tuple[Any, ...]]:
    calls = tool_calls.c
    # A call of the model that called no tool has one row here too, with no name.
    each = (
        select(
            func.coalesce(calls.name, "").label("name"),
            calls.id.label("call_id"),
            func.row_number().over(partition_by=_m.id, order_by=calls.id).label("place"),
            func.count().over(partition_by=_m.id).label("among"),
            _m.input_tokens,
            _m.output_tokens,
            _m.cached_tokens,
            func.coalesce(_m.cost_nanos, 0).label("cost_nanos"),
            (1 - _m.priced).label("unpriced"),
            _m.estimated,
        )
        .select_from(messages)
        .outerjoin(tool_calls, and_(calls.run_id == _m.run_id, calls.message_id == _m.id))
        .where(*_calls(narrowed))
        .subquery()
    ).c
    is_first = each.place == literal_column("1")

    def once(value: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.sum(case((is_first, value), else_=literal_column("0")))

    def shared(value: ColumnElement[Any]) -> ColumnElement[Any]:
        part = value // each.among
        return func.sum(part + case((is_first, value - part * each.among), else_=literal_column("0")))

    query = select(
        each.name,
        once(literal_column("1")),
        shared(each.input_tokens),
        shared(each.output_tokens),
        shared(each.cached_tokens),
        shared(each.cost_nanos),
        once(each.unpriced),
        once(each.estimated),
        func.count(each.call_id),
    )
    if before:
        query = query.where(each.name < bindparam("before"))
    return query.group_by(each.name).order_by(each.name.desc()).limit(bindparam("limit"))


class SqlUsage:
    """The store of bills; see ``app.ports.UsageStore``."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def lines(self, group_by: str, only: UsageFilter, page: Page) -> list[UsageRow]:
        values, narrowed = _values(only)
        values["limit"] = page.limit
        if page.before is not None:
            values["before"] = int(page.before) if group_by == "day" else page.before
        statement = _lines(group_by, narrowed, before=page.before is not None)
        return [_row(str(r[0]), r[1:]) for r in statement.rows(self._driver, **values)]

    def total(self, only: UsageFilter) -> UsageRow:
        values, narrowed = _values(only)
        row = _total(narrowed).first(self._driver, **values)
        return _row("", (*(row or (0,) * len(_SUMS)), None))


def _values(only: UsageFilter) -> tuple[dict[str, object], frozenset[str]]:
    narrowing = {name: value for name in _FILTERS if (value := getattr(only, name)) is not None}
    return {**narrowing, "since": only.since_ms, "until": only.until_ms}, frozenset(narrowing)


def _row(key: str, row: Sequence[Any]) -> UsageRow:
    # PostgreSQL adds up its 64-bit integers to a decimal.
    count, *sums, called = row
    return UsageRow(key, int(count), totals_of([int(v) for v in sums]), None if called is None else int(called))
