"""Signing in with a one-time code, of which the database knows only the hash."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from oneliner.app import audit
from oneliner.domain.audit import SERVER, Action, Target
from oneliner.domain.errors import Unauthenticated
from oneliner.domain.user import Authority

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction


def hashed(code: str) -> str:
    """What is stored of a *code*: its SHA-256, in hex."""
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()


def allow(tx: Transaction, code: str, user_id: str, authority: Authority, ttl_ms: int) -> None:
    """Let *code* sign *user_id* in once, for a while."""
    tx.sign_in_codes.add(hashed(code), user_id, str(authority), ttl_ms)
    audit.record(tx, SERVER, Action.SIGN_IN_LINK_MADE, Target.USER, user_id, role=str(authority))


def exchange(tx: Transaction, code: str) -> tuple[str, Authority]:
    """The user and authority that *code* stands for; it is used up. Raises Unauthenticated: unknown, used, expired."""
    taken = tx.sign_in_codes.take(hashed(code))
    if taken is None:
        raise Unauthenticated("this sign-in code is not valid, or was used already")
    user_id, authority = taken
    audit.record(tx, user_id, Action.SIGN_IN_LINK_USED, Target.USER, user_id, role=authority)
    return user_id, Authority(authority)
