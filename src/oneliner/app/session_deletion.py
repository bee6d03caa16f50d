"""Deleting a session: softly, with all it holds, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app import audit, lanes
from oneliner.app.ports import Scope
from oneliner.app.runs import cancel_as, scope_of
from oneliner.domain.audit import SERVER, Action, Target
from oneliner.domain.run import Reason

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.domain.session import Session
    from oneliner.domain.user import Caller


def delete(tx: Transaction, caller: Caller, session_id: str) -> None:
    """Mark a session, its messages and its runs as deleted; runs that have not ended are cancelled first.

    Raises NotFound: no such session of the caller, or deleted already.
    """
    session = _delete(tx, session_id, scope_of(caller), caller.user_id)
    audit.record(tx, caller.user_id, Action.SESSION_DELETED, Target.SESSION, session.id, owner=session.user_id)


def delete_erased(tx: Transaction, session_id: str) -> None:
    """The same to a session of a user who is being erased. Raises NotFound: it was deleted already."""
    _delete(tx, session_id, Scope(None), SERVER)


def _delete(tx: Transaction, session_id: str, scope: Scope, by: str) -> Session:
    session = tx.sessions.get(session_id, scope)
    for run in lanes.hold_of_session(tx, session.id):
        tx.runs.hold(run.id)
    # Again, now that they are held: one may have ended meanwhile.
    still_open = tx.runs.open_in_session(session.id)
    tx.sessions.set_deleted(session.id, tx.now_ms)
    for run in still_open:
        cancel_as(tx, run, Reason.SESSION_DELETED, by)
    return session
