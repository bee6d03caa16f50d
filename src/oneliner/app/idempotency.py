"""Answering a request once: the same key and body get the answer that was given the first time.

The key, the work and the answer are one transaction, so a key is remembered exactly when its work was done. What was
refused is not remembered: nothing has happened, and the same request may be tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.domain.errors import IdempotencyMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.ports import Transaction


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that carries an idempotency key. *route* is its method and path, *body_hash* tells bodies apart."""

    user_id: str
    route: str
    key: str
    body_hash: str


@dataclass(frozen=True, slots=True)
class Given:
    """The answer to it: *text* is JSON; *replayed* when it was given before."""

    status: int
    text: str
    replayed: bool = False


def once(tx: Transaction, asked: Asked, status: int, work: Callable[[Transaction], str]) -> Given:
    """The answer to *asked*: the one that was given before, or that of *work*, which is kept.

    Raises IdempotencyMismatch: the key was used with another body; RequestInFlight: it is being answered right now.
    """
    found = tx.keys.find(asked.user_id, asked.route, asked.key)
    if found is None:
        text = work(tx)
        tx.keys.keep(asked.user_id, asked.route, asked.key, asked.body_hash, status, text)
        return Given(status, text)
    body_hash, first_status, first_text = found
    if body_hash != asked.body_hash:
        raise IdempotencyMismatch("this Idempotency-Key was used before with another body; use a new one")
    return Given(first_status, first_text, replayed=True)
