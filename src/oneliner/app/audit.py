"""Keeping and reading the audit log.

A use case records what it does in its own transaction: what is in the log was done, and what was done is in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.domain.audit import AuditEntry, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.ports import AuditFilter, Page, Transaction
    from oneliner.domain.audit import Action
    from oneliner.domain.policy import LayerName
    from oneliner.domain.run import Run
    from oneliner.domain.user import Caller


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log as it is read: ``actor_name`` is what the user goes by now, or empty."""

    entry: AuditEntry
    actor_name: str


def record(tx: Transaction, actor: str, action: Action, target: Target, target_id: str, **details: object) -> None:
    """Write down that *actor* does *action* to a target. *details* are codes, ids and figures, never content."""
    tx.audit.add(AuditEntry(tx.new_id(), tx.now_ms, actor, action, target, target_id, details))


def layer_id(name: LayerName, scope_key: str) -> str:
    """How the log names a policy layer."""
    return f"{name}:{scope_key}"


def record_of_run(tx: Transaction, actor: str, action: Action, run: Run, **details: object) -> None:
    """Write down that *actor* does *action* to *run*, whosever it is."""
    record(tx, actor, action, Target.RUN, run.id, owner=run.user_id, **details)


def page(tx: Transaction, caller: Caller, part: Page, only: AuditFilter) -> list[Line]:
    """Lines of the log, newest first. Raises Forbidden: the caller is no administrator."""
    caller.check_admin()
    return named(tx, tx.audit.page(part, only))


def named(tx: Transaction, entries: Sequence[AuditEntry]) -> list[Line]:
    """*entries* with the names of who did it, as far as they are known now."""
    names = {actor: user.name for actor in {e.actor for e in entries} if (user := tx.users.find(actor)) is not None}
    return [Line(entry, names.get(entry.actor, "")) for entry in entries]
