"""Keeping and reading the audit log.

A use case records what it does in its own transaction: what is in the log was done, and what was done is in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.domain.audit import AuditEntry

if TYPE_CHECKING:
    from oneliner.app.ports import AuditFilter, Page, Transaction
    from oneliner.domain.audit import Action, Target
    from oneliner.domain.user import Caller


def record(tx: Transaction, actor: str, action: Action, target: Target, target_id: str, **details: object) -> None:
    """Write down that *actor* does *action* to a target. *details* are codes, ids and figures, never content."""
    tx.audit.add(AuditEntry(tx.new_id(), tx.now_ms, actor, action, target, target_id, details))


def record_if_foreign(
    tx: Transaction, caller: Caller, owner: str, action: Action, target: Target, target_id: str, **details: object
) -> None:
    """Write it down when *caller* does it to what belongs to somebody else, *owner*."""
    if caller.user_id != owner:
        record(tx, caller.user_id, action, target, target_id, owner=owner, **details)


def page(tx: Transaction, caller: Caller, part: Page, only: AuditFilter) -> list[AuditEntry]:
    """Entries of the log, newest first. Raises Forbidden: the caller is no administrator."""
    caller.check_admin()
    return tx.audit.page(part, only)
