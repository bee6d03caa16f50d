"""Retention rules in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, exists, select, text

from oneliner.adapters.database.statement import Statement, one_of
from oneliner.adapters.database.tables import agent_runs, sessions
from oneliner.adapters.database.tables import retention_rules as rules
from oneliner.domain.retention import RetentionRule
from oneliner.domain.run import ENDED, RunStatus

if TYPE_CHECKING:
    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page

_DAY_MS = 86_400_000
_PUT = Statement(
    text(
        "INSERT INTO retention_rules (project_id, keep_days, updated_by, updated_at)"
        " VALUES (:project_id, :keep_days, :updated_by, :updated_at)"
        " ON CONFLICT (project_id) DO UPDATE SET keep_days = excluded.keep_days, updated_by = excluded.updated_by,"
        " updated_at = excluded.updated_at"
    )
)
_REMOVE = Statement(delete(rules).where(rules.c.project_id == bindparam("project")))
_FIRST_PAGE = select(*rules.c).order_by(rules.c.project_id).limit(bindparam("limit"))
_PAGE = Statement(_FIRST_PAGE.where(rules.c.project_id > bindparam("after")))
_FIRST = Statement(_FIRST_PAGE)
_IS_EXPIRED = (
    sessions.c.deleted_at.is_(None),
    sessions.c.updated_at + rules.c.keep_days * _DAY_MS < bindparam("now"),
    ~exists().where(agent_runs.c.session_id == sessions.c.id, one_of(agent_runs.c.run_status, set(RunStatus) - ENDED)),
)
_JOINED = select(sessions.c.id).join_from(rules, sessions, sessions.c.project_id == rules.c.project_id)
_EXPIRED = Statement(_JOINED.where(*_IS_EXPIRED).order_by(sessions.c.id).limit(bindparam("limit")))
_ONE_EXPIRED = Statement(_JOINED.where(*_IS_EXPIRED, sessions.c.id == bindparam("session")))


class SqlRetention:
    """The store of retention rules; see ``app.ports.RetentionStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def put(self, project_id: str, keep_days: int, author: str) -> RetentionRule:
        rule = RetentionRule(project_id, keep_days, author, self._now_ms)
        _PUT.run(self._driver, project_id=project_id, keep_days=keep_days, updated_by=author, updated_at=self._now_ms)
        return rule

    def remove(self, project_id: str) -> bool:
        return _REMOVE.count(self._driver, project=project_id) > 0

    def page(self, page: Page) -> list[RetentionRule]:
        # The empty name is a name here, so it cannot stand for the beginning.
        statement = _FIRST if page.before is None else _PAGE
        return [RetentionRule(*r) for r in statement.rows(self._driver, after=page.before, limit=page.limit)]

    def expired(self, limit: int) -> list[str]:
        return [r[0] for r in _EXPIRED.rows(self._driver, now=self._now_ms, limit=limit)]

    def is_expired(self, session_id: str) -> bool:
        return _ONE_EXPIRED.first(self._driver, now=self._now_ms, session=session_id) is not None
