"""Sessions in the database."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, insert, select, update

from oneliner.adapters.database.encoding import TOTALS, like, totals_of, totals_values
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import agent_runs, messages, sessions
from oneliner.domain.errors import NotFound
from oneliner.domain.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page, Scope
    from oneliner.domain.usage import Totals

_COLUMNS = (
    sessions.c.id,
    sessions.c.user_id,
    sessions.c.project_id,
    sessions.c.title,
    sessions.c.message_count,
    *(sessions.c[name] for name in TOTALS),
    sessions.c.created_at,
    sessions.c.updated_at,
    sessions.c.deleted_at,
    sessions.c.purged_at,
)
_NAMES = tuple(c.name for c in _COLUMNS)
_ADD = Statement(insert(sessions), _NAMES)
_GROW = Statement(
    update(sessions)
    .where(sessions.c.id == bindparam("key"))
    .values(
        message_count=sessions.c.message_count + bindparam("more"),
        updated_at=bindparam("now"),
        **{name: sessions.c[name] + bindparam(f"add_{name}") for name in TOTALS},
    )
    .returning(sessions.c.message_count)
)
# Nothing is written to one that was deleted meanwhile: what is purged stays so.
_RENAME = Statement(
    update(sessions)
    .where(sessions.c.id == bindparam("key"), sessions.c.deleted_at.is_(None))
    .values(title=bindparam("named"))
    .returning(sessions.c.id)
)


@cache
def _select(keys: frozenset[str]) -> Statement:
    """The SELECT for a combination of narrowing conditions; there are few, and each is compiled once."""
    query = select(*_COLUMNS)
    if "key" in keys:
        query = query.where(sessions.c.id == bindparam("key"))
    if "user_id" in keys:
        query = query.where(sessions.c.user_id == bindparam("user_id"))
    if "live" in keys:
        query = query.where(sessions.c.deleted_at.is_(None))
    if "restorable" in keys:
        query = query.where(sessions.c.deleted_at.is_not(None), sessions.c.purged_at.is_(None))
    if "project_id" in keys:
        query = query.where(sessions.c.project_id == bindparam("project_id"))
    if "text" in keys:
        query = query.where(func.lower(sessions.c.title).like(bindparam("text"), escape="\\"))
    if "before" in keys:
        query = query.where(sessions.c.id < bindparam("before"))
    if "limit" in keys:
        query = query.order_by(sessions.c.id.desc()).limit(bindparam("limit"))
    return Statement(query)


@cache
def _mark_deleted(table_name: str, *, restore: bool) -> Statement:
    table = {"sessions": sessions, "messages": messages, "agent_runs": agent_runs}[table_name]
    column = table.c.id if table is sessions else table.c.session_id
    marked = table.c.deleted_at.is_not(None) if restore else table.c.deleted_at.is_(None)
    return Statement(update(table).where(column == bindparam("key"), marked).values(deleted_at=bindparam("at")))


def _session(row: Sequence[Any]) -> Session:
    return Session(row[0], row[1], row[2], row[3], row[4], totals_of(row[5:11]), *row[11:])


class SqlSessions:
    """The session store; see ``app.ports.SessionStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def add(self, session: Session) -> None:
        _ADD.run(
            self._driver,
            id=session.id,
            user_id=session.user_id,
            project_id=session.project_id,
            title=session.title,
            message_count=session.message_count,
            **totals_values(session.totals),
            created_at=session.created_at,
            updated_at=session.updated_at,
            deleted_at=session.deleted_at,
            purged_at=session.purged_at,
        )

    def get(self, session_id: str, scope: Scope) -> Session:
        values: dict[str, object] = {"key": session_id}
        row = _select(_narrowed(values, scope)).first(self._driver, **values)
        if row is None:
            raise NotFound("session", session_id)
        return _session(row)

    def page(
        self, scope: Scope, page: Page, project_id: str | None, text: str | None, *, restorable: bool = False
    ) -> list[Session]:
        values: dict[str, object] = {"limit": page.limit}
        if project_id is not None:
            values["project_id"] = project_id
        if text:
            values["text"] = like(text)
        if page.before is not None:
            values["before"] = page.before
        if scope.user_id is not None:
            values["user_id"] = scope.user_id
        keys = frozenset(values) | {"restorable" if restorable else "live"}
        return [_session(r) for r in _select(keys).rows(self._driver, **values)]

    def grow(self, session_id: str, messages: int, totals: Totals) -> int:
        added = {f"add_{name}": value for name, value in totals_values(totals).items()}
        row = _GROW.first(self._driver, key=session_id, more=messages, now=self._now_ms, **added)
        if row is None:
            raise NotFound("session", session_id)
        return row[0]

    def rename(self, session_id: str, title: str) -> None:
        if _RENAME.first(self._driver, key=session_id, named=title) is None:
            raise NotFound("session", session_id)

    def set_deleted(self, session_id: str, deleted_at: int | None) -> None:
        # Runs before their session: the order that all locks are taken in.
        for table_name in ("agent_runs", "messages", "sessions"):
            statement = _mark_deleted(table_name, restore=deleted_at is None)
            statement.run(self._driver, key=session_id, at=deleted_at)


def _narrowed(values: dict[str, object], scope: Scope) -> frozenset[str]:
    if scope.user_id is not None:
        values["user_id"] = scope.user_id
    return frozenset(values) if scope.with_deleted else frozenset(values) | {"live"}
