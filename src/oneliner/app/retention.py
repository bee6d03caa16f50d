"""Retention: sessions of a project go when nothing has happened in them for as long as its rule says.

They are deleted as by hand, so they can be restored until they are purged. A session with a run that has not ended is
never touched, however old it is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oneliner.app import audit, lanes
from oneliner.domain.audit import SERVER, Action, Target
from oneliner.domain.errors import NotFound
from oneliner.domain.run import chat_lane

if TYPE_CHECKING:
    from oneliner.app.ports import Database, Page, Transaction
    from oneliner.domain.retention import RetentionRule
    from oneliner.domain.user import Caller

BATCH = 100


def put(tx: Transaction, caller: Caller, project_id: str, keep_days: int) -> RetentionRule:
    """Keep the sessions of a project (empty: those without one) for *keep_days* days after the last thing that happened
    in them. Raises Forbidden: an administrator's.
    """
    caller.check_admin()
    audit.record(tx, caller.user_id, Action.RETENTION_SET, Target.PROJECT, project_id, keep_days=keep_days)
    return tx.retention.put(project_id, keep_days, caller.user_id)


def remove(tx: Transaction, caller: Caller, project_id: str) -> None:
    """Keep the sessions of a project for good. Raises Forbidden; NotFound: it has no rule."""
    caller.check_admin()
    if not tx.retention.remove(project_id):
        raise NotFound("retention rule", project_id)
    audit.record(tx, caller.user_id, Action.RETENTION_REMOVED, Target.PROJECT, project_id)


def page(tx: Transaction, caller: Caller, part: Page) -> list[RetentionRule]:
    """The rules by project. Raises Forbidden."""
    caller.check_admin()
    return tx.retention.page(part)


async def delete_expired(database: Database) -> int:
    """Delete the sessions that are kept for longer than the rule of their project says; how many."""
    deleted = 0
    while found := await database.read(lambda tx: tx.retention.expired(BATCH)):
        done = [await database.write(partial(_delete, session_id=session_id)) for session_id in found]
        deleted += sum(done)
        if not any(done):
            # Somebody else is at it.
            return deleted
    return deleted


def _delete(tx: Transaction, session_id: str) -> bool:
    lanes.hold(tx, chat_lane(session_id))
    # Again, now that its lane is held: something may have happened in it.
    if not tx.retention.is_expired(session_id):
        return False
    tx.sessions.set_deleted(session_id, tx.now_ms)
    audit.record(tx, SERVER, Action.SESSION_EXPIRED, Target.SESSION, session_id)
    return True
