"""Saved views in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select, text

from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import saved_views as views
from oneliner.domain.saved_view import SavedView

if TYPE_CHECKING:
    from oneliner.adapters.database.statement import Driver

_PUT = Statement(
    text(
        "INSERT INTO saved_views (user_id, name, query, created_at, updated_at)"
        " VALUES (:user_id, :name, :query, :now, :now)"
        " ON CONFLICT (user_id, name) DO UPDATE SET query = excluded.query, updated_at = excluded.updated_at"
        " RETURNING name, query, created_at, updated_at"
    )
)
_REMOVE = Statement(delete(views).where(views.c.user_id == bindparam("user"), views.c.name == bindparam("called")))
_OF_USER = Statement(
    select(views.c.name, views.c.query, views.c.created_at, views.c.updated_at)
    .where(views.c.user_id == bindparam("user"))
    .order_by(views.c.created_at, views.c.name)
)


class SqlSavedViews:
    """The store of saved views; see ``app.ports.SavedViewStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def of_user(self, user_id: str) -> list[SavedView]:
        return [SavedView(*r) for r in _OF_USER.rows(self._driver, user=user_id)]

    def put(self, user_id: str, name: str, query: str) -> SavedView:
        return SavedView(*_PUT.rows(self._driver, user_id=user_id, name=name, query=query, now=self._now_ms)[0])

    def remove(self, user_id: str, name: str) -> bool:
        return _REMOVE.count(self._driver, user=user_id, called=name) > 0
