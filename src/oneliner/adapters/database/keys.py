"""Idempotency keys in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, text

from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import idempotency_keys as keys
from oneliner.domain.errors import RequestInFlight

if TYPE_CHECKING:
    from oneliner.adapters.database.statement import Driver

_FIND = Statement(
    select(keys.c.body_hash, keys.c.status, keys.c.answer).where(
        keys.c.user_id == bindparam("user"), keys.c.route == bindparam("route"), keys.c.key == bindparam("key")
    )
)
_KEEP = Statement(insert(keys), tuple(c.name for c in keys.c))
_PURGE = Statement(delete(keys).where(keys.c.created_at < bindparam("before")))
_LOCK = Statement(text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"))


class SqlKeys:
    """The idempotency key store; see ``app.ports.KeyStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def find(self, user_id: str, route: str, key: str) -> tuple[str, int, str] | None:
        # SQLite has one writer, so a second request with the key cannot be under way in another transaction.
        if self._driver.dialect.name == "postgresql":
            row = _LOCK.first(self._driver, name=f"key:{user_id}:{route}:{key}")
            if row is None or not row[0]:
                raise RequestInFlight("a request with this Idempotency-Key is still being answered; try again shortly")
        row = _FIND.first(self._driver, user=user_id, route=route, key=key)
        return None if row is None else (row[0], row[1], row[2])

    def keep(self, user_id: str, route: str, key: str, body_hash: str, status: int, answer: str) -> None:
        _KEEP.run(
            self._driver,
            user_id=user_id,
            route=route,
            key=key,
            body_hash=body_hash,
            status=status,
            answer=answer,
            created_at=self._now_ms,
        )

    def purge(self, older_than_ms: int) -> int:
        return _PURGE.count(self._driver, before=older_than_ms)
