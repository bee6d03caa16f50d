"""Users in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, or_, select, text, update

from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import users, webhook_endpoints
from oneliner.domain.errors import NotFound
from oneliner.domain.user import User, UserStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page
    from oneliner.domain.user import Caller

_COLUMNS = (users.c.id, users.c.name, users.c.status, users.c.created_at)
_GET = Statement(select(*_COLUMNS).where(users.c.id == bindparam("id")))
_ADD = Statement(
    text(
        "INSERT INTO users (id, name, status, event_cursor, created_at) VALUES (:id, :name, :status, 0, :now)"
        " ON CONFLICT (id) DO NOTHING"
    )
)
_NAME = Statement(update(users).where(users.c.id == bindparam("key")).values(name=bindparam("new_name")))
_PAGE = Statement(
    select(*_COLUMNS).where(users.c.id > bindparam("before")).order_by(users.c.id).limit(bindparam("limit"))
)
_STATUS = Statement(
    update(users).where(users.c.id == bindparam("key")).values(status=bindparam("new_status")).returning(*_COLUMNS)
)
_ERASE = Statement(
    update(users)
    .where(users.c.id == bindparam("key"))
    .values(name="", status=str(UserStatus.ERASED))
    .returning(users.c.id)
)
_ADVANCE = Statement(
    update(users)
    .where(users.c.id == bindparam("key"))
    .values(event_cursor=users.c.event_cursor + bindparam("events"))
    .returning(
        users.c.event_cursor,
        exists().where(
            webhook_endpoints.c.disabled_reason == "",
            or_(webhook_endpoints.c.all_projects == 1, webhook_endpoints.c.project_id == bindparam("project")),
        ),
    )
)


def _user(row: Sequence[Any]) -> User:
    return User(row[0], row[1], UserStatus(row[2]), row[3])


class SqlUsers:
    """The user store; see ``app.ports.UserStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def admit(self, caller: Caller, status_if_new: UserStatus) -> User:
        row = _GET.first(self._driver, id=caller.user_id)
        if row is None:
            _ADD.run(self._driver, id=caller.user_id, name=caller.name, status=str(status_if_new), now=self._now_ms)
            row = _GET.first(self._driver, id=caller.user_id)
            if row is None:
                raise NotFound("user", caller.user_id)
        elif caller.name and row[1] != caller.name and row[2] != str(UserStatus.ERASED):
            _NAME.run(self._driver, key=caller.user_id, new_name=caller.name)
        return _user(row)

    def find(self, user_id: str) -> User | None:
        row = _GET.first(self._driver, id=user_id)
        return None if row is None else _user(row)

    def page(self, page: Page) -> list[User]:
        return [_user(r) for r in _PAGE.rows(self._driver, before=page.before or "", limit=page.limit)]

    def set_status(self, user_id: str, status: UserStatus) -> User:
        row = _STATUS.first(self._driver, key=user_id, new_status=str(status))
        if row is None:
            raise NotFound("user", user_id)
        return _user(row)

    def erase(self, user_id: str) -> None:
        if _ERASE.first(self._driver, key=user_id) is None:
            raise NotFound("user", user_id)

    def advance_cursor(self, user_id: str, count: int, project_id: str) -> tuple[int, bool]:
        row = _ADVANCE.first(self._driver, key=user_id, events=count, project=project_id)
        if row is None:
            raise NotFound("user", user_id)
        return row[0], bool(row[1])
