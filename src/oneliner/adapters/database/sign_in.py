"""One-time sign-in codes in the database, stored as hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert

from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import sign_in_codes as codes

if TYPE_CHECKING:
    from oneliner.adapters.database.statement import Driver

_ADD = Statement(insert(codes), tuple(c.name for c in codes.c))
_TAKE = Statement(
    delete(codes)
    .where(codes.c.code_hash == bindparam("hash"), codes.c.expires_at > bindparam("now"))
    .returning(codes.c.user_id, codes.c.role)
)
_PURGE = Statement(delete(codes).where(codes.c.expires_at <= bindparam("now")))


class SqlSignInCodes:
    """The sign-in code store; see ``app.ports.SignInCodeStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def add(self, code_hash: str, user_id: str, role: str, ttl_ms: int) -> None:
        _PURGE.run(self._driver, now=self._now_ms)
        _ADD.run(self._driver, code_hash=code_hash, user_id=user_id, role=role, expires_at=self._now_ms + ttl_ms)

    def take(self, code_hash: str) -> tuple[str, str] | None:
        row = _TAKE.first(self._driver, hash=code_hash, now=self._now_ms)
        return None if row is None else (row[0], row[1])
